"""SRAM figures: CACTI's at its own points, power laws between, macros of at most 256 KiB."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.cost.sram import LARGEST_MACRO_BYTES, SMALLEST_MACRO_BYTES, Macro, buffer, macro, nodes
from accelsim.errors import InputError

KIB = 1024

CACTI = [
    # node, KiB, read pJ, write pJ, leakage uW, mm2: rows of CACTI 7's output, itrs-lstp, 300 K, 64-bit words
    (45, 4, 3.3855, 6.4536, 0.14043, 0.013503),
    (45, 256, 44.716, 38.495, 6.6811, 0.87209),
    (32, 16, 6.5475, 5.751, 0.80117, 0.025665),
    (28, 64, 9.9919, 8.2341, 5.6416, 0.098091),
    (22, 4, 1.1709, 1.246, 0.89237, 0.0035093),
    (22, 256, 11.858, 8.8246, 35.373, 0.22529),
]


@pytest.mark.parametrize("row", CACTI)
def test_the_table_is_met_at_its_points(row: tuple[float, ...]) -> None:
    node, kib, *figures = row
    found = macro(int(node), kib * KIB)
    assert [found.read_pj, found.write_pj, found.leakage_uw, found.area_mm2] == pytest.approx(figures, rel=1e-12)
    assert not found.extrapolated


def test_half_way_is_the_geometric_mean() -> None:
    half = macro(28, 8 * KIB)
    assert half.read_pj == pytest.approx(math.sqrt(2.0631 * 4.986))
    assert half.area_mm2 == pytest.approx(math.sqrt(0.0058758 * 0.021428))


def test_between_processes_the_line_is_straight_on_log_axes() -> None:
    share = math.log(40 / 32) / math.log(45 / 32)
    assert macro(40, 4 * KIB).read_pj == pytest.approx(2.658 ** (1 - share) * 3.3855**share)


def test_below_4_kib_the_slope_goes_on_and_is_flagged() -> None:
    small = macro(28, 1 * KIB)
    assert small.extrapolated
    assert small.read_pj == pytest.approx(2.0631 * 2.0631 / 4.986)


@given(
    node=st.integers(*nodes()),
    capacity=st.integers(64, LARGEST_MACRO_BYTES - 1),
)
def test_a_larger_macro_costs_more(node: int, capacity: int) -> None:
    small, large = macro(node, capacity), macro(node, min(LARGEST_MACRO_BYTES, 2 * capacity))
    for name in ("read_pj", "write_pj", "leakage_uw", "area_mm2"):
        assert 0 < getattr(small, name) < getattr(large, name)


@given(capacity=st.integers(SMALLEST_MACRO_BYTES, LARGEST_MACRO_BYTES), node=st.integers(nodes()[0], nodes()[1] - 1))
def test_within_the_table_a_smaller_process_takes_less_area_and_energy(capacity: int, node: int) -> None:
    small, large = macro(node, capacity), macro(node + 1, capacity)
    assert small.area_mm2 < large.area_mm2
    assert small.read_pj < large.read_pj


@given(capacity=st.integers(1, 64 << 20), banks=st.integers(1, 64))
def test_a_buffer_is_built_of_macros_that_hold_it(capacity: int, banks: int) -> None:
    built = buffer(28, capacity, banks)
    assert built is not None
    assert built.macros % banks == 0
    largest = macro(28, LARGEST_MACRO_BYTES)
    if capacity / banks > LARGEST_MACRO_BYTES:
        assert built.macro == largest
        assert (built.macros - banks) * LARGEST_MACRO_BYTES < capacity <= built.macros * LARGEST_MACRO_BYTES
    else:
        assert built.macros == banks
    assert built.area_mm2 == pytest.approx(built.macros * built.macro.area_mm2)
    assert built.leakage_uw == pytest.approx(built.macros * built.macro.leakage_uw)


def test_one_mebibyte_is_four_macros() -> None:
    built = buffer(28, 1024 * KIB)
    assert built is not None
    assert (built.macros, built.macro) == (4, macro(28, 256 * KIB))
    assert built.read_pj_per_bit() == pytest.approx(20.836 / 64)
    assert built.write_pj_per_bit() == pytest.approx(16.325 / 64)


def test_banks_make_accesses_cheaper() -> None:
    one, sixteen = buffer(28, 64 * KIB), buffer(28, 64 * KIB, banks=16)
    assert one is not None and sixteen is not None
    assert sixteen.macro == macro(28, 4 * KIB)
    assert sixteen.read_pj_per_bit() < one.read_pj_per_bit()


def test_no_bytes_no_buffer() -> None:
    assert buffer(28, 0) is None


@pytest.mark.parametrize("node", [7, 21, 46, 65])
def test_a_process_outside_the_table_is_refused(node: int) -> None:
    message = f"node_nm: no SRAM figures for this process (got {node}); allowed: 22 to 45"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        macro(node, 4 * KIB)


def test_macros_are_plain_values() -> None:
    assert macro(28, 4 * KIB) == Macro(2.0631, 2.3209, 0.50016, 0.0058758)
