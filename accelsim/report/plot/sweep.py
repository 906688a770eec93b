"""What a sweep found: cycles and energy over what was varied."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, LogLocator

from accelsim.report.plot.style import (
    FAINT,
    INK,
    LABEL_SIZE,
    LINE_COLOURS,
    TEXT_SIZE,
    new_figure,
    outside_legend,
    save_figure,
    soften,
)

Row = Mapping[str, Any]
MARKERS = "osD^vP*X"
MEASURES = (("cycles", "cycles", ""), ("energy_j", "energy", "J"))
"""Key of a row, its title, its unit."""


def plot_sweep(rows: Sequence[Row], varied: Sequence[str], path: str | os.PathLike[str], dpi: int = 150) -> None:
    """Draw the points of a sweep and save the picture to `path`.

    A row holds the value of each key of `varied`, and `cycles` and `energy_j`. One varied key: cycles and energy over
    it. Two: a line for each value of the second. More, or none: energy against cycles, with the Pareto front.
    """
    if 1 <= len(varied) <= 2 and rows:
        _lines(rows, varied, path, dpi)
    else:
        _scatter(rows, varied, path, dpi)


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Indices of the points that no other betters in both numbers, by the first; of equal points the first counts."""
    front: list[int] = []
    for index in sorted(range(len(points)), key=lambda i: (*points[i], i)):
        if not front or points[index][1] < points[front[-1]][1]:
            front.append(index)
    return front


def _lines(rows: Sequence[Row], varied: Sequence[str], path: str | os.PathLike[str], dpi: int) -> None:
    figure = new_figure(11, 4.2, dpi)
    right = 0.97 if len(varied) == 1 else 0.84
    grid = figure.add_gridspec(1, 2, left=0.075, right=right, top=0.9, bottom=0.16, wspace=0.24)
    abscissae = _ordered(row[varied[0]] for row in rows)
    numeric = all(_is_number(value) for value in abscissae)
    positions = {value: float(value) if numeric else float(index) for index, value in enumerate(abscissae)}
    groups = _ordered(row[varied[1]] for row in rows) if len(varied) == 2 else [None]
    handles = []
    axes = [figure.add_subplot(grid[column]) for column in range(2)]
    for index, group in enumerate(groups):
        colour, marker = LINE_COLOURS[index % len(LINE_COLOURS)], MARKERS[index % len(MARKERS)]
        points = [row for row in rows if len(varied) == 1 or row[varied[1]] == group]
        points.sort(key=lambda row: positions[row[varied[0]]])
        for axis, (measure, _, _) in zip(axes, MEASURES, strict=True):
            axis.plot(
                [positions[row[varied[0]]] for row in points], [float(row[measure]) for row in points],
                color=colour, marker=marker, markersize=5, linewidth=1.6, clip_on=False, zorder=3,
            )  # fmt: skip
        handles.append(Line2D([], [], color=colour, marker=marker, markersize=5, label=str(group)))
    for axis, (_, title, unit) in zip(axes, MEASURES, strict=True):
        soften(axis)
        axis.set_title(title, size=LABEL_SIZE + 1, color=INK, loc="left")
        axis.set_xlabel(varied[0], size=LABEL_SIZE, color=INK)
        axis.yaxis.set_major_formatter(EngFormatter(unit))
        _abscissa(axis, positions, numeric)
        axis.set_ylim(0, 1.08 * axis.get_ylim()[1])
    if len(varied) == 2:
        outside_legend(axes[1], handles, varied[1])
    save_figure(figure, path)


def _abscissa(axis: Axes, positions: Mapping[Any, float], numeric: bool) -> None:
    """Ticks at the values themselves; doubling values stand evenly on a logarithmic axis."""
    values = sorted(positions.values())
    if numeric and values[0] > 0 and len(values) > 2 and values[-1] / values[0] >= 8:
        axis.set_xscale("log", base=2)
    axis.minorticks_off()
    few = len(positions) <= 10
    if few or not numeric:
        axis.set_xticks(list(positions.values()), [str(value) for value in positions])
    if not few and not numeric:
        axis.tick_params(axis="x", rotation=60)


def _scatter(rows: Sequence[Row], varied: Sequence[str], path: str | os.PathLike[str], dpi: int) -> None:
    figure = new_figure(13, 5.6, dpi)
    axis = figure.add_axes((0.07, 0.11, 0.55, 0.82))
    soften(axis)
    axis.grid(axis="x", color="#e4e4e4", linewidth=0.6)
    points = [(float(row["cycles"]), float(row["energy_j"])) for row in rows]
    front = pareto_front(points)
    axis.scatter([x for x, _ in points], [y for _, y in points], s=18, color="#a9b4bf", linewidth=0, zorder=2)
    axis.plot(
        [points[index][0] for index in front], [points[index][1] for index in front], color=LINE_COLOURS[0],
        marker="o", markersize=5.5, linewidth=1.2, drawstyle="steps-post", zorder=3,
    )  # fmt: skip
    for number, set_scale, ticks in ((0, axis.set_xscale, axis.xaxis), (1, axis.set_yscale, axis.yaxis)):
        values = [point[number] for point in points]
        if values and min(values) > 0 and max(values) / min(values) > 30:
            set_scale("log")
            ticks.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    _number(axis, [points[index] for index in front])
    axis.set_xlabel("cycles", size=LABEL_SIZE, color=INK)
    axis.set_ylabel("energy", size=LABEL_SIZE, color=INK)
    axis.xaxis.set_major_formatter(EngFormatter())
    axis.yaxis.set_major_formatter(EngFormatter("J"))
    axis.minorticks_off()
    _front_key(axis, [rows[index] for index in front], varied, len(rows))
    save_figure(figure, path)


def _number(axis: Axes, front: Sequence[tuple[float, float]]) -> None:
    """Numbers beside the points of the front, on the other side of a point where the one before stands too near."""
    last = None
    for number, point in enumerate(front, start=1):
        x, y = axis.transData.transform(point)
        crowded = last is not None and abs(x - last[0]) + abs(y - last[1]) < 0.25 * axis.figure.dpi
        axis.annotate(
            str(number), point, xytext=(-5, -5) if crowded else (5, 5), textcoords="offset points", size=TEXT_SIZE,
            weight="bold", color=LINE_COLOURS[0], zorder=4, ha="right" if crowded else "left",
            va="top" if crowded else "bottom",
        )  # fmt: skip
        last = None if crowded else (x, y)


def short_names(keys: Sequence[str]) -> list[str]:
    """The shortest ends of dotted keys that still tell them apart: a.x, a.y, b.x -> a.x, y, b.x."""
    names = []
    for key in keys:
        parts = key.split(".")
        ends = [".".join(parts[-length:]) for length in range(1, len(parts) + 1)]
        others = [other for other in keys if other != key]
        names.append(next((end for end in ends if not any(f".{o}".endswith(f".{end}") for o in others)), key))
    return names


def _front_key(axis: Axes, front: Sequence[Row], varied: Sequence[str], points: int) -> None:
    """What the numbered points of the front are."""
    shown = 20
    names = short_names(varied)
    lines = [f"Pareto front: {len(front)} of {points} points", ""]
    for number, row in enumerate(front[:shown], start=1):
        lines.append(
            f"{number:2d}  " + ", ".join(f"{name} {row[key]}" for name, key in zip(names, varied, strict=True))
        )
    if len(front) > shown:
        lines.append(f"    and {len(front) - shown} more")
    axis.annotate(
        "\n".join(lines), (1, 1), xycoords="axes fraction", xytext=(14, 0), textcoords="offset points",
        size=TEXT_SIZE - 1, color=INK, va="top", family="monospace", linespacing=1.5,
    )  # fmt: skip
    if not points:
        axis.text(0.5, 0.5, "no points", transform=axis.transAxes, color=FAINT, ha="center", size=LABEL_SIZE + 3)


def _ordered(values: Any) -> list[Any]:
    """Distinct values, numbers in their order, others in the order of appearance."""
    distinct = list(dict.fromkeys(values))
    return sorted(distinct) if all(_is_number(value) for value in distinct) else distinct


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
