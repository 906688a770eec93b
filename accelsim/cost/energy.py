"""Energy: integer event counters times the price of one event, and leakage times time.

    dynamic[component] = sum over its events of count * price,   static[component] = leakage power * cycles / clock

Prices are linear in the counters, so the energies of layers add up to that of the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from accelsim.cost import logic, sram
from accelsim.cost.area import buffers, fifo_word_bits, logic_area, product_bits, sum_bits
from accelsim.cost.chip import ChipDescription
from accelsim.cost.constants import Corner, value
from accelsim.units import seconds

COMPONENTS = (
    "pe_array",
    "spike_buffer",
    "weight_buffer",
    "accumulator_buffer",
    "neuron_unit",
    "fifo",
    "noc",
    "dram",
)

EVENTS: dict[str, tuple[str, str]] = {
    "mac_words": ("pe_array", "one nonzero word slice times one weight, and its add in the column's tree"),
    "accumulates": ("pe_array", "one add into a column accumulator or a membrane outside the array"),
    "spike_buffer_read_bits": ("spike_buffer", "one bit read"),
    "spike_buffer_write_bits": ("spike_buffer", "one bit written"),
    "weight_buffer_read_bits": ("weight_buffer", "one bit read"),
    "weight_buffer_write_bits": ("weight_buffer", "one bit written"),
    "accumulator_read_bits": ("accumulator_buffer", "one bit read"),
    "accumulator_write_bits": ("accumulator_buffer", "one bit written"),
    "fifo_words": ("fifo", "one word, with its position, pushed and popped"),
    "neuron_ops": ("neuron_unit", "one neuron encoded (packed), or one decoding step of it (serial)"),
    "vector_ops": ("neuron_unit", "one word of pooling or residual add"),
    "flit_hops": ("noc", "one flit through one router, ejection included"),
    "link_flits": ("noc", "one flit over one link between routers"),
    "dram_read_bytes": ("dram", "one byte read"),
    "dram_write_bytes": ("dram", "one byte written"),
}
"""Event name -> (component that pays, what one event is)."""


@dataclass(frozen=True, slots=True)
class EnergyBreakdown:
    """Joules by component, dynamic and static, every component of COMPONENTS present in both; `notes` in words."""

    dynamic_j: Mapping[str, float]
    static_j: Mapping[str, float]
    notes: tuple[str, ...] = ()

    @property
    def dynamic_total_j(self) -> float:
        return sum(self.dynamic_j.values())

    @property
    def static_total_j(self) -> float:
        return sum(self.static_j.values())

    @property
    def total_j(self) -> float:
        return self.dynamic_total_j + self.static_total_j

    def by_component(self) -> dict[str, float]:
        """Dynamic plus static joules by component."""
        return {name: self.dynamic_j[name] + self.static_j[name] for name in COMPONENTS}

    def as_dict(self) -> dict[str, object]:
        """The `energy_j` section of a report."""
        return {
            "by_component": self.by_component(),
            "dynamic": self.dynamic_total_j,
            "static": self.static_total_j,
            "dynamic_by_component": dict(self.dynamic_j),
            "static_by_component": dict(self.static_j),
        }


def event_prices_pj(chip: ChipDescription, corner: Corner = "typical") -> dict[str, float]:
    """The energy of one event of each kind of EVENTS, in pJ.

    - A multiply-accumulate latches its operands, multiplies weight_bits x lane_bits, and adds at the width of the
      column's adder tree. A neuron operation is one compare-and-subtract at accumulator width per lane bit: the
      unrolled form of clip(floor(U / theta)).
    - An SRAM bit costs 1/64 of the 64-bit access of a macro of the bank's size.

    `corner` prices every constant at one end of its range.
    """
    node = chip.node_nm
    prices = {
        "mac_words": logic.register_pj(chip.weight_bits + chip.lane_bits, node, corner)
        + logic.multiply_pj(chip.weight_bits, chip.lane_bits, node, corner)
        + logic.add_pj(sum_bits(chip), node, corner),
        "accumulates": logic.add_pj(chip.accumulator_bits, node, corner)
        + logic.register_pj(chip.accumulator_bits, node, corner),
        "fifo_words": logic.register_pj(fifo_word_bits(chip), node, corner),
        "neuron_ops": chip.lane_bits * logic.add_pj(chip.accumulator_bits, node, corner)
        + logic.register_pj(chip.accumulator_bits, node, corner),
        "vector_ops": logic.add_pj(product_bits(chip), node, corner)
        + logic.register_pj(product_bits(chip), node, corner),
        "flit_hops": chip.flit_bits * router_pj_per_bit(chip, corner),
        "link_flits": chip.flit_bits * value("link_pj_per_bit", corner) * chip.link_lengths,
        "dram_read_bytes": 8 * (chip.dram_pj_per_bit or 0.0),
        "dram_write_bytes": 8 * (chip.dram_pj_per_bit or 0.0),
    }
    factor = value("sram_energy_factor", corner)
    for name, buffer in buffers(chip).items():
        events = name.removesuffix("_buffer") if name == "accumulator_buffer" else name
        prices[f"{events}_read_bits"] = factor * buffer.read_pj_per_bit() if buffer else 0.0
        prices[f"{events}_write_bits"] = factor * buffer.write_pj_per_bit() if buffer else 0.0
    return {name: prices[name] for name in EVENTS}


def router_pj_per_bit(chip: ChipDescription, corner: Corner = "typical") -> float:
    """One bit through one router: the wires of its switch are as long as it has ports, and those of its nodes add."""
    switch = value("router_switch_share")
    ports = chip.noc_ports / value("router_priced_ports")
    wires = value("link_pj_per_bit", corner) * chip.node_lengths
    return value("router_pj_per_bit", corner) * (1 - switch + switch * ports) + wires


def leakage_w(chip: ChipDescription) -> dict[str, float]:
    """Leakage power of the whole chip by component, in watts; that of the DRAM is within its pJ a bit."""
    by_component = dict.fromkeys(COMPONENTS, 0.0)
    for name, buffer in buffers(chip).items():
        by_component[name] = chip.tiles * buffer.leakage_uw * 1e-6 if buffer else 0.0
    for name, area_mm2 in logic_area(chip).items():
        by_component[name] = area_mm2 * logic.leakage_uw_per_mm2(chip.node_nm) * 1e-6
    return {name: power * chip.leakage_factor for name, power in by_component.items()}


def energy(
    events: Mapping[str, int], cycles: int, chip: ChipDescription, corner: Corner = "typical"
) -> EnergyBreakdown:
    """Energy of `events` (counts by name of EVENTS, absent = 0) within `cycles` core-clock cycles of `chip`.

    Pure: the same counters give the same joules. Raises InputError where the tables know nothing of the process.
    """
    unknown = set(events) - set(EVENTS)
    assert not unknown, f"events without a price: {sorted(unknown)}"
    assert cycles >= 0 and all(count >= 0 for count in events.values()), "counters are never negative"
    prices = event_prices_pj(chip, corner)
    dynamic = dict.fromkeys(COMPONENTS, 0.0)
    for name, count in events.items():
        dynamic[EVENTS[name][0]] += count * prices[name] * 1e-12
    time_s = seconds(cycles, chip.clock_mhz)
    static = {name: power * time_s for name, power in leakage_w(chip).items()}
    return EnergyBreakdown(dynamic, static, _notes(events, chip))


def energy_range(events: Mapping[str, int], cycles: int, chip: ChipDescription) -> tuple[float, float]:
    """Total joules with every constant at the low end, and with every constant at the high end, of its range."""
    return energy(events, cycles, chip, "low").total_j, energy(events, cycles, chip, "high").total_j


def _notes(events: Mapping[str, int], chip: ChipDescription) -> tuple[str, ...]:
    notes = [
        f"{name.replace('_', ' ')}: macros below {sram.SMALLEST_MACRO_BYTES // 1024} KiB are extrapolated (estimate)"
        for name, buffer in buffers(chip).items()
        if buffer and buffer.macro.extrapolated
    ]
    if chip.dram_pj_per_bit is None and (events.get("dram_read_bytes") or events.get("dram_write_bytes")):
        notes.append("DRAM traffic has no price: its energy is counted as 0")
    return tuple(notes)
