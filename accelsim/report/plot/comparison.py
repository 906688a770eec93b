"""Chips side by side: bars of time and energy, and beside them what each is made of."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import EngFormatter, NullLocator, PercentFormatter

from accelsim.report.comparison import STATES
from accelsim.report.comparison_text import times
from accelsim.report.plot.style import (
    FAINT,
    INK,
    LABEL_SIZE,
    LINE_COLOURS,
    STATE_COLOURS,
    TEXT_SIZE,
    engineering,
    new_figure,
    save_figure,
    soften,
)

COMPUTING_COLOUR = STATE_COLOURS["busy"]
OTHER_COLOUR = "#a9b4bf"
SHOWN_COMPONENTS = len(LINE_COLOURS) - 1
LOG_FROM = 30
"""Ratio of the longest bar to the shortest from which bars are drawn over a logarithmic axis."""

Chip = Mapping[str, Any]


def plot_comparison(comparison: Mapping[str, Any], path: str | os.PathLike[str], dpi: int = 150) -> None:
    """Draw what comparison.json holds and save the picture to `path`.

    A row a chip: its time and energy as bars, with how many times better than the baseline; beside them the shares of
    its cycles by state and of its energy by component.
    """
    chips = list(reversed(comparison["chips"]))
    height = max(2.9, 1.55 + 0.34 * len(chips))
    figure = new_figure(15, height, dpi)
    room = 0.0054 * max(len(chip["name"]) for chip in chips)
    top, bottom = 1 - 0.5 / height, 1.0 / height
    grid = figure.add_gridspec(1, 4, left=0.012 + min(room, 0.2), right=0.985, top=top, bottom=bottom, wspace=0.1)
    axes = [figure.add_subplot(grid[column]) for column in range(4)]
    baseline = comparison["baseline"]
    _bars(axes[0], chips, "time_s", "s", "speedup", f"time (times faster than {baseline})", baseline)
    _shares(axes[1], chips, _states(chips), "cycles")
    _bars(axes[2], chips, "energy_j", "J", "efficiency", f"energy (times less than {baseline})", baseline)
    _shares(axes[3], chips, _components(chips), "energy by component")
    for axis in axes[1:]:
        axis.tick_params(labelleft=False)
    save_figure(figure, path)


def _bars(axis: Axes, chips: Sequence[Chip], key: str, unit: str, ratio: str, title: str, baseline: str) -> None:
    values = [float(chip[key]) for chip in chips]
    soften(axis, grid=False)
    axis.grid(axis="x", color="#e4e4e4", linewidth=0.6)
    low, high = min(values), max(values)
    if low > 0 and high / low >= LOG_FROM:
        axis.set_xscale("log")
        axis.set_xlim(low / 2, high * (high / low) ** 0.55)
        axis.xaxis.set_minor_locator(NullLocator())
    else:
        axis.set_xlim(0, 1.5 * high or 1)
    colours = [LINE_COLOURS[1] if chip["name"] == baseline else LINE_COLOURS[0] for chip in chips]
    axis.barh(range(len(chips)), values, height=0.62, color=colours, linewidth=0)
    axis.set_yticks(range(len(chips)), [chip["name"] for chip in chips])
    axis.set_ylim(-0.6, len(chips) - 0.4)
    axis.xaxis.set_major_formatter(EngFormatter(unit))
    for row, (chip, value) in enumerate(zip(chips, values, strict=True)):
        axis.annotate(
            f"{engineering(value, unit)}  {times(chip[ratio])}", (value, row), xytext=(4, 0),
            textcoords="offset points", size=TEXT_SIZE - 1, color=INK, va="center",
        )  # fmt: skip
    axis.set_title(title, size=LABEL_SIZE, color=INK, loc="left")


Part = tuple[str, str, Callable[[Chip], float]]
"""A share of a bar: its label, its colour, and how much it is of a chip."""


def _amount(key: str, name: str, chip: Chip) -> float:
    """A share of one of a chip's sums, 0 where it has none."""
    return float(chip[key].get(name, 0.0))


def _states(chips: Sequence[Chip]) -> list[Part]:
    parts: list[Part] = [
        (
            state.replace("_", " "),
            COMPUTING_COLOUR if state == "computing" else STATE_COLOURS[state],
            partial(_amount, "state_cycles", state),
        )
        for state in STATES
    ]
    return [part for part in parts if any(part[2](chip) for chip in chips)]


def _components(chips: Sequence[Chip]) -> list[Part]:
    """The components that take the largest shares on any chip; the others together."""
    shares: dict[str, float] = {}
    for chip in chips:
        spent = chip["energy_by_component_j"]
        whole = sum(spent.values()) or 1.0
        for name, joules in spent.items():
            shares[name] = max(shares.get(name, 0.0), joules / whole)
    ranked = [name for name in sorted(shares, key=lambda name: -shares[name]) if shares[name] > 0]
    shown, rest = ranked[:SHOWN_COMPONENTS], ranked[SHOWN_COMPONENTS:]
    parts: list[Part] = [
        (name.replace("_", " "), colour, partial(_amount, "energy_by_component_j", name))
        for name, colour in zip(shown, LINE_COLOURS, strict=False)
    ]
    if rest:
        parts.append(
            ("others", OTHER_COLOUR, lambda chip: sum(chip["energy_by_component_j"].get(name, 0.0) for name in rest))
        )
    return parts


def _shares(axis: Axes, chips: Sequence[Chip], parts: Sequence[Part], title: str) -> None:
    soften(axis, grid=False)
    for row, chip in enumerate(chips):
        amounts = [float(amount(chip)) for _, _, amount in parts]
        whole = sum(amounts) or 1.0
        left = 0.0
        for (_, colour, _), amount in zip(parts, amounts, strict=True):
            axis.barh(row, amount / whole, height=0.62, left=left, color=colour, linewidth=0)
            left += amount / whole
    axis.set_xlim(0, 1)
    axis.set_yticks(range(len(chips)), [])
    axis.set_ylim(-0.6, len(chips) - 0.4)
    axis.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axis.set_title(title, size=LABEL_SIZE, color=INK, loc="left")
    legend = axis.legend(
        handles=[Patch(color=colour, label=label) for label, colour, _ in parts], loc="upper center",
        bbox_to_anchor=(0.5, 0.0), borderaxespad=2.2, ncols=3, frameon=False, fontsize=TEXT_SIZE - 1.5,
        labelcolor=INK, handlelength=1.0, handleheight=0.8, columnspacing=0.9, labelspacing=0.3,
    )  # fmt: skip
    legend.set_zorder(4)
    axis.spines["bottom"].set_color(FAINT)
