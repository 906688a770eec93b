"""Arithmetic: Horowitz's figures where he has them, and the rules between."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.cost import logic
from accelsim.cost.constants import value

WIDTHS = st.integers(1, 64)
NODES = st.integers(22, 45)


@pytest.mark.parametrize(
    ("bits", "pj"), [(8, 0.03), (16, 0.05), (32, 0.1), (4, 0.015), (12, 0.04), (24, 0.075), (64, 0.2)]
)
def test_adds_at_45_nm(bits: int, pj: float) -> None:
    assert logic.add_pj(bits, 45) == pytest.approx(pj)


def test_the_multiply_rule_meets_the_32_bit_figure() -> None:
    assert logic.multiply_pj(8, 8, 45) == pytest.approx(0.2)
    assert logic.multiply_pj(32, 32, 45) == pytest.approx(value("multiply_32_pj"), rel=0.04)
    assert logic.multiply_mm2(32, 32, 45) * 1e6 == pytest.approx(value("multiply_32_um2"), rel=0.3)


def test_a_one_bit_operand_gates_and_multiplies_nothing() -> None:
    assert logic.multiply_pj(8, 1, 45) == 0.0
    assert logic.multiply_mm2(1, 8, 45) == 0.0


def test_28_nm() -> None:
    assert logic.energy_scale(28) == pytest.approx(28 / 45)
    assert logic.area_scale(28) == pytest.approx((28 / 45) ** 2)
    assert logic.add_pj(8, 28) == pytest.approx(0.03 * 28 / 45)
    assert logic.energy_scale(28, "low") < logic.energy_scale(28) < logic.energy_scale(28, "high")


def test_areas_at_45_nm() -> None:
    assert logic.add_mm2(8, 45) == pytest.approx(36e-6)
    assert logic.add_mm2(32, 45) == pytest.approx(137e-6)
    assert logic.multiply_mm2(8, 8, 45) == pytest.approx(282e-6)
    assert logic.register_mm2(2, 45) == pytest.approx(9e-6)


def test_leakage_by_area_is_that_of_the_smallest_macro() -> None:
    assert logic.leakage_uw_per_mm2(45) == pytest.approx(0.14043 / 0.013503)


@given(bits=WIDTHS, node=NODES)
def test_wider_costs_more(bits: int, node: int) -> None:
    assert logic.add_pj(bits, node) < logic.add_pj(bits + 1, node)
    assert logic.add_mm2(bits, node) < logic.add_mm2(bits + 1, node)
    assert logic.register_pj(bits, node) < logic.register_pj(bits + 1, node)
    assert logic.multiply_pj(bits, 8, node) < logic.multiply_pj(bits + 1, 8, node)


@given(bits=WIDTHS, other=WIDTHS, node=NODES)
def test_multiplication_commutes(bits: int, other: int, node: int) -> None:
    assert logic.multiply_pj(bits, other, node) == pytest.approx(logic.multiply_pj(other, bits, node))
