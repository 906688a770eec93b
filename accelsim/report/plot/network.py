"""A network alone: latency over load, and how busy its links are."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle
from matplotlib.ticker import PercentFormatter

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

Report = Mapping[str, Any]

LOAD_COLOURS = LinearSegmentedColormap.from_list("load", ["#ececec", "#7cc0ee", "#0b5fa5", "#3a1f47", "#c4361f"])
"""Idle is grey, busy is dark, full is red."""

DIRECTIONS = {"+x": (1, 0), "-x": (-1, 0), "+y": (0, 1), "-y": (0, -1)}


def plot_latency(report: Report, path: str | os.PathLike[str], dpi: int = 150) -> None:
    """Draw latency and accepted traffic over offered traffic of a load report, and save the picture to `path`."""
    points = report["points"]
    figure = new_figure(11, 4.2, dpi)
    grid = figure.add_gridspec(1, 2, left=0.065, right=0.97, top=0.88, bottom=0.14, wspace=0.2)
    latency, accepted = figure.add_subplot(grid[0]), figure.add_subplot(grid[1])
    _draw_latency(latency, report)
    rates = [point["rate"] for point in points]
    most = 1.06 * max(rates)
    accepted.plot([0, most], [0, most], color=FAINT, linewidth=0.8, linestyle=":", zorder=1)
    accepted.plot(
        rates, [point["accepted_rate"] for point in points],
        color=LINE_COLOURS[0], marker="o", markersize=4, linewidth=1.6, zorder=3,
    )  # fmt: skip
    accepted.set_ylim(0, 1.15 * max(point["accepted_rate"] for point in points))
    for axis, title in ((latency, "latency, cycles"), (accepted, "accepted, flits a node and cycle")):
        soften(axis)
        axis.set_xlim(0, most)
        axis.set_title(title, size=LABEL_SIZE + 1, color=INK, loc="left")
        axis.set_xlabel("offered, flits a node and cycle", size=LABEL_SIZE, color=INK)
        for point in points:
            if not point["stable"]:
                axis.axvspan(point["rate"] - most / 300, point["rate"] + most / 300, color="#f3d9d4", zorder=0)
                axis.annotate(
                    "unstable", (point["rate"], 0.5), xycoords=("data", "axes fraction"), rotation=90, ha="center",
                    va="center", size=TEXT_SIZE - 1, color=FAINT,
                )  # fmt: skip
    _title(figure, report, "")
    save_figure(figure, path)


def _draw_latency(axis: Axes, report: Report) -> None:
    stable = [point for point in report["points"] if point["latency_cycles"] is not None]
    rates = [point["rate"] for point in stable]
    zero_load = report["zero_load_latency_cycles"]
    limit = 3 if report["saturation"] is None else report["saturation"]["latency_factor"]
    handles = []
    for key, colour, width in (("mean", LINE_COLOURS[0], 1.8), ("p99", LINE_COLOURS[1], 1.0)):
        values = [point["latency_cycles"][key] for point in stable]
        handles += axis.plot(rates, values, color=colour, marker="o", markersize=4, linewidth=width, label=key)
    for factor, name in ((1, "alone"), (limit, f"{limit} x alone")):
        axis.axhline(factor * zero_load, color=FAINT, linewidth=0.8, linestyle="--", zorder=1)
        axis.annotate(
            name, (1, factor * zero_load), xycoords=("axes fraction", "data"), xytext=(-2, 3),
            textcoords="offset points", ha="right", size=TEXT_SIZE - 1, color=FAINT,
        )  # fmt: skip
    highest = max((point["latency_cycles"]["p99"] for point in stable), default=0)
    axis.set_ylim(0, 1.1 * max(limit * zero_load, min(highest, 10 * zero_load)))
    axis.legend(handles=handles, frameon=False, fontsize=TEXT_SIZE, labelcolor=INK, loc="upper left")


def plot_links(report: Report, path: str | os.PathLike[str], dpi: int = 150) -> None:
    """Draw how busy each output of each router was, and save the picture to `path`.

    A mesh or torus is drawn as its grid of routers, coloured by their busiest output to a node, with an arrow a link;
    a ring or crossbar as bars in the order of routers or nodes.
    """
    noc, links = report["noc"], report["links"]
    grid = noc["topology"] in ("mesh", "torus")
    width = min(14.0, max(5.5, 1.1 * noc["columns"] + 1.8)) if grid else 11.0
    height = min(13.0, max(4.5, 1.1 * noc["rows"] + 1.2)) if grid else 4.2
    figure = new_figure(width, height, dpi)
    if grid:
        axis = figure.add_axes((0.03, 0.03, 0.85 - 0.3 / width, 0.94 - 0.45 / height))
        _draw_grid(axis, noc, links["outputs"], links["utilisation"])
        bar = figure.add_axes((0.88, 0.15, 0.02, 0.6))
        figure.colorbar(ScalarMappable(Normalize(0, 1), LOAD_COLOURS), bar, format=PercentFormatter(1))
        bar.tick_params(labelsize=TEXT_SIZE, colors=FAINT, labelcolor=INK, length=3)
        bar.set_title("busy", size=TEXT_SIZE, color=INK, loc="left")
    else:
        axis = figure.add_axes((0.06, 0.14, 0.8, 0.72))
        _draw_bars(axis, noc, links["outputs"], links["utilisation"])
    rate = links["rate"]
    _title(figure, report, "" if rate is None else f" at {rate:g} flits a node and cycle")
    save_figure(figure, path)


def _draw_grid(axis: Axes, noc: Report, outputs: Sequence[str], utilisation: Sequence[Sequence[float]]) -> None:
    columns, rows = noc["columns"], noc["rows"]
    numbers = columns * rows <= 100
    wraps = noc["topology"] == "torus"
    first_local = len(DIRECTIONS)
    for router, loads in enumerate(utilisation):
        y, x = divmod(router, columns)
        local = max(loads[first_local:])
        axis.add_patch(Rectangle((x - 0.2, y - 0.2), 0.4, 0.4, facecolor=LOAD_COLOURS(local), edgecolor=FAINT, lw=0.6))
        if numbers:
            ink = "white" if local > 0.45 else INK
            axis.text(x, y, str(router), ha="center", va="center", size=TEXT_SIZE - 1, color=ink)
        for output, load in zip(outputs[:first_local], loads, strict=False):
            dx, dy = DIRECTIONS[output]
            inside = 0 <= x + dx < columns and 0 <= y + dy < rows
            if not inside and not (wraps and (columns if dx else rows) > 1):
                continue
            # Two links between routers keep to the right of each other; one that wraps round is a stub.
            side, length = 0.08, 0.6 if inside else 0.25
            start = (x + 0.2 * dx - side * dy, y + 0.2 * dy + side * dx)
            end = (start[0] + length * dx, start[1] + length * dy)
            axis.add_patch(
                FancyArrowPatch(
                    start, end, arrowstyle="-|>", mutation_scale=7, shrinkA=0, shrinkB=0,
                    color=LOAD_COLOURS(load), linewidth=2.2,
                )
            )  # fmt: skip
    axis.set_xlim(-0.55, columns - 0.45)
    axis.set_ylim(rows - 0.45, -0.55)
    axis.set_aspect("equal")
    axis.set_axis_off()


def _draw_bars(axis: Axes, noc: Report, outputs: Sequence[str], utilisation: Sequence[Sequence[float]]) -> None:
    if noc["topology"] == "crossbar":
        series = {"to the node": list(utilisation[0])}
    else:
        series = {name: [loads[port] for loads in utilisation] for port, name in enumerate(outputs[:2])}
        series["to its nodes"] = [max(loads[2:]) for loads in utilisation]
    width = 0.8 / len(series)
    handles = []
    for number, (name, loads) in enumerate(series.items()):
        places = [place + (number - (len(series) - 1) / 2) * width for place in range(len(loads))]
        handles.append(axis.bar(places, loads, width, color=LINE_COLOURS[number], label=name))
    soften(axis)
    axis.set_xlabel("node" if noc["topology"] == "crossbar" else "router", size=LABEL_SIZE, color=INK)
    axis.yaxis.set_major_formatter(PercentFormatter(1))
    outside_legend(axis, handles, "busy")


def _title(figure: Figure, report: Report, more: str) -> None:
    noc = report["noc"]
    what = f"{report['traffic']['pattern']} traffic" if "traffic" in report else "replay"
    text = f"{report['arch']}: {noc['columns']}x{noc['rows']} {noc['topology']}, {what}{more}"
    title = figure.text(0.03, 0.965, text, size=LABEL_SIZE + 1, color=INK, weight="bold", va="center")
    room = 0.94 * figure.bbox.width / title.get_window_extent().width
    title.set_fontsize(min(1.0, room) * (LABEL_SIZE + 1))
