"""Colours and habits that the pictures share."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter
from PIL import Image

STATE_COLOURS = {
    "busy": "#0b5fa5",
    "fill_drain": "#7cc0ee",
    "weights_missing": "#e08a00",
    "spikes_missing": "#f7e75a",
    "bank_conflict": "#3a1f47",
    "output_blocked": "#c4361f",
    "sequencing": "#8c8c8c",
    "idle": "#ececec",
}
"""Work is blue, waiting is warm or dark, no work is grey; told apart also with protanopia, deuteranopia, tritanopia."""

UNKNOWN_STATE_COLOUR = "#009e73"
LINE_COLOURS = ("#0b5fa5", "#c4361f", "#009e73", "#e08a00", "#3a1f47", "#7cc0ee", "#8c8c8c")
READ_COLOUR, WRITE_COLOUR = "#009e73", "#e08a00"
SPAN_COLOURS = ("#dfe7ef", "#c6d3e1")
INK, FAINT, GRID = "#2b2b2b", "#8f8f8f", "#e4e4e4"

TEXT_SIZE = 8.5
LABEL_SIZE = 9.0


def new_figure(width: float, height: float, dpi: int) -> Figure:
    """A white figure, in inches, on the Agg canvas: no window system and no global state."""
    figure = Figure(figsize=(width, height), dpi=dpi, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a picture; a PNG in a palette of 256 colours, which looks the same and takes a third of the bytes."""
    if Path(path).suffix != ".png":
        figure.savefig(path)
        return
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = canvas.buffer_rgba()  # type: ignore[no-untyped-call]
    image = Image.fromarray(np.asarray(pixels)).convert("RGB")
    image.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True, dpi=(figure.dpi, figure.dpi))


def soften(axis: Axes, grid: bool = True) -> None:
    """Thin grey axes on two sides, and horizontal guide lines."""
    axis.tick_params(labelsize=TEXT_SIZE, colors=FAINT, labelcolor=INK, length=3)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axis.spines[side].set_color(FAINT)
    axis.set_axisbelow(True)
    if grid:
        axis.grid(axis="y", color=GRID, linewidth=0.6)


def outside_legend(axis: Axes, handles: Sequence[Any], title: str | None = None, left: float = 1.035) -> None:
    """A legend right of the axes."""
    legend = axis.legend(
        handles=handles,
        title=title,
        loc="upper left",
        bbox_to_anchor=(left, 1.0),
        borderaxespad=0,
        frameon=False,
        fontsize=TEXT_SIZE,
        title_fontsize=TEXT_SIZE,
        labelcolor=INK,
        handlelength=1.2,
        handleheight=0.9,
        alignment="left",
        labelspacing=0.45,
    )
    legend.get_title().set_color(INK)


def engineering(number: float, unit: str) -> str:
    """0.00164, "s" -> "1.64 ms"."""
    return EngFormatter(unit, places=2)(number)
