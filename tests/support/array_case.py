"""Passes of one array, drawn at random: what they compute, and when what they wait for comes."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from accelsim.rtl.array.shape import ArrayShape

SMALL = ArrayShape(
    rows=2,
    columns=2,
    line_words=4,
    fifo_words=8,
    weight_banks=2,
    pixels=2,
    results=2,
    read_latency_cycles=2,
    pipeline_cycles=2,
    neuron_lanes=2,
    skips=True,
    lane_bits=4,
    spike_words=1 << 10,
    bank_rows=512,
    largest_side=15,
    largest_kernel=5,
    largest_fan_in=255,
    parameter_rows=8,
)


@dataclass(frozen=True, slots=True)
class Pass:
    """A pass: output rows [first, last), input and output channels [first, last), and the cycles in which it is handed
    in, in which its weights are there, and in which its outputs may be sent."""

    rows: tuple[int, int]
    channels: tuple[int, int]
    outs: tuple[int, int]
    submitted: int
    weights: int
    granted: int


@dataclass(frozen=True, slots=True)
class Case:
    """A convolution on an array of a shape. `words` [rows, columns, channels], `weights` [weight rows, outputs]."""

    shape: ArrayShape
    words: NDArray[np.int64]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    groups: int
    """Groups of channels: each has its share of the input channels of a pass, and reaches as many outputs of it."""
    weights: NDArray[np.int8]
    """Of a weight row those from the first output of a pass on, as many as the row's group reaches, are used."""
    bias: NDArray[np.int64]
    threshold: NDArray[np.int64]
    passes: tuple[Pass, ...]
    begun: int
    """First cycle in which some word has come."""
    row_there: tuple[int, ...]
    """First cycle in which all words of a row are there."""
    spike_banks: int
    spike_bits: int
    """Width of the spike buffer's words, of which a line may be part or more than one."""
    spike_taken: tuple[int, ...]
    """Banks of the spike buffer that another master has in a cycle, a bit each; none from some cycle on."""
    weight_taken: tuple[int, ...]
    """The same of the weight buffer."""
    packet_pixels: int
    """Pixels of a packet."""

    @property
    def slices(self) -> int:
        return self.shape.slices

    @property
    def out_shape(self) -> tuple[int, int]:
        """Rows and columns of the outputs."""
        height, width = (
            (self.words.shape[axis] + 2 * self.padding[axis] - self.dilation[axis] * (self.kernel[axis] - 1) - 1)
            // self.stride[axis]
            + 1
            for axis in range(2)
        )
        return height, width

    def weights_of(self, part: Pass) -> NDArray[np.int64]:
        """The weights of a pass [weight rows, outputs], 0 where an input channel does not reach an output."""
        inputs, outs = (last - first for first, last in (part.channels, part.outs))
        reach = outs // self.groups
        whole = np.zeros((len(self.weights), outs), np.int64)
        for row, weights in enumerate(self.weights[:, part.outs[0] : part.outs[0] + reach]):
            channel = row % self.words.shape[2] - part.channels[0]
            group = channel * self.groups // inputs
            if channel >= 0:
                whole[row, group * reach : (group + 1) * reach] = weights
        return whole

    @property
    def row_bits(self) -> int:
        """Bits of a slice of a row of words."""
        return self.words[0].size * self.shape.lane_bits


def banks_at(taken: tuple[int, ...], t: int) -> set[int]:
    """The banks of a cycle."""
    mask = taken[t] if t < len(taken) else 0
    return {bank for bank in range(mask.bit_length()) if mask >> bank & 1}


class Taken(NamedTuple):
    """A word that the array takes."""

    bank: int
    row: int
    """Its weight row."""
    value: int


class Left(NamedTuple):
    """A pixel that leaves the array."""

    number: int
    """Its pass."""
    row: int
    column: int


class Cycle(NamedTuple):
    """What an array did in a cycle, and how full its queues are after it."""

    state: str
    read: int
    """Words of the line that was read, or 0."""
    lost: bool
    """A read lost its bank."""
    taken: tuple[Taken, ...]
    left: Left | None
    sums: tuple[int, ...]
    """Those of a pixel that left `pipeline_cycles` before, and reach the neuron unit with the end of the cycle."""
    fifo: int
    in_flight: int
    results: int


@dataclass(slots=True)
class Run:
    """Every cycle of a case, and its output words [row, column, channel]."""

    cycles: list[Cycle]
    words: NDArray[np.int64]


def first_difference(one: Run, other: Run) -> str:
    """Where two runs part, or ""."""
    for t, (here, there) in enumerate(zip(one.cycles, other.cycles, strict=True)):
        for name, mine, yours in zip(Cycle._fields, here, there, strict=True):
            if mine != yours:
                return f"cycle {t}, {name}: {mine} against {yours}"
    places = np.argwhere(one.words != other.words)
    if len(places):
        place = tuple(places[0])
        return f"word {place}: {one.words[place]} against {other.words[place]}"
    return ""


def random_shape(chance: random.Random, most: int) -> ArrayShape:
    """Any mixture of sizes up to `most` rows and columns, and two banks more."""
    rows = chance.choice((1, *range(2, most + 1), *range(2, most + 1)))
    return replace(
        SMALL,
        rows=rows,
        columns=chance.randint(1, most),
        line_words=chance.randint(1, 2 * most),
        fifo_words=max(2, rows) + chance.choice((0, 0, 1, 2 * most, 4 * most)),
        weight_banks=chance.randint(1, most + 2),
        pixels=chance.randint(1, 4),
        results=chance.randint(1, 3),
        read_latency_cycles=chance.randint(1, 3),
        pipeline_cycles=chance.randint(1, 4),
        neuron_lanes=chance.randint(1, most),
        skips=chance.random() < 0.8,
        lane_bits=chance.choice((1, 2, 4, 4)),
        slices=chance.choice((1, 1, 2)),
    )


def random_banks(chance: random.Random, banks: int, often: float) -> list[int]:
    """Some of the banks in some of the cycles."""
    return [chance.randrange(1 << banks) if chance.random() < often else 0 for _ in range(200)]


def random_case(seed: int, most: int = 4, side: int = 4, most_channels: int = 16) -> Case:
    """A random layer of one or two passes on a random array, in half of the cases with what it needs late or refused.

    Words silent to dense, maps up to `side` rows and columns, some with groups of channels or with dilation, padding up
    to fields that lie outside of their map.
    """
    chance = random.Random(seed)
    numbers = np.random.default_rng(seed)
    shape = random_shape(chance, most)
    kernel = chance.randint(1, 3), chance.randint(1, 3)
    dilation = chance.choice((1, 1, 1, 2)), chance.choice((1, 1, 1, 2))
    reach = tuple(step * (size - 1) + 1 for step, size in zip(dilation, kernel, strict=True))
    padding = max(reach[0] - side + 1, chance.choice((0, reach[0])) // 2), chance.choice((1, reach[1] // 2, reach[1]))
    height = chance.randint(max(1, reach[0] - 2 * padding[0]), side)
    width = chance.randint(max(1, reach[1] - 2 * padding[1]), side)
    groups = chance.choice([1, 1, *(count for count in (2, 3) if count <= min(shape.columns, most_channels))])
    channels = chance.randint(1, most_channels // groups) * groups
    words = numbers.integers(1, 1 << shape.lane_bits * shape.slices, (height, width, channels))
    words[numbers.random(words.shape) > chance.choice((0.2, 0.5, 0.8, 1.0))] = 0
    late = chance.random() < 0.5
    # Of a sum over a field of dense words, most thresholds leave something between silence and all spikes.
    spread = int(np.abs(words).mean() * words[0, 0].size * 50) + 2
    case = Case(
        shape=shape,
        words=words,
        kernel=kernel,
        stride=(chance.randint(1, 2), chance.randint(1, 2)),
        padding=padding,
        dilation=dilation,
        groups=groups,
        weights=numbers.integers(-128, 128, (kernel[0] * kernel[1] * channels, 2 * shape.columns), np.int8),
        bias=numbers.integers(-spread, 3 * spread, 2 * shape.columns),
        threshold=numbers.integers(1, spread, 2 * shape.columns),
        passes=(),
        begun=chance.randint(0, 5) if late else 0,
        row_there=tuple(chance.randint(0, 60) if late else 0 for _ in range(height)),
        spike_banks=chance.randint(1, 4),
        spike_bits=max(1, shape.line_words * shape.lane_bits // chance.choice((1, 1, 2))),
        spike_taken=tuple(random_banks(chance, 4, 0.3)),
        weight_taken=tuple(random_banks(chance, shape.weight_banks, 0.3 if late else 0)),
        packet_pixels=chance.randint(1, 4),
    )
    rows = case.out_shape[0]
    passes = []
    for number in range(chance.randint(1, 2)):
        first_channel = chance.randrange(channels // groups) * groups if chance.random() < 0.3 else 0
        outs = chance.randint(1, shape.columns // groups) * groups
        passes.append(
            Pass(
                rows=(chance.randint(0, rows - 1), rows),
                channels=(first_channel, channels),
                outs=(number * shape.columns, number * shape.columns + outs),
                submitted=chance.choice((0, 20, 100)) * number,
                weights=chance.randint(0, 80) if late else 0,
                granted=chance.choice((0, 100)) if late else 0,
            )
        )
    return replace(case, passes=tuple(passes))
