"""SRAM macros: energy, leakage and area by process and capacity, interpolated in CACTI's table."""

from __future__ import annotations

import csv
import functools
import itertools
import math
from dataclasses import dataclass
from importlib.resources import files

from accelsim.errors import InputError, Problem
from accelsim.units import ceil_div

WORD_BITS = 64
"""Width of the access that the table's energies stand for."""

LARGEST_MACRO_BYTES = 256 * 1024
SMALLEST_MACRO_BYTES = 4 * 1024


@dataclass(frozen=True, slots=True)
class Macro:
    """One SRAM macro: energy of a 64-bit access, and leakage and area of the whole.

    `extrapolated` marks a capacity below the table's smallest, 4 KiB: an estimate.
    """

    read_pj: float
    write_pj: float
    leakage_uw: float
    area_mm2: float
    extrapolated: bool = False


@dataclass(frozen=True, slots=True)
class Buffer:
    """A buffer built of equal macros: `macros` of them, an access touching one."""

    macro: Macro
    macros: int

    @property
    def leakage_uw(self) -> float:
        return self.macros * self.macro.leakage_uw

    @property
    def area_mm2(self) -> float:
        return self.macros * self.macro.area_mm2

    def read_pj_per_bit(self) -> float:
        """The energy of an access shared evenly by its 64 bits: a wider access pays per 64 bits."""
        return self.macro.read_pj / WORD_BITS

    def write_pj_per_bit(self) -> float:
        return self.macro.write_pj / WORD_BITS


_QUANTITIES = ("read_pj", "write_pj", "leakage_uw", "area_mm2")


@functools.cache
def _table() -> dict[int, dict[int, tuple[float, ...]]]:
    """Rows by node (nm) and capacity (bytes)."""
    text = (files("accelsim.cost") / "tables" / "sram.csv").read_text(encoding="utf-8")
    table: dict[int, dict[int, tuple[float, ...]]] = {}
    for row in csv.DictReader(line for line in text.splitlines() if not line.startswith("#")):
        sizes = table.setdefault(int(row["node_nm"]), {})
        sizes[int(row["capacity_kib"]) * 1024] = tuple(float(row[name]) for name in _QUANTITIES)
    return table


def nodes() -> tuple[int, int]:
    """The smallest and the largest process of the table, in nm."""
    return min(_table()), max(_table())


def _power_law(x: float, x0: float, x1: float, y0: float, y1: float) -> float:
    """The straight line through two points on log-log axes."""
    share = math.log(x / x0) / math.log(x1 / x0)
    return float(y0 ** (1 - share) * y1**share)


def _neighbours(points: list[int], x: float) -> tuple[int, int]:
    """The two table points around x; the outermost two beyond the ends."""
    for lower, upper in itertools.pairwise(points):
        if x <= upper:
            return lower, upper
    return points[-2], points[-1]


def _at_node(node_nm: int, capacity_bytes: float) -> tuple[float, ...]:
    sizes = _table()[node_nm]
    lower, upper = _neighbours(sorted(sizes), capacity_bytes)
    return tuple(
        _power_law(capacity_bytes, lower, upper, y0, y1) for y0, y1 in zip(sizes[lower], sizes[upper], strict=True)
    )


def macro(node_nm: int, capacity_bytes: float) -> Macro:
    """A macro of at most 256 KiB: log-log in capacity, geometric between processes.

    Raises InputError for a process outside the table: CACTI says nothing there.
    """
    assert 0 < capacity_bytes <= LARGEST_MACRO_BYTES, f"a macro of {capacity_bytes} bytes"
    smallest, largest = nodes()
    if not smallest <= node_nm <= largest:
        allowed = f"{smallest} to {largest}"
        raise InputError(Problem("no SRAM figures for this process", key="node_nm", value=node_nm, allowed=allowed))
    if node_nm in _table():
        values = _at_node(node_nm, capacity_bytes)
    else:
        lower, upper = _neighbours(sorted(_table()), node_nm)
        values = tuple(
            _power_law(node_nm, lower, upper, y0, y1)
            for y0, y1 in zip(_at_node(lower, capacity_bytes), _at_node(upper, capacity_bytes), strict=True)
        )
    read_pj, write_pj, leakage_uw, area_mm2 = values
    return Macro(read_pj, write_pj, leakage_uw, area_mm2, extrapolated=capacity_bytes < SMALLEST_MACRO_BYTES)


def buffer(node_nm: int, capacity_bytes: int, banks: int = 1) -> Buffer | None:
    """A buffer of `capacity_bytes` in equal banks, each of as few macros of at most 256 KiB as hold it.

    A bank above 256 KiB is made of 256 KiB macros, the last one whole too. None for a buffer that is not there.
    """
    assert capacity_bytes >= 0 and banks >= 1
    if capacity_bytes == 0:
        return None
    bank_bytes = capacity_bytes / banks
    if bank_bytes <= LARGEST_MACRO_BYTES:
        return Buffer(macro(node_nm, bank_bytes), banks)
    macros = ceil_div(ceil_div(capacity_bytes, banks), LARGEST_MACRO_BYTES)
    return Buffer(macro(node_nm, LARGEST_MACRO_BYTES), banks * macros)
