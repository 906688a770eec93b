"""Word for word: what the chip computes against what the trace holds.

The engine computes exact sums, in hardware order. Where the registers of a machine are narrower, or its neurons are not
those of the trace, its words differ from the trace's: they are computed layer by layer, and the differences counted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import SimulationError
from accelsim.reference.firefly import outputs_v1, outputs_v2
from accelsim.simulation.record import Run
from accelsim.workload.layer import WEIGHTED_OPS, Layer

Words = NDArray[np.int64]


@dataclass(slots=True)
class Verification:
    """Computed words by (image, layer), what was compared, and what the reader must know."""

    outputs: dict[tuple[int, str], Words] = field(default_factory=dict)
    layers: int = 0
    words: int = 0
    differing_words: int = 0
    """Words that the chip's arithmetic makes other than the trace."""
    notes: dict[str, str] = field(default_factory=dict)
    """By layer, why it was computed exactly though the chip's arithmetic is another."""
    differences: list[str] = field(default_factory=list)
    """What should be equal and is not, a line for each image and layer."""

    @property
    def counts(self) -> dict[str, int]:
        """As in report.json."""
        return {"layers": self.layers, "words": self.words, "differing_words": self.differing_words}


def verify_outputs(run: Run) -> Verification:
    """Compare all computed words with the trace, as `compare_outputs` does.

    Raises SimulationError naming every layer that differs, how many words and the first of them, unless the chip's
    arithmetic is another one than the trace's.
    """
    found = compare_outputs(run)
    if found.differences:
        raise SimulationError(
            "\n".join(["--verify: the computed outputs are not those of the trace:", *found.differences])
        )
    return found


def compare_outputs(run: Run) -> Verification:
    """Compare all computed words with the trace.

    Outputs that were drawn at random, none being recorded, are computed but not compared.
    """
    by_name = {layer.name: layer for layer in run.layers}
    found = Verification()
    for (image, name), offset in run.program.output_offsets.items():
        layer = by_name[name]
        channels, rows, columns = layer.out_shape
        size = channels * rows * columns
        flat = run.program.contents.outputs[offset : offset + size]
        machine = _machine_words(run, layer, image, found.notes)
        words = flat.reshape(rows, columns, channels).transpose(2, 0, 1) if machine is None else machine
        found.outputs[image, name] = words
        if name in run.workload.drawn:
            continue
        expected = run.workload.output_words(name, image).reshape(words.shape)
        found.layers += image == 0
        found.words += size
        wrong = np.argwhere(words != expected)
        found.differing_words += len(wrong)
        if len(wrong) and machine is None:
            where = tuple(int(place) for place in wrong[0])
            found.differences.append(
                f"  {name}, image {image}: {len(wrong)} of {size} words differ, the first at (channel, row, column) "
                f"{where}: computed {int(words[where])}, recorded {int(expected[where])}"
            )
    return found


def _machine_words(run: Run, layer: Layer, image: int, notes: dict[str, str]) -> Words | None:
    """What a machine of other arithmetic fires; None where the engine's words are the chip's."""
    machine = _outputs_of(run)
    parameters = run.workload.parameters(layer.name)
    if machine is None or parameters is None or layer.op not in WEIGHTED_OPS or not layer.fires:
        return None
    words = run.workload.input_words(layer.name, image).reshape(layer.in_shape)
    try:
        return machine(words.astype(np.int32), layer, parameters)
    except ValueError as error:
        notes[layer.name] = f"{error}: computed exactly"
        return None


def _outputs_of(run: Run) -> Callable[..., Words] | None:
    """The machine whose arithmetic the chip has; None: exact sums, and the trace's neurons."""
    settings = run.arch.settings
    if settings.neurons.arithmetic == "firefly_v1":
        channels = settings.pe_array.pe_shape[1]
        return lambda *layer: outputs_v1(*layer, channels=channels)
    return outputs_v2 if settings.neurons.arithmetic == "firefly_v2" else None
