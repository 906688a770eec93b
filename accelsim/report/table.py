"""Aligned plain-text tables and short numbers for people."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 120
"""No line of a text report is longer."""

_PREFIXES = (
    (1e12, "T"),
    (1e9, "G"),
    (1e6, "M"),
    (1e3, "k"),
    (1.0, ""),
    (1e-3, "m"),
    (1e-6, "u"),
    (1e-9, "n"),
    (1e-12, "p"),
)


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its title, alignment (`<` or `>`), and the width below which it is not shortened (0: never is)."""

    title: str
    align: str = ">"
    shrink_to: int = 0


def table(columns: Sequence[Column], rows: Sequence[Sequence[str]], indent: int = 2) -> list[str]:
    """Lines of a table with a header and a rule; the columns that may shrink do so until it fits WIDTH."""
    widths = [max([len(column.title), *(len(row[index]) for row in rows)]) for index, column in enumerate(columns)]
    gaps = indent + 2 * (len(columns) - 1)
    while sum(widths) + gaps > WIDTH:
        spare = [
            width - column.shrink_to if column.shrink_to else 0 for width, column in zip(widths, columns, strict=True)
        ]
        if max(spare) <= 0:
            break
        widths[spare.index(max(spare))] -= 1

    def line(cells: Sequence[str]) -> str:
        padded = (
            f"{shorten(cell, width):{column.align}{width}}"
            for cell, width, column in zip(cells, widths, columns, strict=True)
        )
        return (" " * indent + "  ".join(padded)).rstrip()

    rule = " " * indent + "  ".join("-" * width for width in widths)
    return [line([column.title for column in columns]), rule, *(line(row) for row in rows)]


def shorten(text: str, width: int) -> str:
    """`text` in at most `width` characters; what is cut out of its middle shows as `~`."""
    if len(text) <= width:
        return text
    if width < 3:
        return text[:width]
    tail = (width - 1) // 2
    return text[: width - 1 - tail] + "~" + text[-tail:]


def count(number: float | None) -> str:
    """An exact integer with separators."""
    return "-" if number is None else f"{number:,.0f}"


def si(number: float | None, unit: str = "", digits: int = 3) -> str:
    """A number in `digits` significant digits with an SI prefix: 0.0186, "J" -> "18.6 mJ"."""
    if number is None:
        return "-"
    if not math.isfinite(number):
        return f"{number} {unit}".rstrip()
    scale, prefix = next(((s, p) for s, p in _PREFIXES if abs(number) >= s * (1 - 0.5 * 10**-digits)), _PREFIXES[-1])
    if number == 0:
        scale, prefix = 1.0, ""
    scaled = number / scale
    whole = len(str(int(abs(round(scaled, max(0, digits - 1))))))
    text = f"{scaled:.{max(0, digits - whole)}f}" if number else "0"
    return f"{text} {prefix}{unit}".rstrip()


def plain(number: float | None) -> str:
    """Four significant digits without an exponent, whatever the size."""
    if number is None:
        return "-"
    if not math.isfinite(number) or 0 < abs(number) < 1e-3:
        return f"{number:.4g}"
    digits = len(str(int(abs(number)))) if abs(number) >= 1 else 0
    return f"{number:,.{max(0, 4 - digits)}f}"


def integer_si(number: int | None) -> str:
    """A count, exact below 10,000 and with an SI prefix above."""
    if number is None:
        return "-"
    return str(number) if abs(number) < 10_000 else si(number).replace(" ", "")


def percent(share: float | None, digits: int = 1) -> str:
    return "-" if share is None else f"{100 * share:.{digits}f}%"


def bar(share: float, width: int) -> str:
    """A bar of `#` as long as `share` of `width`; at least one mark for anything above zero."""
    marks = round(max(0.0, min(1.0, share)) * width)
    return "#" * (max(1, marks) if share > 0 else 0)
