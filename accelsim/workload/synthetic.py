"""Workload files: layers with densities, from which words are drawn."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, model_validator

from accelsim.config import Count, Settings, Share, broken, load_yaml, validate
from accelsim.errors import InputError, Problem
from accelsim.workload.archive import sha256
from accelsim.workload.density import MAX_LISTED_BITS, Density, draw_words
from accelsim.workload.graph import Graph, Place, input_shape, link, output_shape
from accelsim.workload.kept import Kept
from accelsim.workload.layer import ARRAY_OPS, ATTENTION_OPS, WEIGHTED_OPS, Kind, Layer, Op
from accelsim.workload.settings import Bits, Name, Shape, Steps, WordBits, some_layers
from accelsim.workload.window import Window
from accelsim.workload.words import (
    Words,
    compute_words,
    draw_accumulators,
    generator,
    is_plain_max_pool,
    unpool,
)
from accelsim.workload.workload import Parameters

ROUNDING = 1e-5
"""By how much a share of bits may miss the bound that the density sets: both are rounded."""

SUM_ERROR = 1e-2
"""By how much shares that stand for a whole may miss 1."""


Densities = dict[tuple[str, int], Density]
"""Of the words that (layer, operand) consumes."""


class WorkloadLayer(Window):
    """A layer of a workload file. Densities are those of the words that it consumes."""

    name: Name
    op: Literal[Op, "gemm"]
    inputs: tuple[Name, ...] = Field(default=(), description="Its producers; none: fresh words from DRAM.")
    in_shape: Shape | None = Field(default=None, description="Channels, rows, columns; default: what its input makes.")
    out_channels: Count | None = Field(default=None, description="Of conv2d.")
    out_features: Count | None = Field(default=None, description="Of linear.")
    m: Count | None = Field(default=None, description="Of gemm: rows of words, each of k; the output is m x n.")
    n: Count | None = Field(default=None, description="Of gemm: columns of weights.")
    k: Count | None = Field(default=None, description="Of gemm: the dimension summed over.")
    density: Share | None = Field(default=None, description="Share of nonzero words.")
    bit_density: Share | tuple[Share, ...] | None = Field(
        default=None,
        description="Share of ones among all bits, or a list of one for each bit plane, first time step first; "
        "default: uniform words.",
    )
    word_shares: tuple[Share, ...] | None = Field(
        default=None, description="Instead of bit_density: shares of the values 1, 2, ... among nonzero words."
    )
    spatial_correlation: Share = Field(default=0.0, description="How much the channels of a position fire together.")
    channel_correlation: Share = Field(default=0.0, description="How much the positions of a channel fire together.")
    neighbour_correlation: Share = Field(
        default=0.0, description="How much neighbours fire together, besides what is common to their channel."
    )
    weight_density: Share | None = Field(
        default=None,
        description="Share of nonzero weights; of an attention product: of nonzero words of the second operand.",
    )
    weight_bits: Bits | None = Field(default=None, description="Default: the network's.")
    kind: Kind = "spikes"
    timesteps: Steps | None = Field(default=None, description="Default: the network's; 1 for integers.")
    bits_per_step: WordBits | None = Field(default=None, description="Default 1; 8 for integers.")
    word_bits: WordBits | None = Field(
        default=None, description="Default: its input's, else timesteps x bits_per_step."
    )
    out_word_bits: Bits | None = Field(default=None, description="Default: what consumers take.")
    fires: bool = Field(default=True, description="Whether its sums become spikes.")

    @model_validator(mode="after")
    def _complete(self) -> WorkloadLayer:
        needed = {"conv2d": ("out_channels",), "linear": ("out_features",), "gemm": ("m", "n", "k")}
        for key in needed.get(self.op, ()):
            if getattr(self, key) is None:
                raise broken(key, f"is missing: {self.op} needs it")
        foreign = {"out_channels": "conv2d", "out_features": "linear", "m": "gemm", "n": "gemm", "k": "gemm"}
        for key, op in foreign.items():
            if getattr(self, key) is not None and self.op != op:
                raise broken(key, f"belongs to {op}, not to {self.op}")
        if self.spatial_correlation + self.channel_correlation > 1:
            raise broken("channel_correlation", "is more than spatial_correlation leaves", self.channel_correlation)
        for key in (
            "bit_density",
            "word_shares",
            "spatial_correlation",
            "channel_correlation",
            "neighbour_correlation",
        ):
            if getattr(self, key) and self.density is None:
                raise broken(key, "says nothing without density")
        if self.bit_density is not None and self.word_shares is not None:
            raise broken("word_shares", "says more than bit_density: give one of them")
        if self.op == "gemm" and self.in_shape is not None:
            raise broken("in_shape", "follows from m and k")
        if not self.inputs and self.in_shape is None and self.op != "gemm":
            raise broken("in_shape", "is missing: without inputs, words come from DRAM in this shape")
        return self


class WorkloadFile(Settings):
    """The whole of a workload file."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    timesteps: Steps = 1
    weight_bits: Bits = 8
    images: Count = Field(default=16, description="Different images that are drawn.")
    note: str = Field(default="", description="Where the densities come from, for people.")
    layers: Annotated[tuple[WorkloadLayer, ...], AfterValidator(some_layers)]


class Synthetic:
    """A `Workload` whose words are drawn.

    A layer's output words have the density that a consumer on the PE array asks for; without one, those that follow
    from what the layer consumes (of pools, sums, joined and repeated maps, attention products without neurons) are
    computed, and others have the density that a pool or add asks for, else that of their own input. What a max
    pool consumes is drawn so that pooling it gives what the pool produces.
    """

    def __init__(
        self, file: WorkloadFile, graph: Graph, densities: Densities, source: dict[str, Any], seed: int = 0
    ) -> None:
        self.name = file.name
        self.layers = graph.layers
        self.timesteps = file.timesteps
        self.images = file.images
        self.source = source
        self.seed = seed
        self._by_name = {layer.name: layer for layer in self.layers}
        self._consumers = {
            layer.name: [other for other in self.layers if layer.name in other.inputs] for layer in self.layers
        }
        self._consumed = densities
        self._produced = {
            layer.name: density for layer in self.layers if (density := self._density(layer, densities)) is not None
        }
        self._derived = Kept()
        self.drawn = tuple(layer.name for layer in self.layers if not layer.computed or layer.name in self._produced)
        self.notes = (*graph.notes, "all words are drawn at random, at the densities of the workload file")

    def input_words(self, layer: str, image: int, operand: int = 0) -> Words:
        """See `Workload`."""
        producers = self._by_name[layer].inputs
        return self._keep(f"out/{producers[operand]}" if producers else f"in/{layer}", image % self.images)

    def output_words(self, layer: str, image: int) -> NDArray[np.integer[Any]]:
        """See `Workload`."""
        return self._keep(f"out/{layer}", image % self.images)

    def parameters(self, layer: str) -> Parameters | None:
        """None: a workload file holds no weights."""
        return None

    def _density(self, layer: Layer, densities: Densities) -> Density | None:
        """The density to draw a layer's output words at; None where they are computed."""
        asking = [
            (other, densities[other.name, operand])
            for other in self._consumers[layer.name]
            for operand, producer in enumerate(other.inputs)
            if producer == layer.name and (other.name, operand) in densities
        ]
        asking = [asked for asked in asking if asked[0].op in ARRAY_OPS] or ([] if layer.computed else asking)
        if asking:
            return asking[0][1]
        return None if layer.computed else densities.get((layer.name, 0), Density(1.0))

    def _keep(self, key: str, image: int) -> NDArray[Any]:
        side, _, name = key.partition("/")
        layer = self._by_name[name]
        return self._derived.get((key, image), partial(self._draw if side == "in" else self._produce, layer, image))

    def _draw(self, layer: Layer, image: int) -> NDArray[Any]:
        rng = generator(self.seed, f"in/{layer.name}", image)
        return draw_words(rng, layer.in_shape, layer.word_bits, self._consumed[layer.name, 0])

    def _produce(self, layer: Layer, image: int) -> NDArray[Any]:
        if layer.name not in self._produced:
            operands = [self.input_words(layer.name, image, operand) for operand in range(layer.operands)]
            return compute_words(layer, operands)
        rng = generator(self.seed, f"out/{layer.name}", image)
        if layer.signed:
            return draw_accumulators(rng, layer)
        words = draw_words(rng, layer.out_shape, layer.out_word_bits, self._produced[layer.name])
        for consumer in self._consumers[layer.name]:
            if is_plain_max_pool(consumer) and consumer.name in self._produced:
                pooled = self._keep(f"out/{consumer.name}", image)
                return unpool(rng, pooled.astype(words.dtype), words, consumer.kernel)
        return words


def read_workload(path: str | Path, seed: int = 0) -> Synthetic:
    """Read a workload file; `seed` draws its words. Raises `InputError` with all problems, with lines and keys."""
    document = load_yaml(path)
    file = validate(WorkloadFile, document)

    def place(index: int, key: str, rule: str, value: object, allowed: str) -> Problem:
        return document.problem(("layers", index, key), rule, value, allowed)

    graph = link(_layers(file, place), file.timesteps, place)
    densities = _densities(file, graph, place)
    notes = [
        f"{layer.name}: zero weights are drawn at its weight_density; they count on arrays that skip them"
        for layer in file.layers
        if layer.weight_density is not None and layer.op not in ATTENTION_OPS
    ]
    source = {
        "path": str(path),
        "sha256": sha256(path),
        "format": "accelsim workload",
        "seed": seed,
        "note": file.note,
        "inferred": [*graph.notes, *notes],
    }
    return Synthetic(file, Graph(graph.layers, (*graph.notes, *notes)), densities, source, seed)


def _layers(file: WorkloadFile, place: Place) -> list[Layer]:
    """The layers as described, before they are linked."""
    layers: list[Layer] = []
    shapes: dict[str, tuple[int, int, int]] = {}
    problems: list[Problem] = []
    for index, given in enumerate(file.layers):
        unknown = [producer for producer in given.inputs if producer not in shapes]
        operands = [shapes[producer] for producer in given.inputs if producer in shapes]
        in_shape = given.in_shape
        if given.op == "gemm":
            in_shape = (given.k or 1, given.m or 1, 1)
        elif in_shape is None and operands and not unknown:
            in_shape = input_shape(given.op, operands)
        if in_shape is None or (given.op == "attention_values" and unknown):
            allowed = ", ".join(shapes)
            problems.append(place(index, "inputs", "names no layer before this one", unknown[0], allowed))
            continue
        op = "conv2d" if given.op == "gemm" else given.op
        channels = given.out_channels or given.out_features or given.n or 0
        if op == "attention_values" and len(operands) > 1:
            channels = operands[1][0]
        spikes = given.kind == "spikes"
        timesteps = given.timesteps or (file.timesteps if spikes else 1)
        step_bits = given.bits_per_step or (1 if spikes else given.word_bits or 8)
        layer = Layer(
            name=given.name,
            op=op,
            inputs=given.inputs,
            in_shape=in_shape,
            out_shape=(channels, 1, 1),
            **given.window(op, in_shape),
            weight_bits=(given.weight_bits or file.weight_bits) if op in WEIGHTED_OPS else 0,
            weight_density=1.0 if given.weight_density is None or op not in WEIGHTED_OPS else given.weight_density,
            kind=given.kind,
            timesteps=timesteps,
            bits_per_step=step_bits,
            word_bits=given.word_bits or (0 if given.inputs else timesteps * step_bits),
            fires=given.fires or op not in ARRAY_OPS,
            out_word_bits=given.out_word_bits or 0,
        )
        layer = replace(layer, out_shape=output_shape(layer))
        shapes[given.name] = layer.out_shape
        layers.append(layer)
    if problems:
        raise InputError(problems)
    return layers


def _densities(file: WorkloadFile, graph: Graph, place: Place) -> Densities:
    """Density of the words of each (layer, operand), where the file gives one or another consumer does."""
    by_name = {layer.name: layer for layer in graph.layers}
    densities: Densities = {}
    first: dict[str, WorkloadLayer] = {}
    problems = []
    for index, given in enumerate(file.layers):
        layer = by_name[given.name]
        asked = _asked(given)
        if asked is not None:
            for operand in range(1 if layer.op in ATTENTION_OPS else layer.operands):
                densities[given.name, operand] = asked
            problems += [place(index, *problem) for problem in _bit_problems(asked, layer.word_bits)]
            producer = layer.inputs[0] if layer.inputs and layer.op in ARRAY_OPS else None
            if producer is not None and _asked(first.setdefault(producer, given)) != asked:
                rule = f"differs from that of {first[producer].name}, which consumes the same words"
                problems.append(place(index, "density", rule, given.density, ""))
        if layer.op in ATTENTION_OPS and given.weight_density is not None:
            densities[given.name, 1] = Density(given.weight_density)
    for index, given in enumerate(file.layers):
        layer = by_name[given.name]
        if (given.name, 0) in densities:
            continue
        if layer.inputs and layer.inputs[0] in first:
            densities[given.name, 0] = densities[first[layer.inputs[0]].name, 0]
        elif not layer.inputs or (layer.op in ARRAY_OPS and not by_name[layer.inputs[0]].computed):
            problems.append(place(index, "density", "is missing: the share of nonzero words consumed", None, "0 to 1"))
    if problems:
        raise InputError(problems)
    return densities


def _bit_problems(asked: Density, word_bits: int) -> list[tuple[str, str, object, str]]:
    """Key, rule, value and allowed values of what bits of words cannot be."""
    if asked.values is not None:
        count = (1 << word_bits) - 1
        if word_bits > MAX_LISTED_BITS:
            rule = f"are given for words of {word_bits} bits"
            return [("word_shares", rule, None, f"words of up to {MAX_LISTED_BITS} bits; bit_density beyond")]
        if len(asked.values) != count:
            return [("word_shares", f"must have {count} values for words of {word_bits} bits", len(asked.values), "")]
        total = math.fsum(asked.values)
        return [] if abs(total - 1) <= SUM_ERROR else [("word_shares", "must sum to 1", round(total, 6), "")]
    planes = asked.planes(word_bits)
    if planes is None:
        return []
    goes = f"does not go with density {asked.words:g} and words of {word_bits} bits"
    least = asked.words / word_bits
    allowed = f"{least:g} to {asked.words:g}"
    if not isinstance(asked.bits, tuple):
        fits = least - ROUNDING <= planes[0] <= asked.words + ROUNDING
        return [] if fits else [("bit_density", goes, planes[0], allowed)]
    if len(planes) != word_bits:
        return [("bit_density", f"must be one number, or {word_bits} for words of that many bits", len(planes), "")]
    if max(planes) > asked.words + ROUNDING:
        return [("bit_density", goes, max(planes), f"at most {asked.words:g} in a plane")]
    mean = math.fsum(planes) / word_bits
    return [] if mean >= least - ROUNDING else [("bit_density", f"{goes} in the mean", round(mean, 6), allowed)]


def _asked(given: WorkloadLayer) -> Density | None:
    if given.density is None:
        return None
    correlations = (given.spatial_correlation, given.channel_correlation, given.neighbour_correlation)
    return Density(given.density, given.bit_density, *correlations, given.word_shares)
