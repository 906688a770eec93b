"""Area: parts add up, by hand at 45 nm."""

from __future__ import annotations

import dataclasses

import pytest

from accelsim.cost.area import area, area_total, fifo_word_bits, logic_area, product_bits, router_mm2, sum_bits
from accelsim.cost.chip import ChipDescription


def test_widths(chip: ChipDescription) -> None:
    assert (product_bits(chip), sum_bits(chip), fifo_word_bits(chip)) == (12, 16, 10)
    serial = dataclasses.replace(chip, lane_bits=1)
    assert (product_bits(serial), sum_bits(serial), fifo_word_bits(serial)) == (8, 12, 9)
    assert sum_bits(dataclasses.replace(chip, accumulator_bits=14)) == 14
    assert sum_bits(dataclasses.replace(chip, pe_rows=1)) == 12


def test_the_array_by_hand(chip: ChipDescription) -> None:
    """A PE: 12 flip-flops, an 8 x 4 multiplier, a 16-bit adder; a column: a 24-bit adder and its register."""
    add_16, add_24 = 36 + 101 * 8 / 24, 36 + 101 * 16 / 24
    pe = 12 * 4.5 + 282 / 2 + add_16
    column = add_24 + 24 * 4.5
    assert logic_area(chip)["pe_array"] == pytest.approx(16 * (256 * pe + 16 * column) * 1e-6)
    assert logic_area(chip)["neuron_unit"] == pytest.approx(16 * 16 * (4 * add_24 + 24 * 4.5) * 1e-6)
    assert logic_area(chip)["fifo"] == pytest.approx(16 * 128 * 10 * 4.5e-6)


def test_the_router_by_hand(chip: ChipDescription) -> None:
    assert router_mm2(chip) == pytest.approx(1.3 * (5 * 8 * 64 * 4.5 + 25 * 64 * 1.5) * 1e-6)
    assert logic_area(chip)["noc"] == pytest.approx(20 * router_mm2(chip))


def test_buffers_are_the_macros_of_all_tiles(chip: ChipDescription) -> None:
    found = area(chip)
    assert found["spike_buffer"] == pytest.approx(16 * 0.20905)
    assert found["accumulator_buffer"] == pytest.approx(16 * 0.050742)
    assert area(dataclasses.replace(chip, accumulator_buffer_bytes=0))["accumulator_buffer"] == 0.0


def test_the_total_is_the_sum_and_shrinks_with_the_process(chip: ChipDescription) -> None:
    assert area_total(chip) == pytest.approx(sum(area(chip).values()))
    assert "dram" not in area(chip)
    totals = [area_total(dataclasses.replace(chip, node_nm=node)) for node in (22, 28, 32, 45)]
    assert totals == sorted(totals) and totals[0] > 0


def test_a_serial_array_is_smaller_than_a_packed_one(chip: ChipDescription) -> None:
    packed, serial, dense = (logic_area(dataclasses.replace(chip, lane_bits=bits))["pe_array"] for bits in (4, 1, 8))
    assert serial < packed < dense
