"""Energy is counters times prices plus leakage times time, by component, and never negative."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accelsim.cost.chip import ChipDescription
from accelsim.cost.energy import COMPONENTS, EVENTS, energy, energy_range, event_prices_pj, leakage_w

COUNTERS = st.dictionaries(st.sampled_from(sorted(EVENTS)), st.integers(0, 10**12))
FIXTURE_IS_FROZEN = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)


def test_prices_by_hand(chip: ChipDescription) -> None:
    """45 nm, 8-bit weights, 4-bit lanes, 24-bit accumulators, 16 rows: sums of 8 + 4 + 4 = 16 bits."""
    prices = event_prices_pj(chip)
    assert prices["mac_words"] == pytest.approx(12 * 0.006 + 0.2 * 8 * 4 / 64 + 0.05)
    assert prices["accumulates"] == pytest.approx(0.075 + 24 * 0.006)
    assert prices["neuron_ops"] == pytest.approx(4 * 0.075 + 24 * 0.006)
    assert prices["vector_ops"] == pytest.approx(0.04 + 12 * 0.006)
    assert prices["fifo_words"] == pytest.approx((4 + 6) * 0.006)  # 64 words a line: 6 bits of position
    assert prices["spike_buffer_read_bits"] == pytest.approx(25.87 / 64)
    assert prices["weight_buffer_write_bits"] == pytest.approx(19.649 / 64)
    assert prices["accumulator_read_bits"] == pytest.approx(11.61 / 64)
    assert prices["accumulator_write_bits"] == pytest.approx(10.697 / 64)
    assert prices["flit_hops"] == pytest.approx(64 * 0.7)
    assert prices["link_flits"] == pytest.approx(64 * 0.17)
    assert prices["dram_read_bytes"] == prices["dram_write_bytes"] == pytest.approx(64.0)


def test_more_ports_and_longer_wires_cost_more(chip: ChipDescription) -> None:
    """The switch's 49 % of 0.7 pJ four times for 20 ports; wires by their length in sides of a tile."""
    crossbar = event_prices_pj(dataclasses.replace(chip, noc_ports=20, node_lengths=4.5))
    assert crossbar["flit_hops"] == pytest.approx(64 * (0.7 * (0.51 + 0.49 * 4) + 4.5 * 0.17))
    torus = event_prices_pj(dataclasses.replace(chip, link_lengths=2))
    assert torus["link_flits"] == pytest.approx(64 * 2 * 0.17)
    assert torus["flit_hops"] == pytest.approx(64 * 0.7)


def test_a_bit_serial_lane_only_adds(chip: ChipDescription) -> None:
    """8-bit gated weights, 16 rows: sums of 12 bits."""
    serial = event_prices_pj(dataclasses.replace(chip, lane_bits=1))
    assert serial["mac_words"] == pytest.approx(9 * 0.006 + 0.04)
    assert serial["neuron_ops"] == pytest.approx(0.075 + 24 * 0.006)


def test_every_event_is_priced_and_belongs_to_a_component(chip: ChipDescription) -> None:
    assert list(event_prices_pj(chip)) == list(EVENTS)
    assert {component for component, _ in EVENTS.values()} == set(COMPONENTS)
    assert all(price > 0 for price in event_prices_pj(chip).values())


def test_one_layer_by_hand(chip: ChipDescription) -> None:
    found = energy({"mac_words": 10**6, "dram_read_bytes": 500, "flit_hops": 100}, cycles=0, chip=chip)
    assert found.dynamic_j["pe_array"] == pytest.approx(1e6 * 0.222e-12)
    assert found.dynamic_j["dram"] == pytest.approx(500 * 64e-12)
    assert found.dynamic_j["noc"] == pytest.approx(100 * 44.8e-12)
    assert found.static_total_j == 0.0
    assert found.total_j == pytest.approx(0.222e-6 + 32e-9 + 4.48e-9)
    assert found.notes == ()


def test_leakage_grows_with_time_and_with_its_factor(chip: ChipDescription) -> None:
    found = energy({}, cycles=500_000, chip=chip)  # 1 ms
    assert found.dynamic_total_j == 0.0
    assert found.static_j["spike_buffer"] == pytest.approx(16 * 1.6703e-6 * 1e-3)
    assert found.static_j["dram"] == 0.0
    assert energy({}, 1_000_000, chip).static_total_j == pytest.approx(2 * found.static_total_j)
    leaky = dataclasses.replace(chip, leakage_factor=30.0)
    assert energy({}, 500_000, leaky).static_total_j == pytest.approx(30 * found.static_total_j)
    assert sum(leakage_w(chip).values()) == pytest.approx(found.static_total_j / 1e-3)


@FIXTURE_IS_FROZEN
@given(first=COUNTERS, second=COUNTERS, cycles=st.integers(0, 10**9))
def test_layers_add_up_to_the_run(
    chip: ChipDescription, first: dict[str, int], second: dict[str, int], cycles: int
) -> None:
    both = {name: first.get(name, 0) + second.get(name, 0) for name in {*first, *second}}
    parts = [energy(first, cycles, chip), energy(second, cycles, chip)]
    whole = energy(both, 2 * cycles, chip)
    for name in COMPONENTS:
        assert whole.by_component()[name] == pytest.approx(sum(part.by_component()[name] for part in parts))
        assert whole.dynamic_j[name] >= 0 and whole.static_j[name] >= 0
    assert whole.total_j == pytest.approx(sum(whole.by_component().values()))


@FIXTURE_IS_FROZEN
@given(counters=COUNTERS, cycles=st.integers(0, 10**9), node=st.integers(22, 45))
def test_the_range_encloses_the_value(chip: ChipDescription, counters: dict[str, int], cycles: int, node: int) -> None:
    at_node = dataclasses.replace(chip, node_nm=node)
    low, high = energy_range(counters, cycles, at_node)
    total = energy(counters, cycles, at_node).total_j
    assert low <= total * (1 + 1e-12) and total <= high * (1 + 1e-12)


def test_as_dict_is_the_report_section(chip: ChipDescription) -> None:
    found = energy({"mac_words": 1000, "dram_write_bytes": 64}, 1000, chip)
    section = found.as_dict()
    assert section["by_component"] == found.by_component()
    assert section["dynamic"] == found.dynamic_total_j
    assert section["static"] == found.static_total_j
    assert section["dynamic_by_component"] == dict(found.dynamic_j)
    assert section["static_by_component"] == dict(found.static_j)


def test_what_is_an_estimate_or_has_no_price_is_said(chip: ChipDescription) -> None:
    small = dataclasses.replace(chip, weight_buffer_banks=64, dram_pj_per_bit=None)
    found = energy({"dram_read_bytes": 10}, 10, small)
    assert found.dynamic_j["dram"] == 0.0
    assert found.notes == (
        "weight buffer: macros below 4 KiB are extrapolated (estimate)",
        "DRAM traffic has no price: its energy is counted as 0",
    )
    assert energy({}, 10, dataclasses.replace(chip, dram_pj_per_bit=None)).notes == ()


def test_absent_parts_cost_nothing(chip: ChipDescription) -> None:
    bare = dataclasses.replace(chip, accumulator_buffer_bytes=0, noc_routers=0, fifo_words=0)
    prices, leakage = event_prices_pj(bare), leakage_w(bare)
    assert prices["accumulator_read_bits"] == prices["accumulator_write_bits"] == 0.0
    assert leakage["accumulator_buffer"] == leakage["noc"] == leakage["fifo"] == 0.0


@pytest.mark.parametrize("events", [{"macwords": 1}, {"mac_words": -1}])
def test_wrong_counters_are_our_own_mistake(chip: ChipDescription, events: dict[str, int]) -> None:
    with pytest.raises(AssertionError):
        energy(events, 1, chip)
