"""Numbers and tables as people read them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.report.table import WIDTH, Column, bar, count, integer_si, percent, plain, shorten, si, table


@pytest.mark.parametrize(
    ("number", "unit", "text"),
    [
        (0, "J", "0 J"),
        (0.0186, "J", "18.6 mJ"),
        (1.0, "J", "1.00 J"),
        (999.6, "", "1.00 k"),
        (999.4, "", "999"),
        (0.9996e-3, "s", "1.00 ms"),
        (-0.0186, "J", "-18.6 mJ"),
        (9000, "", "9.00 k"),
        (123456789, "B", "123 MB"),
        (5.5e15, "", "5500 T"),
        (3e-13, "J", "0.30 pJ"),
        (None, "J", "-"),
        (math.inf, "W", "inf W"),
    ],
)
def test_si(number: float | None, unit: str, text: str) -> None:
    assert si(number, unit) == text


@given(st.floats(1e-12, 1e14))
def test_si_keeps_three_digits(number: float) -> None:
    mantissa, _, prefix = si(number).partition(" ")
    scale = {"T": 1e12, "G": 1e9, "M": 1e6, "k": 1e3, "": 1, "m": 1e-3, "u": 1e-6, "n": 1e-9, "p": 1e-12}[prefix]
    assert float(mantissa) * scale == pytest.approx(number, rel=6e-3)
    assert 0.99 < float(mantissa) < 1000 or scale in (1e12, 1e-12)


def test_other_numbers() -> None:
    assert count(1234567) == "1,234,567"
    assert count(None) == percent(None) == plain(None) == integer_si(None) == "-"
    assert (integer_si(9999), integer_si(10_000), integer_si(234567)) == ("9999", "10.0k", "235k")
    assert percent(0.1234) == "12.3%"
    assert (plain(4500.2), plain(0.61), plain(12.3456), plain(0.0), plain(2e-7)) == (
        "4,500",
        "0.6100",
        "12.35",
        "0.0000",
        "2e-07",
    )


def test_bars_show_anything_above_zero() -> None:
    assert (bar(0.0, 10), bar(0.001, 10), bar(0.5, 10), bar(1.0, 10)) == ("", "#", "#####", "##########")


@given(st.text(min_size=0, max_size=40), st.integers(1, 40))
def test_shortened_text_fits(text: str, width: int) -> None:
    short = shorten(text, width)
    assert len(short) <= width
    assert short == text or len(text) > width


def test_a_table_is_aligned() -> None:
    assert table((Column("name", "<"), Column("n")), [("a", "1"), ("long", "1,000")]) == [
        "  name      n",
        "  ----  -----",
        "  a         1",
        "  long  1,000",
    ]


def test_a_wide_table_shrinks_the_columns_that_may() -> None:
    lines = table((Column("name", "<", 10), Column("exact")), [("x" * 200, "1" * 20)])
    assert max(map(len, lines)) == WIDTH
    assert lines[-1].endswith("1" * 20)
    assert "~" in lines[-1]
