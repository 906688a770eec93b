"""Pictures: the utilisation timeline of a run, and what a sweep found. The only importer of matplotlib."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import EngFormatter, FuncFormatter, MaxNLocator
from numpy.typing import NDArray

STATE_COLOURS = {
    "busy": "#0b5fa5",
    "fill_drain": "#7cc0ee",
    "weights_missing": "#e69f00",
    "spikes_missing": "#f4e04d",
    "bank_conflict": "#8a4fa3",
    "output_blocked": "#d1442b",
    "sequencing": "#8c8c8c",
    "idle": "#ececec",
}
"""After Okabe and Ito's palette for the colour-blind: work is blue, waiting is warm, no work is grey."""

LINE_COLOURS = ("#0b5fa5", "#d1442b", "#009e73", "#8a4fa3", "#e69f00", "#56b4e9", "#555555")
READ_COLOUR, WRITE_COLOUR, LINK_COLOUR = "#009e73", "#cc79a7", "#0b5fa5"
SPAN_COLOURS = ("#dfe7ef", "#c6d3e1")
INK, FAINT = "#2b2b2b", "#9a9a9a"

STYLE_SIZE = 8.5
MAX_PIXEL_BINS = 1600
PIXELS_A_TILE = 24
MAX_LANES = 12


def plot_timeline(
    report: Mapping[str, Any], timeline: Mapping[str, Any], path: str | os.PathLike[str], dpi: int = 150
) -> None:
    """Draw what every tile, the links and the DRAM did over the run, with the layers marked, and save it to `path`.

    `timeline` holds, over bins of `bin_cycles` cycles: tile_states int64 [tiles, bins, states] (cycles of each of
    `state_names`), link_flits int64 [links, bins], dram_read_bytes and dram_write_bytes int64 [channels, bins], the
    peak of all channels together dram_peak_bytes_per_cycle (0 or infinite: ideal), and layer_names, layer_start and
    layer_end in cycles; and `cycles` and `clock_mhz`.
    """
    cycles = int(timeline["cycles"])
    lanes = _lanes(timeline["layer_start"], timeline["layer_end"])
    tiles = len(timeline["tile_states"])
    has_links = timeline["link_flits"].shape[0] > 0
    heights = [0.32 + 0.26 * (max(lanes, default=0) + 1), min(7.0, max(1.2, 0.3 * tiles))]
    heights += [1.15] * (1 + has_links)
    figure = Figure(figsize=(14, sum(heights) + 1.9 + 0.22 * len(heights)), dpi=dpi, facecolor="white")
    FigureCanvasAgg(figure)
    height = figure.get_figheight()
    grid = figure.add_gridspec(
        len(heights), 1, height_ratios=heights, hspace=0.5 / (sum(heights) / len(heights)),
        left=0.065, right=0.84, top=1 - 1.15 / height, bottom=0.75 / height,
    )  # fmt: skip
    axes = [figure.add_subplot(grid[0])]
    axes += [figure.add_subplot(grid[row], sharex=axes[0]) for row in range(1, len(heights))]
    axes[0].set_xlim(0, max(1, cycles))

    _draw_layers(axes[0], timeline, lanes)
    _draw_tiles(axes[1], timeline)
    if has_links:
        _draw_links(axes[2], timeline)
    _draw_dram(axes[-1], timeline)
    for axis in axes[1:]:
        _draw_boundaries(axis, timeline)
    _draw_time_axes(axes, float(timeline["clock_mhz"]))
    _draw_title(figure, report, height)
    figure.savefig(path)


def _draw_title(figure: Figure, report: Mapping[str, Any], height: float) -> None:
    total = report["total"]
    images = report["images"]
    figure.text(
        0.065, 1 - 0.22 / height, f"{report['arch']} running {report['input']}, {images} image{'s' * (images != 1)}",
        size=13, weight="bold", color=INK, va="top",
    )  # fmt: skip
    figure.text(
        0.065, 1 - 0.5 / height,
        f"{total['cycles']:,} cycles = {EngFormatter('s', places=2)(total['time_s'])},  {total['fps']:.4g} frames/s,  "
        f"{EngFormatter('J', places=2)(total['energy_j'])},  utilisation {total['utilisation']:.0%},  "
        f"bound by {total['bound_by']}",
        size=9.5, color=INK, va="top",
    )  # fmt: skip


def _draw_time_axes(axes: Sequence[Axes], clock_mhz: float) -> None:
    for axis in axes:
        axis.tick_params(labelsize=STYLE_SIZE, colors=INK, length=3)
        for side in ("top", "right", "left", "bottom"):
            axis.spines[side].set_visible(side in ("left", "bottom") and axis is not axes[0])
            axis.spines[side].set_color(FAINT)
        axis.tick_params(labelbottom=axis is axes[-1])
    axes[0].tick_params(bottom=False)
    axes[-1].xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes[-1].xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True))
    axes[-1].set_xlabel("core-clock cycles", size=STYLE_SIZE + 0.5, color=INK)
    time = axes[0].secondary_xaxis("top", functions=(lambda c: c / clock_mhz, lambda us: us * clock_mhz))
    time.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g} µs"))
    time.tick_params(labelsize=STYLE_SIZE, colors=FAINT, length=2)
    time.spines["top"].set_color(FAINT)


def _lanes(starts: NDArray[np.int64], ends: NDArray[np.int64]) -> list[int]:
    """A lane for each layer such that layers of one lane do not overlap; the last lane takes what is left over."""
    free_at: list[int] = []
    lanes = [0] * len(starts)
    for index in sorted(range(len(starts)), key=lambda layer: (int(starts[layer]), layer)):
        start, end = int(starts[index]), int(ends[index])
        lane = next((lane for lane, free in enumerate(free_at) if free <= start), len(free_at))
        if lane == len(free_at) and lane < MAX_LANES:
            free_at.append(end)
        lane = min(lane, MAX_LANES - 1)
        free_at[lane] = max(free_at[lane], end)
        lanes[index] = lane
    return lanes


def _draw_layers(axis: Axes, timeline: Mapping[str, Any], lanes: Sequence[int]) -> None:
    """One labelled span a layer; a name that does not fit its span, even upright, is left out."""
    cycles = max(1, int(timeline["cycles"]))
    points_a_cycle = axis.get_window_extent().width * 72 / axis.figure.dpi / cycles  # type: ignore[union-attr]
    axis.set_ylim(max(lanes, default=0) + 1, 0)
    axis.set_yticks([])
    axis.set_ylabel("layers", size=STYLE_SIZE + 0.5, color=INK, rotation=0, ha="right", va="center")
    for index, (name, start, end) in enumerate(_spans(timeline)):
        lane = lanes[index]
        axis.add_patch(
            Rectangle((start, lane + 0.06), end - start, 0.88, color=SPAN_COLOURS[index % 2], linewidth=0, zorder=1)
        )
        room = (end - start) * points_a_cycle - 3
        size = 7.0
        letters = int(room / (0.56 * size))
        label = name if len(name) <= letters else name[: letters - 1] + "…" if letters >= 4 else ""
        if label:
            axis.text((start + end) / 2, lane + 0.52, label, size=size, color=INK, ha="center", va="center", zorder=2)


def _spans(timeline: Mapping[str, Any]) -> list[tuple[str, int, int]]:
    return [
        (str(name), int(start), int(end))
        for name, start, end in zip(
            timeline["layer_names"], timeline["layer_start"], timeline["layer_end"], strict=True
        )
    ]


def _draw_boundaries(axis: Axes, timeline: Mapping[str, Any]) -> None:
    for start in {start for _, start, _ in _spans(timeline) if start > 0}:
        axis.axvline(start, color="white", linewidth=1.4, alpha=0.55, zorder=3)
        axis.axvline(start, color=INK, linewidth=0.4, alpha=0.55, zorder=4)


def stacked_image(
    tile_states: NDArray[np.int64], names: Sequence[str], pixels: int = PIXELS_A_TILE
) -> NDArray[np.uint8]:
    """An RGB picture, uint8 [tiles * pixels, bins, 3]: each tile's states stacked bottom up, in the order of `names`.

    A bin's column is filled in proportion to the cycles spent in each state, and left as idle where none is counted.
    """
    tiles, bins, _ = tile_states.shape
    whole = np.maximum(1, tile_states.sum(axis=2))
    edges = np.cumsum(tile_states, axis=2) / whole[:, :, None]
    height = (np.arange(pixels)[::-1] + 0.5) / pixels
    # The state at a height is the number of stacked edges below it.
    state = (edges[:, None, :, :] < height[None, :, None, None]).sum(axis=3)
    colours = [to_rgb(STATE_COLOURS.get(name, "#444444")) for name in names] + [to_rgb(STATE_COLOURS["idle"])]
    palette = np.round(np.array(colours) * 255).astype(np.uint8)
    return palette[state].reshape(tiles * pixels, bins, 3)


def merge_bins(values: NDArray[np.int64], axis: int, most: int = MAX_PIXEL_BINS) -> tuple[NDArray[np.int64], int]:
    """Sum groups of neighbouring bins along `axis` until at most `most` are left; also the size of a group."""
    group = -(-values.shape[axis] // most) or 1
    starts = np.arange(0, values.shape[axis], group)
    return (np.add.reduceat(values, starts, axis=axis) if len(starts) else values), group


def _draw_tiles(axis: Axes, timeline: Mapping[str, Any]) -> None:
    names = [str(name) for name in timeline["state_names"]]
    states, group = merge_bins(timeline["tile_states"], axis=1)
    tiles, bins, _ = states.shape
    right = bins * group * int(timeline["bin_cycles"])
    axis.imshow(
        stacked_image(states, names), aspect="auto", interpolation="nearest", extent=(0, right, tiles, 0), zorder=1
    )
    for row in range(1, tiles):
        axis.axhline(row, color="white", linewidth=1.6 if tiles <= 32 else 0.6, zorder=2)
    axis.set_xlim(0, max(1, int(timeline["cycles"])))
    step = -(-tiles // 32)
    axis.set_yticks([row + 0.5 for row in range(0, tiles, step)], [str(row) for row in range(0, tiles, step)])
    axis.tick_params(axis="y", length=0)
    axis.set_ylabel("tile", size=STYLE_SIZE + 0.5, color=INK)
    whole = timeline["tile_states"].sum(axis=(0, 1))
    share = whole / max(1, whole.sum())
    busy = timeline["tile_states"][:, :, names.index("busy")].sum(axis=1) if "busy" in names else np.zeros(tiles)
    total = np.maximum(1, timeline["tile_states"].sum(axis=(1, 2)))
    for row in range(0, tiles, step):
        axis.annotate(
            f"{busy[row] / total[row]:.0%}", (1, row + 0.5), xycoords=("axes fraction", "data"), xytext=(4, 0),
            textcoords="offset points", size=STYLE_SIZE - 1.5, color=FAINT, va="center",
        )  # fmt: skip
    handles = [
        Patch(color=STATE_COLOURS.get(name, "#444444"), label=f"{name.replace('_', ' ')}  {share[index]:.1%}")
        for index, name in enumerate(names)
    ]
    _legend(axis, handles, "state of the PE array,\nshare of all tile cycles")


def _draw_links(axis: Axes, timeline: Mapping[str, Any]) -> None:
    flits, group = merge_bins(timeline["link_flits"], axis=1)
    edges, lengths = _bins(timeline, flits.shape[1], group)
    used = flits / lengths
    mean, most = used.mean(axis=0), used.max(axis=0)
    axis.stairs(most, edges, color="#d1442b", linewidth=0.9, zorder=2)
    axis.stairs(mean, edges, fill=True, color=LINK_COLOUR, alpha=0.75, zorder=2)
    axis.set_ylim(0, max(0.05, min(1.0, 1.15 * float(most.max(initial=0.0)))))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))
    axis.yaxis.set_major_locator(MaxNLocator(nbins=3))
    axis.set_ylabel("link use", size=STYLE_SIZE + 0.5, color=INK)
    axis.grid(axis="y", color="#e4e4e4", linewidth=0.6)
    busiest = str(timeline["link_names"][int(timeline["link_flits"].sum(axis=1).argmax())])
    handles = [
        Line2D([], [], color="#d1442b", linewidth=1.4, label="busiest link of the bin"),
        Patch(color=LINK_COLOUR, alpha=0.75, label=f"mean of {len(flits)} links"),
        Line2D([], [], linestyle="", label=f"busiest of the run: {busiest}"),
    ]
    _legend(axis, handles, None)


def _draw_dram(axis: Axes, timeline: Mapping[str, Any]) -> None:
    read, group = merge_bins(timeline["dram_read_bytes"].sum(axis=0)[None, :], axis=1)
    written, _ = merge_bins(timeline["dram_write_bytes"].sum(axis=0)[None, :], axis=1)
    edges, lengths = _bins(timeline, read.shape[1], group)
    gb_per_s = float(timeline["clock_mhz"]) / 1000
    reads, writes = read[0] / lengths * gb_per_s, written[0] / lengths * gb_per_s
    peak = float(timeline["dram_peak_bytes_per_cycle"]) * gb_per_s
    axis.stairs(reads + writes, edges, baseline=reads, fill=True, color=WRITE_COLOUR, zorder=2)
    axis.stairs(reads, edges, fill=True, color=READ_COLOUR, zorder=2)
    handles: list[Any] = [Patch(color=WRITE_COLOUR, label="written"), Patch(color=READ_COLOUR, label="read")]
    top = float((reads + writes).max(initial=0.0))
    if 0 < peak < float("inf"):
        axis.axhline(peak, color=INK, linewidth=0.9, linestyle=(0, (4, 2)), zorder=3)
        handles.append(Line2D([], [], color=INK, linewidth=0.9, linestyle=(0, (4, 2)), label=f"peak {peak:.4g} GB/s"))
        top = max(top, peak)
    axis.set_ylim(0, 1.12 * top or 1.0)
    axis.yaxis.set_major_locator(MaxNLocator(nbins=3))
    axis.set_ylabel("DRAM GB/s", size=STYLE_SIZE + 0.5, color=INK)
    axis.grid(axis="y", color="#e4e4e4", linewidth=0.6)
    _legend(axis, handles, None)


def _bins(timeline: Mapping[str, Any], bins: int, group: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Edges and lengths of merged bins in cycles; the last ends with the run."""
    edges = np.arange(bins + 1, dtype=np.float64) * group * int(timeline["bin_cycles"])
    edges[-1] = max(edges[-2] + 1 if bins else 1.0, min(edges[-1], float(timeline["cycles"])))
    return edges, np.diff(edges)


def _legend(axis: Axes, handles: Sequence[Any], title: str | None) -> None:
    legend = axis.legend(
        handles=handles, title=title, loc="upper left", bbox_to_anchor=(1.035, 1.0), borderaxespad=0, frameon=False,
        fontsize=STYLE_SIZE, title_fontsize=STYLE_SIZE, labelcolor=INK, handlelength=1.2, handleheight=0.9,
        alignment="left", labelspacing=0.45,
    )  # fmt: skip
    legend.get_title().set_color(INK)
