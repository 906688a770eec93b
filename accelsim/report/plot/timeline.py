"""The utilisation timeline: what every tile, the links and the DRAM did over a run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from accelsim.report.plot.style import (
    FAINT,
    INK,
    LABEL_SIZE,
    READ_COLOUR,
    SPAN_COLOURS,
    STATE_COLOURS,
    TEXT_SIZE,
    UNKNOWN_STATE_COLOUR,
    WRITE_COLOUR,
    engineering,
    new_figure,
    outside_legend,
    save_figure,
    soften,
)

WIDTH, LEFT, RIGHT = 14.0, 0.9, 2.35
"""Width of the picture and of its margins, in inches."""

MOST_BINS = 1600
MOST_LANES = 12
NAME_SIZE = 7.0
POINTS_A_LETTER = 0.58 * NAME_SIZE


@dataclass(frozen=True, slots=True)
class Span:
    """A layer on the time axis, in the lane where it overlaps no other."""

    name: str
    start: int
    end: int
    lane: int


def plot_timeline(
    report: Mapping[str, Any], timeline: Mapping[str, Any], path: str | os.PathLike[str], dpi: int = 150
) -> None:
    """Draw the run as stacked states of every tile, link and DRAM use below, layers on top, and save it to `path`.

    `timeline` holds, over bins of `bin_cycles` cycles: tile_states int64 [tiles, bins, states] (cycles of each of
    `state_names`), link_flits int64 [links, bins] with link_names, dram_read_bytes and dram_write_bytes int64
    [channels, bins], the peak of all channels together dram_peak_bytes_per_cycle (0 or infinite: no limit),
    layer_names, layer_start and layer_end in cycles, and `cycles` and `clock_mhz` of the run.
    """
    spans = place(timeline["layer_names"], timeline["layer_start"], timeline["layer_end"])
    points_a_cycle = (WIDTH - LEFT - RIGHT) * 72 / max(1, int(timeline["cycles"]))
    upright = _upright(spans, points_a_cycle)
    tiles = len(timeline["tile_states"])
    layers_height = 0.3 * (1 + max((span.lane for span in spans), default=0))
    heights_and_gaps = [
        (1.0 if upright else layers_height, 0.09),
        (0.85, 0.09),
        (max(1.0, min(0.3 * tiles, 3.5 + 0.08 * tiles, 9.0)), 0.26),
        *([(1.05, 0.26)] if len(timeline["link_flits"]) else []),
        (1.05, 0.0),
    ]
    figure, axes = _stack(heights_and_gaps, top=1.02, bottom=0.55, dpi=dpi)
    axes[0].set_xlim(0, max(1, int(timeline["cycles"])))

    _draw_layers(axes[0], spans, points_a_cycle, upright)
    _draw_whole(axes[1], timeline)
    _draw_tiles(axes[2], timeline)
    if len(axes) == 5:
        _draw_links(axes[3], timeline)
    _draw_dram(axes[-1], timeline)
    for axis in axes[1:]:
        _draw_boundaries(axis, spans)
    _draw_time(axes, float(timeline["clock_mhz"]))
    _draw_title(figure, report)
    save_figure(figure, path)


def place(
    names: Sequence[str] | NDArray[np.str_], starts: Sequence[int] | NDArray[Any], ends: Sequence[int] | NDArray[Any]
) -> list[Span]:
    """Layers with lanes: each takes the first lane that is free at its start; the last lane takes what is left over."""
    free_at: list[int] = []
    spans = []
    for start, end, name in sorted(
        (int(start), int(end), str(name)) for name, start, end in zip(names, starts, ends, strict=True)
    ):
        lane = next((lane for lane, free in enumerate(free_at) if free <= start), len(free_at))
        if lane == MOST_LANES:
            lane -= 1
        elif lane == len(free_at):
            free_at.append(end)
        free_at[lane] = max(free_at[lane], end)
        spans.append(Span(name, start, end, lane))
    return spans


def stacked_image(tile_states: NDArray[np.int64], names: Sequence[str], pixels: int) -> NDArray[np.uint8]:
    """An RGB picture, uint8 [tiles * pixels, bins, 3]: each tile's states stacked bottom up, in the order of `names`.

    A bin's column is filled in proportion to the cycles spent in each state, and is idle where none are counted.
    """
    tiles, bins, _ = tile_states.shape
    whole = np.maximum(1, tile_states.sum(axis=2))
    edges = np.cumsum(tile_states, axis=2) / whole[:, :, None]
    heights = (np.arange(pixels)[::-1] + 0.5) / pixels
    # The state at a height is the number of stacked edges below it.
    state = (edges[:, None, :, :] < heights[None, :, None, None]).sum(axis=3)
    colours = [to_rgb(_colour(name)) for name in names] + [to_rgb(STATE_COLOURS["idle"])]
    palette = np.round(np.array(colours) * 255).astype(np.uint8)
    image: NDArray[np.uint8] = palette[state].reshape(tiles * pixels, bins, 3)
    return image


def merge_bins(values: NDArray[np.int64], axis: int, most: int = MOST_BINS) -> tuple[NDArray[np.int64], int]:
    """Sum groups of neighbouring bins along `axis` until at most `most` are left; also the bins of a group."""
    bins = values.shape[axis]
    group = max(1, -(-bins // most))
    if group == 1:
        return values, 1
    return np.add.reduceat(values, np.arange(0, bins, group), axis=axis), group


def _colour(state: str) -> str:
    return STATE_COLOURS.get(state, UNKNOWN_STATE_COLOUR)


def _stack(
    heights_and_gaps: Sequence[tuple[float, float]], top: float, bottom: float, dpi: int
) -> tuple[Figure, list[Axes]]:
    """Axes one below the other with a common time axis, each with its height and the gap below it, in inches."""
    height = top + bottom + sum(map(sum, heights_and_gaps))
    figure = new_figure(WIDTH, height, dpi)
    axes: list[Axes] = []
    y = height - top
    for own, gap in heights_and_gaps:
        box = (LEFT / WIDTH, (y - own) / height, (WIDTH - LEFT - RIGHT) / WIDTH, own / height)
        axes.append(figure.add_axes(box, sharex=axes[0] if axes else None))
        y -= own + gap
    return figure, axes


def _draw_title(figure: Figure, report: Mapping[str, Any]) -> None:
    total, images = report["total"], report["images"]
    height = figure.get_figheight()
    title = f"{report['arch']} running {report['input']}, {images} image{'s' * (images != 1)}"
    figure.text(LEFT / WIDTH, 1 - 0.16 / height, title, size=13, weight="bold", color=INK, va="top")
    facts = (
        f"{total['cycles']:,} cycles = {engineering(total['time_s'], 's')}",
        f"{total['fps']:,.4g} frames/s",
        engineering(total["energy_j"], "J"),
        f"utilisation {total['utilisation']:.1%}",
        f"bound by {str(total['bound_by']).replace('_', ' ')}",
    )
    figure.text(LEFT / WIDTH, 1 - 0.43 / height, "   ·   ".join(facts), size=9.5, color=INK, va="top")


def _draw_time(axes: Sequence[Axes], clock_mhz: float) -> None:
    bottom = axes[-1].xaxis
    bottom.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    bottom.set_major_locator(MaxNLocator(nbins=10, integer=True))
    axes[-1].set_xlabel("core-clock cycles", size=LABEL_SIZE, color=INK)
    limits = axes[0].get_xlim()
    time = axes[0].twiny()
    time.set_xlim(limits[0] / clock_mhz, limits[1] / clock_mhz)
    time.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g} µs"))
    time.xaxis.set_major_locator(MaxNLocator(nbins=10))
    time.tick_params(labelsize=TEXT_SIZE, colors=FAINT, length=2.5)
    for spine in time.spines.values():
        spine.set_visible(False)
    for axis in axes[:-1]:
        axis.tick_params(bottom=False, labelbottom=False)


def _upright(spans: Sequence[Span], points_a_cycle: float) -> bool:
    """Whether names stand upright: where layers follow each other and most names are wider than their layer."""
    if not spans or max(span.lane for span in spans) > 0:
        return False
    fitting = sum(len(span.name) <= _letters((span.end - span.start) * points_a_cycle) for span in spans)
    return fitting < 0.6 * len(spans)


def _letters(points: float) -> int:
    return int((points - 3) / POINTS_A_LETTER)


def _draw_layers(axis: Axes, spans: Sequence[Span], points_a_cycle: float, upright: bool) -> None:
    """A labelled span a layer; a name too long keeps its end; one without room is left out."""
    lanes = max((span.lane for span in spans), default=0) + 1
    axis.set_ylim(lanes, 0)
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set_visible(False)
    axis.set_ylabel("layers", size=LABEL_SIZE, color=INK, rotation=0, ha="right", va="center")
    last_upright = -float("inf")
    for index, span in enumerate(spans):
        width = span.end - span.start
        box = Rectangle((span.start, span.lane + 0.05), width, 0.9, color=SPAN_COLOURS[index % 2], linewidth=0)
        axis.add_patch(box)
        middle = (span.start + span.end) / 2
        letters = _letters(width * points_a_cycle)
        turned = upright and letters < len(span.name)
        if turned:
            letters = _letters(1.0 * 72)
            if (middle - last_upright) * points_a_cycle < 1.05 * NAME_SIZE:
                continue
            last_upright = middle
        name = span.name if len(span.name) <= letters else "…" + span.name[len(span.name) - letters + 1 :]
        if letters >= min(4, len(span.name)):
            axis.text(
                middle, span.lane + 0.5, name, size=NAME_SIZE, color=INK, ha="center", va="center", clip_on=True,
                rotation=90 if turned else 0,
            )  # fmt: skip


def _draw_boundaries(axis: Axes, spans: Sequence[Span]) -> None:
    for start in {span.start for span in spans if span.start > 0}:
        axis.axvline(start, color="white", linewidth=1.2, alpha=0.5, zorder=3)
        axis.axvline(start, color=INK, linewidth=0.4, alpha=0.6, zorder=4)


def _draw_states(axis: Axes, timeline: Mapping[str, Any], states: NDArray[np.int64]) -> None:
    merged, group = merge_bins(states, axis=1)
    names = [str(name) for name in timeline["state_names"]]
    limits = axis.get_xlim()
    right = merged.shape[1] * group * int(timeline["bin_cycles"])
    # As many rows as the axes have pixels, so that thin tiles are not resampled.
    pixels = max(1, round(axis.get_window_extent().height / len(merged)))
    image = stacked_image(merged, names, pixels)
    axis.imshow(image, aspect="auto", interpolation="nearest", extent=(0, right, len(merged), 0))
    axis.set_xlim(limits)
    for spine in axis.spines.values():
        spine.set_visible(False)
    axis.tick_params(labelsize=TEXT_SIZE, colors=FAINT, labelcolor=INK, length=0)


def _draw_whole(axis: Axes, timeline: Mapping[str, Any]) -> None:
    """All tiles together, with the legend of the states and their shares of the run."""
    whole = timeline["tile_states"].sum(axis=0, keepdims=True)
    _draw_states(axis, timeline, whole)
    axis.set_yticks([])
    axis.set_ylabel("all tiles", size=LABEL_SIZE, color=INK)
    shares = whole.sum(axis=(0, 1)) / max(1, whole.sum())
    handles = [
        Patch(color=_colour(str(name)), label=f"{str(name).replace('_', ' ')}  {share:.1%}")
        for name, share in zip(timeline["state_names"], shares, strict=True)
    ]
    outside_legend(axis, handles[::-1], "state of the PE array,\nshare of all tile cycles")


def _draw_tiles(axis: Axes, timeline: Mapping[str, Any]) -> None:
    """A row a tile, with the share of its cycles that are busy at its end."""
    states = timeline["tile_states"]
    tiles = len(states)
    _draw_states(axis, timeline, states)
    for row in range(1, tiles):
        axis.axhline(row, color="white", linewidth=min(1.8, 32 / tiles), zorder=2)
    step = -(-tiles // 32)
    shown = range(0, tiles, step)
    axis.set_yticks([row + 0.5 for row in shown], [str(row) for row in shown])
    axis.set_ylabel("tile", size=LABEL_SIZE, color=INK)
    names = [str(name) for name in timeline["state_names"]]
    busy = states[:, :, names.index("busy")].sum(axis=1) / np.maximum(1, states.sum(axis=(1, 2)))
    for row in shown:
        axis.annotate(
            f"{busy[row]:.0%}", (1, row + 0.5), xycoords=("axes fraction", "data"), xytext=(5, 0),
            textcoords="offset points", size=TEXT_SIZE - 1.5, color=FAINT, va="center",
        )  # fmt: skip
    axis.annotate(
        "busy", (1, 0), xycoords="axes fraction", xytext=(5, -2), textcoords="offset points", size=TEXT_SIZE - 1.5,
        color=FAINT, va="top",
    )  # fmt: skip


def _draw_links(axis: Axes, timeline: Mapping[str, Any]) -> None:
    flits, group = merge_bins(timeline["link_flits"], axis=1)
    edges, lengths = _bins(timeline, flits.shape[1], group)
    used = flits / lengths
    most, mean = used.max(axis=0), used.mean(axis=0)
    axis.stairs(most, edges, fill=True, color="#b9d3ea", zorder=1)
    axis.stairs(mean, edges, fill=True, color=STATE_COLOURS["busy"], zorder=2)
    axis.set_ylim(0, max(0.05, min(1.0, 1.1 * float(most.max(initial=0.0)))))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))
    axis.yaxis.set_major_locator(MaxNLocator(nbins=3))
    axis.set_ylabel("link use", size=LABEL_SIZE, color=INK)
    soften(axis)
    over_run = timeline["link_flits"].sum(axis=1)
    busiest = int(over_run.argmax())
    share = over_run[busiest] / max(1, int(timeline["cycles"]))
    handles = [
        Patch(color="#b9d3ea", label="busiest link of the bin"),
        Patch(color=STATE_COLOURS["busy"], label=f"mean of {len(flits)} links"),
        Line2D([], [], linestyle="", label=f"busiest over the run:\n{timeline['link_names'][busiest]}  {share:.1%}"),
    ]
    outside_legend(axis, handles)


def _draw_dram(axis: Axes, timeline: Mapping[str, Any]) -> None:
    read, group = merge_bins(timeline["dram_read_bytes"].sum(axis=0), axis=0)
    written, _ = merge_bins(timeline["dram_write_bytes"].sum(axis=0), axis=0)
    edges, lengths = _bins(timeline, len(read), group)
    gb_per_s = float(timeline["clock_mhz"]) / 1000
    reads, both = read / lengths * gb_per_s, (read + written) / lengths * gb_per_s
    axis.stairs(both, edges, baseline=reads, fill=True, color=WRITE_COLOUR, zorder=2)
    axis.stairs(reads, edges, fill=True, color=READ_COLOUR, zorder=2)
    handles: list[Any] = [Patch(color=WRITE_COLOUR, label="written"), Patch(color=READ_COLOUR, label="read")]
    top = float(both.max(initial=0.0))
    peak = float(timeline["dram_peak_bytes_per_cycle"]) * gb_per_s
    if 0 < peak < float("inf"):
        dashes = (0, (4, 2))
        axis.axhline(peak, color=INK, linewidth=0.9, linestyle=dashes, zorder=5)
        handles.append(Line2D([], [], color=INK, linewidth=0.9, linestyle=dashes, label=f"peak {peak:.4g} GB/s"))
        top = max(top, peak)
    axis.set_ylim(0, 1.1 * top or 1.0)
    axis.yaxis.set_major_locator(MaxNLocator(nbins=3))
    axis.set_ylabel("DRAM GB/s", size=LABEL_SIZE, color=INK)
    soften(axis)
    outside_legend(axis, handles)


def _bins(timeline: Mapping[str, Any], bins: int, group: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Edges and lengths of merged bins in cycles; the last one ends with the run."""
    edges = np.arange(bins + 1, dtype=np.float64) * group * int(timeline["bin_cycles"])
    if bins:
        edges[-1] = max(edges[-2] + 1, min(edges[-1], float(timeline["cycles"])))
    return edges, np.diff(edges)
