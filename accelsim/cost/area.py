"""Silicon area of a chip by component: SRAM from CACTI, logic from adders, multipliers and flip-flops.

Left out, for want of figures: DRAM controller and pads, clock tree, sequencer and address generators.
"""

from __future__ import annotations

from accelsim.cost import logic, sram
from accelsim.cost.chip import ChipDescription
from accelsim.cost.constants import value


def product_bits(chip: ChipDescription) -> int:
    """Width of the product of a weight and a lane's operand; a one-bit operand only gates the weight."""
    return chip.weight_bits + (chip.lane_bits if chip.lane_bits > 1 else 0)


def sum_bits(chip: ChipDescription) -> int:
    """Width of a column's adder tree: the product, grown by the rows summed, at most the accumulator."""
    return min(chip.accumulator_bits, product_bits(chip) + (chip.pe_rows - 1).bit_length())


def fifo_word_bits(chip: ChipDescription) -> int:
    """A detected word and its position in the line that it came from."""
    words_in_line = max(1, chip.line_bits // chip.lane_bits)
    return chip.lane_bits + (words_in_line - 1).bit_length()


def buffers(chip: ChipDescription) -> dict[str, sram.Buffer | None]:
    """The SRAM buffers of one tile by component; None where a buffer is absent."""
    node = chip.node_nm
    return {
        "spike_buffer": sram.buffer(node, chip.spike_buffer_bytes, chip.spike_buffer_banks),
        "weight_buffer": sram.buffer(node, chip.weight_buffer_bytes, chip.weight_buffer_banks),
        "accumulator_buffer": sram.buffer(node, chip.accumulator_buffer_bytes, chip.accumulator_buffer_banks),
    }


def logic_area(chip: ChipDescription) -> dict[str, float]:
    """Area of all logic of the chip by component, in mm2."""
    node = chip.node_nm
    adder = logic.add_mm2(chip.accumulator_bits, node)
    accumulator = logic.register_mm2(chip.accumulator_bits, node)
    pe = (
        logic.register_mm2(chip.weight_bits + chip.lane_bits, node)
        + logic.multiply_mm2(chip.weight_bits, chip.lane_bits, node)
        + logic.add_mm2(sum_bits(chip), node)
    )
    array = chip.pe_rows * chip.pe_columns * pe + chip.pe_columns * (adder + accumulator)
    lane = chip.lane_bits * adder + accumulator
    return {
        "pe_array": chip.tiles * array,
        "neuron_unit": chip.tiles * chip.neuron_lanes * lane,
        "fifo": chip.tiles * chip.fifo_words * logic.register_mm2(fifo_word_bits(chip), node),
        "noc": chip.noc_routers * router_mm2(chip),
    }


def router_mm2(chip: ChipDescription) -> float:
    """One router: input buffers of flip-flops and a full crossbar, times a factor for its control (estimate)."""
    stored_bits = chip.noc_ports * chip.virtual_channels * chip.buffer_flits * chip.flit_bits
    crosspoints = chip.noc_ports**2 * chip.flit_bits
    crossbar = crosspoints * value("crosspoint_um2_per_bit") * 1e-6 * logic.area_scale(chip.node_nm)
    return (logic.register_mm2(stored_bits, chip.node_nm) + crossbar) * value("control_area_factor")


def area(chip: ChipDescription) -> dict[str, float]:
    """Area in mm2 by component of the chip; memory outside it is not part of it."""
    sram_mm2 = {name: chip.tiles * buffer.area_mm2 if buffer else 0.0 for name, buffer in buffers(chip).items()}
    logic_mm2 = logic_area(chip)
    order = ("pe_array", "spike_buffer", "weight_buffer", "accumulator_buffer", "neuron_unit", "fifo", "noc")
    return {name: (sram_mm2 | logic_mm2)[name] for name in order}


def area_total(chip: ChipDescription) -> float:
    """Area of the whole chip in mm2: what machines are made equal in when compared at equal area."""
    return sum(area(chip).values())
