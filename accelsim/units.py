"""The one place where physical units become cycles, as exact rationals."""

from __future__ import annotations

from fractions import Fraction


def exact(value: float | int | str | Fraction) -> Fraction:
    """The rational that a decimal number in a YAML file stands for: 12.8 is 64/5, not its nearest binary float."""
    return Fraction(str(value))


def bytes_per_cycle(gb_per_s: float | int, clock_mhz: float | int) -> Fraction:
    """Bandwidth in bytes per core-clock cycle from 10^9 bytes a second and a clock in MHz."""
    return exact(gb_per_s) * 1000 / exact(clock_mhz)


def cycles_from_ns(ns: float | int | str, clock_mhz: float | int | Fraction) -> int:
    """The number of whole cycles of a clock that last at least `ns` nanoseconds."""
    return -(-exact(ns) * exact(clock_mhz) // 1000)


def seconds(cycles: int, clock_mhz: float | int) -> float:
    """Duration of a number of core-clock cycles, in seconds."""
    return float(cycles / (exact(clock_mhz) * 1_000_000))


def ceil_div(numerator: int, denominator: int) -> int:
    """The quotient rounded up."""
    return -(-numerator // denominator)
