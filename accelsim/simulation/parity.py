"""Do the network of real numbers, its packed and its serial spikes, and the simulated chip answer alike?

Packed spikes, serial spikes and the chip compute the same integers, so that every word must be equal. The network of
real numbers is rounded to spikes: what can be asked of it is that it decides alike. A decision is the index of the
largest value of the network's first answers, at each of their positions: a class an image, or a class a pixel. A
network with further answers, such as the sides of boxes, detects: where none of its first answers is above 0 (one half,
for a logistic score), it sees nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.build.arch import Arch
from accelsim.errors import InputError, Problem
from accelsim.reference.ann import forward
from accelsim.reference.held_out import HeldOut
from accelsim.reference.model import Model, ann_of, integer_network
from accelsim.reference.network import Network, run
from accelsim.reference.trace_maker import record
from accelsim.simulation.provenance import provenance
from accelsim.simulation.run import run_engine
from accelsim.simulation.verify import compare_outputs
from accelsim.workload.trace import trace_of

SCHEMA = 1
BATCH = 8
"""Images that are simulated at once: more would hold more words and find nothing else."""

Answers = Mapping[str, NDArray[Any]]
"""What the layers of one form of the network make of an image, [channels, rows, columns] each."""


@dataclass(slots=True)
class Agreement:
    """The packed form beside another one: decisions, the images in which all of them agree, and words.

    `words` counts what both forms have as integers: none for the network of real numbers.
    """

    form: str
    images: int = 0
    decisions: int = 0
    differing_decisions: int = 0
    words: int = 0
    differing_words: int = 0


@dataclass(slots=True)
class Certificate:
    """What was compared, over how many images, and what came out."""

    network: str
    dataset: str
    arch: str
    arithmetic: str
    """Of the chip's neurons: words of another one than `exact` may differ."""
    timesteps: int
    weight_bits: int
    images: int = 0
    decisions: int = 0
    right: dict[str, int] = field(default_factory=dict)
    """Decisions that equal the labels, by form; empty without labels."""
    agreements: list[Agreement] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    """Words that differ though they must not, a line for each form, image and layer."""
    notes: list[str] = field(default_factory=list)
    """Layers that were computed exactly though the chip's arithmetic is another, and why."""
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether nothing differs that must be equal."""
        return not self.differences

    def as_json(self) -> dict[str, Any]:
        """As in certificate.json."""
        return {"schema": SCHEMA, "holds": self.holds, **asdict(self)}


def certify(
    arch: Arch,
    model: Model,
    held_out: HeldOut,
    *,
    timesteps: int = 4,
    weight_bits: int = 8,
    progress: Callable[[int, int, str], None] | None = None,
) -> Certificate:
    """Run held-out images through all forms of a network, and the chip.

    Raises `InputError` for images of another shape, for labels that are not one a decision, and where the network does
    not fit the chip.
    """
    network = integer_network(model, timesteps, weight_bits)
    ann = ann_of(model)
    decider, *further = model.answers
    _check_labels(network, decider, held_out)
    detects = bool(further)
    must_equal = {"serial": True, "chip": arch.settings.neurons.arithmetic == "exact", "ann": False}
    agreements = {form: Agreement(form) for form in must_equal}
    made = Certificate(
        model.name,
        model.dataset,
        arch.name,
        arch.settings.neurons.arithmetic,
        timesteps,
        weight_bits,
        len(held_out.images),
        agreements=list(agreements.values()),
        provenance=provenance(arch.document.dump(), 0),
    )
    for first in range(0, made.images, BATCH):
        words = model.encode(held_out.images[first : first + BATCH])
        data = record(network, words)
        trace = trace_of(data.meta, data.arrays)
        verified = compare_outputs(run_engine(arch, trace, images=len(words), verify=True))
        made.notes = list(verified.notes.values())
        real = forward(ann, words * model.image_step, [decider])[decider]
        for index, image in enumerate(words):
            packed = {layer.name: trace.output_words(layer.name, index) for layer in network.layers}
            decided = _decisions(packed[decider], detects)
            labels = None if held_out.labels is None else np.ravel(held_out.labels[first + index])
            made.decisions += decided.size
            _count_right(made.right, "packed", decided, labels)
            forms: dict[str, Answers] = {
                "serial": run(network, image, "serial"),
                "chip": {layer.name: verified.outputs[index, layer.name] for layer in network.layers},
                "ann": {decider: real[index]},
            }
            for form, answers in forms.items():
                agreement = agreements[form]
                decisions = _decisions(answers[decider], detects)
                differing = int((decisions != decided).sum())
                agreement.images += differing == 0
                agreement.decisions += decided.size
                agreement.differing_decisions += differing
                _count_right(made.right, form, decisions, labels)
                for name, wrong, size in _words(answers, packed) if form != "ann" else ():
                    agreement.words += size
                    agreement.differing_words += wrong
                    if wrong and must_equal[form]:
                        made.differences.append(
                            f"{form}, image {first + index}, {name}: {wrong} of {size} words are not those of packed"
                        )
        if progress is not None:
            progress(min(first + BATCH, made.images), made.images, model.name)
    return made


def _check_labels(network: Network, decider: str, held_out: HeldOut) -> None:
    if held_out.labels is None:
        return
    positions = next(layer.out_shape[1:] for layer in network.layers if layer.name == decider)
    given = held_out.labels.shape[1:]
    if prod(given) != prod(positions):
        rule = f"are not one for each decision of {decider}"
        allowed = f"[{len(held_out.labels)}, {positions[0]}, {positions[1]}]" if prod(positions) > 1 else "one an image"
        raise InputError(Problem(rule, key="labels", value=list(held_out.labels.shape), allowed=allowed))


def _decisions(answers: NDArray[Any], detects: bool) -> NDArray[np.intp]:
    """The index of the largest channel at each position, one after the other; -1 where a detector sees nothing."""
    decisions: NDArray[np.intp] = np.asarray(answers).argmax(axis=0)
    if detects:
        decisions = np.where(np.asarray(answers).max(axis=0) > 0, decisions, -1)
    return decisions.ravel()


def _count_right(
    right: dict[str, int], form: str, decisions: NDArray[np.intp], labels: NDArray[np.int64] | None
) -> None:
    if labels is not None:
        right[form] = right.get(form, 0) + int((decisions == labels).sum())


def _words(answers: Answers, packed: Answers) -> Iterator[tuple[str, int, int]]:
    """For each layer its name, how many words differ, and how many there are."""
    for name, words in packed.items():
        yield name, int((np.asarray(answers[name]) != np.asarray(words).reshape(answers[name].shape)).sum()), words.size
