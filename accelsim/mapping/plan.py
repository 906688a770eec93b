"""What a plan says: which tile computes which part of which layer, from which buffers. Pure data, without time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal

from accelsim.units import ceil_div
from accelsim.workload.layer import WEIGHTED_OPS, Layer

Range = tuple[int, int]
"""A half-open range [first, last)."""

TREE_COPIES = 1.2
"""Copies of a packet from each controller that cost as much as all copies by a tree, at most: half of the packets cross
the middle of the network, where a link is idle for part of the time, as a packet that branches fills its virtual
channel. An estimate, from runs of traces/resnet18_digits.npz."""

ALL_OUTPUTS = 1 << 30
"""Columns of an array that computes all output channels of a layer in one pass."""

LoopOrder = Literal["rows_first", "weights_first"]


ArrayCycles = Callable[[Layer, Range, Range, Range, Sequence[float]], float]
"""Cycles of the array for output rows and channels, from a range of input channels of a group.

The last argument holds the share of words that are not zero, and the share of bits that are set."""


@dataclass(frozen=True, slots=True)
class TileCapacity:
    """What the mapping has to know of a chip, as plain numbers."""

    tiles: int
    rows: int
    """Words that the PE array takes in a cycle."""
    columns: int
    """Output channels of a pass."""
    line_words: int
    lane_bits: int
    """Bits of a word that one scan takes; 1 in a bit-serial machine, which scans once per bit plane."""
    bit_serial: bool
    skips: bool
    """Whether silent words cost nothing."""
    pads_words: bool
    """Whether words are stored and sent in whole multiples of `lane_bits`."""
    spike_buffer_bytes: int
    weight_buffer_bytes: int
    prefetches: bool
    """Whether weights are loaded while others are in use; a block of weights then takes half of the buffer at most."""
    accumulator_words: int
    accumulator_bits: int
    flit_bytes: int
    packet_bits: int
    """Largest payload of a packet of outputs."""
    header_bits: int
    multicast: bool
    """Whether what several tiles read travels as one packet that branches."""
    controllers: int
    memory_bytes_per_cycle: float
    memory_latency_cycles: int
    transfer_bytes: int
    """Largest payload of a packet from DRAM."""
    weight_banks: int
    read_latency_cycles: int
    """From a pass's opening to its first line of the spike buffer."""
    pipeline_cycles: int
    """From a pixel's last word to its sums at the neuron unit."""
    results: int
    """Finished pixels that may wait for the neuron unit, the one in service included."""
    neuron_lanes: int
    """0: the neuron unit takes no time."""
    decoding_cycles: int
    """Cycles of the neuron unit for a time step of a serial decoder; 0: all steps at once."""

    whole_map: bool = False
    """Whether a pass has to hold all output rows of a layer."""
    streams: bool = False
    """Whether input maps are read from memory in the course of a pass, not from the spike buffer."""
    spike_bytes_per_cycle: float | None = None
    """Where memory has ports of their own for words that are read, and words that are stored; else as weights."""
    store_bytes_per_cycle: float | None = None
    write_buffer_bytes: int = 0
    """What is stored and needs no time of the port that stores it while the tile works."""
    array_cycles: ArrayCycles | None = None
    """Estimated cycles of an array whose work a dataflow schedules, one group of a layer's channels at a time."""
    parameter_bytes: Callable[[Layer, Range], int] | None = None
    """Bytes of biases and the like that come before the weights to some output channels."""

    @property
    def scheduled(self) -> bool:
        """Whether a dataflow schedules the work of the array."""
        return self.array_cycles is not None

    @property
    def weight_block_bytes(self) -> int:
        """The largest block of weights that is loaded at once."""
        return self.weight_buffer_bytes // 2 if self.prefetches else self.weight_buffer_bytes

    def scans(self, word_bits: int) -> int:
        """How often the receptive field is scanned for words of this width."""
        return -(-word_bits // self.lane_bits)

    def stored_bits(self, word_bits: int) -> int:
        """Bits that a word of this width takes in buffers and packets."""
        return self.scans(word_bits) * self.lane_bits if self.pads_words else word_bits

    def sent_bits(self, layer: Layer) -> int:
        """Bits that a word which a layer produces takes in a packet."""
        return layer.out_word_bits if layer.signed else self.stored_bits(layer.out_word_bits)

    @property
    def most_copies(self) -> float:
        """Copies of what DRAM gives that cost as much as all copies by a tree; no limit without trees."""
        return max(1.0, TREE_COPIES * self.controllers) if self.multicast else inf

    def packet_pixels(self, bits: int) -> int:
        """Output pixels of so many bits that a packet holds."""
        return max(1, self.packet_bits // bits)

    def flits(self, payload_bits: int) -> int:
        """Flits of a packet."""
        return ceil_div(payload_bits + self.header_bits, 8 * self.flit_bytes)


@dataclass(frozen=True, slots=True)
class Box:
    """Words that a part reads, as they lie in its tile's spike buffer."""

    producer: str | None
    """The layer whose outputs arrive over the network; None: fetched from DRAM."""
    rows: Range
    channels: Range
    """Of its operand; empty where the part reads none of it."""
    bytes: int
    offset: int = 0
    """First byte in the spike buffer."""
    blocked_by: tuple[int, int] | None = None
    """(images back, layer index) of the last reader of words that lie in the same bytes before."""
    copies: int = 1
    """Images whose words have room at a time: 2 where one is written while the other is read."""

    def offset_of(self, image: int) -> int:
        """First byte of the words of an image."""
        return self.offset + image % self.copies * self.bytes


@dataclass(frozen=True, slots=True)
class Strip:
    """Output rows that are computed from one filling of the spike buffer; one box an operand."""

    rows: Range
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """The share of one tile in a layer."""

    tile: int
    channels: Range
    """Output channels."""
    strips: tuple[Strip, ...]
    slots: int
    """Strips whose words are in the spike buffer at a time."""
    groups: tuple[Range, ...]
    """Output channels computed together."""
    chunks: tuple[Range, ...]
    """Input channels of a layer's group whose weights are loaded together; more than one: partial sums are stored."""
    pass_rows: int
    """Output rows whose accumulators fit the accumulator buffer."""
    planes: int = 1
    """Bit planes that are scanned one after another."""
    loop_order: LoopOrder = "rows_first"
    """What the outer loop runs over: strips of rows, or groups of channels, each with its weights."""

    @property
    def rows(self) -> Range:
        return self.strips[0].rows[0], self.strips[-1].rows[1]

    def visits(self) -> Iterator[Visit]:
        """The strips in the order in which they are computed, and which of them are fetched anew."""
        if self.loop_order == "rows_first":
            turns = [(strip, self.groups) for strip in range(len(self.strips))]
        else:
            turns = [(strip, (group,)) for group in self.groups for strip in range(len(self.strips))]
        held: dict[int, tuple[int, int]] = {}
        for number, (strip, groups) in enumerate(turns):
            slot = strip % self.slots
            there, filled = held.get(slot, (-1, -1))
            fetched = there != strip
            if fetched:
                filled = number
            held[slot] = (strip, filled)
            yield Visit(strip, slot, groups, filled, fetched)


@dataclass(frozen=True, slots=True)
class Visit:
    """A strip, and the groups of channels that are computed from it before the next strip's turn."""

    strip: int
    slot: int
    """Of the spike buffer, which strips take in turn."""
    groups: tuple[Range, ...]
    filled: int
    """Number of the visit that filled the slot with this strip."""
    fetched: bool
    """Whether that is this visit."""


@dataclass(frozen=True, slots=True)
class LayerPlan:
    """A layer's parts, and where its outputs go."""

    index: int
    layer: Layer
    parts: tuple[Part, ...]
    consumers: tuple[tuple[int, int], ...]
    """(layer index, operand) of the layers that read its outputs over the network; the others read DRAM.

    What takes the place of weights is always read from DRAM."""
    stores: bool
    """Whether its outputs are written to DRAM."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Cycles that a run is expected to take, under the names of the report."""

    layer_cycles: tuple[int, ...]
    """Per layer, the sum over images of the time from its first cycle to its last, waiting included."""
    finished: tuple[int, ...]
    """Per image, the cycle in which it is done."""

    @property
    def cycles(self) -> int:
        return self.finished[-1]

    @property
    def latency_cycles(self) -> int:
        return self.finished[0]

    @property
    def interval_cycles(self) -> int:
        return interval(self.finished)


def interval(finished: Sequence[int]) -> int:
    """Cycles from one finished image to the next, the mean; of one image, its latency.

    With three images or more, the time from the first to the second is left out: the first finds the chip empty.
    """
    if len(finished) == 1:
        return finished[0]
    first = 1 if len(finished) > 2 else 0
    return max(1, (finished[-1] - finished[first]) // (len(finished) - 1 - first))


@dataclass(frozen=True, slots=True)
class Stage:
    """Neighbouring layers that are pinned to the same tiles."""

    layers: Range
    tiles: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The mapping of a whole network."""

    layers: tuple[LayerPlan, ...]
    notes: tuple[str, ...]
    spike_buffer_peak_bytes: tuple[int, ...]
    """Per tile, the highest byte of its spike buffer that is ever used, plus one."""
    weight_bytes: tuple[int, ...]
    """Per tile, the bytes of all weights that it ever uses, and of the room that words in their place need besides."""
    staying_bytes: tuple[int, ...]
    """Per tile, those of weights alone."""
    weights_stay: tuple[bool, ...]
    """Per tile, whether its weights are loaded once and stay for all images."""
    stages: tuple[Stage, ...] = ()
    """Of a pipelined schedule: layers that share tiles."""
    estimate: Estimate = Estimate((), (0,))

    def stays(self, entry: LayerPlan, part: Part) -> bool:
        """Whether what a part multiplies by is loaded once: weights may be, words in their place are other ones."""
        return self.weights_stay[part.tile] and entry.layer.op in WEIGHTED_OPS


def pass_outputs(layer: Layer, capacity: TileCapacity) -> int:
    """Output channels of a pass, at most."""
    return min(capacity.columns, layer.out_shape[0])


def block_bytes(layer: Layer, outs: int, channels: int) -> int:
    """Bytes of the weights from a number of input channels of a group to a number of output channels."""
    return ceil_div(layer.kernel[0] * layer.kernel[1] * channels * outs * layer.weight_bits, 8)


def load_bytes(layer: Layer, group: Range, chunk: Range, capacity: TileCapacity) -> int:
    """Bytes that are loaded for the sums of a group of output channels over a chunk of input channels."""
    size = block_bytes(layer, group[1] - group[0], chunk[1] - chunk[0])
    if chunk[0] == 0 and capacity.parameter_bytes is not None:
        size += capacity.parameter_bytes(layer, group)
    return size
