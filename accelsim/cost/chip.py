"""The physical facts of a chip that its energy and area depend on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ChipDescription:
    """A chip as its price list sees it: sizes and widths, no time and no names of concrete parts.

    Buffers are per tile; their capacity is split over their banks, and a bank above 256 KiB over several macros.
    `lane_bits` is the width of the multiplier's spike operand: T for packed words, 1 for bit-serial planes (the
    product is then a gated weight, so only the add is paid), 8 for a dense array. `dram_pj_per_bit` is None where
    the memory is ideal and costs nothing. `leakage_factor` multiplies all leakage: itrs-lstp cells are a lower bound.
    In sides of a tile, `link_lengths` is how long a link between routers is, and `node_lengths` the wires from a node
    to its router and from a router to its node, 0 where they are short.
    """

    node_nm: int
    clock_mhz: float
    tiles: int
    pe_rows: int
    pe_columns: int
    weight_bits: int
    lane_bits: int
    accumulator_bits: int
    spike_buffer_bytes: int
    weight_buffer_bytes: int
    accumulator_buffer_bytes: int
    line_bits: int
    fifo_words: int
    neuron_lanes: int
    noc_routers: int
    noc_ports: int
    flit_bits: int
    virtual_channels: int
    buffer_flits: int
    dram_pj_per_bit: float | None
    leakage_factor: float = 1.0
    link_lengths: float = 1.0
    node_lengths: float = 0.0
    spike_buffer_banks: int = 1
    weight_buffer_banks: int = 1
    accumulator_buffer_banks: int = 1
