"""What a plan says: which tile computes which part of which layer, from which buffers. Pure data, without time."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.units import ceil_div
from accelsim.workload.layer import Layer

Range = tuple[int, int]
"""A half-open range [first, last)."""


@dataclass(frozen=True, slots=True)
class TileCapacity:
    """What the mapping has to know of a chip, as plain numbers."""

    tiles: int
    rows: int
    """Words that the PE array takes in a cycle."""
    columns: int
    """Output channels that it computes at once."""
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
    flit_bytes: int
    packet_bits: int
    """Largest payload of a packet of outputs."""
    controllers: int
    memory_bytes_per_cycle: float

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

    @property
    def rows(self) -> Range:
        return self.strips[0].rows[0], self.strips[-1].rows[1]


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
    estimated_cycles: int


@dataclass(frozen=True, slots=True)
class Plan:
    """The mapping of a whole network."""

    layers: tuple[LayerPlan, ...]
    notes: tuple[str, ...]
    spike_buffer_peak_bytes: tuple[int, ...]
    """Per tile, the highest byte of its spike buffer that is ever used, plus one."""


def block_bytes(layer: Layer, outs: int, channels: int) -> int:
    """Bytes of the weights from a number of input channels of a group to a number of output channels."""
    return ceil_div(layer.kernel[0] * layer.kernel[1] * channels * outs * layer.weight_bits, 8)
