"""Adders, multipliers and registers of any width, scaled from 45 nm to the chip's process."""

from __future__ import annotations

import itertools

from accelsim.cost import sram
from accelsim.cost.constants import Corner, value


def energy_scale(node_nm: int, corner: Corner = "typical") -> float:
    """Energy of a gate relative to 45 nm: an estimate, see `energy_exponent`."""
    return float((node_nm / 45) ** value("energy_exponent", corner))


def area_scale(node_nm: int) -> float:
    """Area of a gate relative to 45 nm: an estimate, see `area_exponent`."""
    return float((node_nm / 45) ** value("area_exponent"))


def add_pj(bits: int, node_nm: int, corner: Corner = "typical") -> float:
    """An integer add: linear between Horowitz's 8, 16 and 32 bits; in proportion to the bits outside (estimate)."""
    widths = ((8, value("add_8_pj")), (16, value("add_16_pj")), (32, value("add_32_pj")))
    return _linear(bits, widths) * energy_scale(node_nm, corner)


def multiply_pj(bits: int, other_bits: int, node_nm: int, corner: Corner = "typical") -> float:
    """An integer multiply: Horowitz's 8-bit figure times the product of operand bits over 64 (estimate).

    The rule predicts his 32-bit multiply (3.1 pJ) as 3.2 pJ. An operand of one bit only gates the other: free.
    """
    if min(bits, other_bits) <= 1:
        return 0.0
    return value("multiply_8_pj") * bits * other_bits / 64 * energy_scale(node_nm, corner)


def register_pj(bits: int, node_nm: int, corner: Corner = "typical") -> float:
    """Writing and reading a register once (estimate)."""
    return value("register_pj_per_bit", corner) * bits * energy_scale(node_nm, corner)


def add_mm2(bits: int, node_nm: int) -> float:
    """Area of an adder, from Dally's 8 and 32 bits."""
    return _linear(bits, ((8, value("add_8_um2")), (32, value("add_32_um2")))) * 1e-6 * area_scale(node_nm)


def multiply_mm2(bits: int, other_bits: int, node_nm: int) -> float:
    """Area of a multiplier: Dally's 8-bit figure times the product of operand bits over 64 (estimate)."""
    if min(bits, other_bits) <= 1:
        return 0.0
    return value("multiply_8_um2") * bits * other_bits / 64 * 1e-6 * area_scale(node_nm)


def register_mm2(bits: int, node_nm: int) -> float:
    """Area of flip-flops."""
    return value("register_um2_per_bit") * bits * 1e-6 * area_scale(node_nm)


def leakage_uw_per_mm2(node_nm: int) -> float:
    """Leakage of logic by area: that of the 4 KiB SRAM macro of the same process (estimate)."""
    cell = sram.macro(node_nm, sram.SMALLEST_MACRO_BYTES)
    return cell.leakage_uw / cell.area_mm2


def _linear(bits: int, points: tuple[tuple[int, float], ...]) -> float:
    first_bits, first = points[0]
    if bits <= first_bits:
        return first * bits / first_bits
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        if bits <= x1:
            return y0 + (y1 - y0) * (bits - x0) / (x1 - x0)
    last_bits, last = points[-1]
    return last * bits / last_bits
