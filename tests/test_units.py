from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.units import bytes_per_cycle, ceil_div, cycles_from_ns, exact, seconds


@pytest.mark.parametrize(
    ("value", "rational"),
    [
        (12.8, Fraction(64, 5)),
        (1e-3, Fraction(1, 1000)),
        (1e-9, Fraction(1, 10**9)),
        (500, Fraction(500)),
        (500.0, Fraction(500)),
        ("0.1", Fraction(1, 10)),
    ],
)
def test_exact_is_the_decimal_that_was_written(value: float | int | str, rational: Fraction) -> None:
    assert exact(value) == rational


@given(st.integers(-(10**6), 10**6), st.integers(0, 8))
def test_exact_recovers_every_short_decimal(digits: int, shift: int) -> None:
    assert exact(float(f"{digits}e-{shift}")) == Fraction(digits, 10**shift)


def test_bandwidth_in_bytes_a_cycle() -> None:
    assert bytes_per_cycle(12.8, 500) == Fraction(128, 5)
    assert bytes_per_cycle(25.6, 333.3) * Fraction(3333, 10) == 25600


@pytest.mark.parametrize(
    ("ns", "clock_mhz", "cycles"), [(0, 500, 0), (2, 500, 1), (2.1, 500, 2), (13.75, 800, 11), (13.76, 800, 12)]
)
def test_delays_are_rounded_up_to_whole_cycles(ns: float, clock_mhz: float, cycles: int) -> None:
    assert cycles_from_ns(ns, clock_mhz) == cycles


@given(st.integers(0, 10**6), st.integers(1, 4000))
def test_a_delay_is_the_least_number_of_cycles_that_lasts_as_long(tenths_ns: int, clock_mhz: int) -> None:
    cycles = cycles_from_ns(tenths_ns / 10, clock_mhz)
    assert (cycles - 1) * 10_000 < tenths_ns * clock_mhz <= cycles * 10_000


def test_seconds() -> None:
    assert seconds(500_000_000, 500) == 1.0
    assert seconds(1, 12.8) == 7.8125e-08


@given(st.integers(-(10**30), 10**30), st.integers(1, 10**20))
def test_ceil_div_is_the_quotient_rounded_up(numerator: int, denominator: int) -> None:
    quotient = ceil_div(numerator, denominator)
    assert (quotient - 1) * denominator < numerator <= quotient * denominator
