"""How a layer is cut over tiles: by output channel, by rows, or by both, whichever is estimated fastest."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.mapping.choices import Cut
from accelsim.mapping.plan import Range, TileCapacity, pass_outputs
from accelsim.mapping.work import Density, channel_groups, pixel_cycles
from accelsim.units import ceil_div
from accelsim.workload.layer import ARRAY_OPS, WEIGHTED_OPS, Layer

UNHIDDEN_SHARE = 0.1
"""Share of the shorter ways of data that the estimate adds to the longest; an estimate."""


@dataclass(frozen=True, slots=True)
class Split:
    """A cut into `channel_parts` x `row_parts`, and the cycles that it is estimated to take."""

    channel_parts: int
    row_parts: int
    cycles: float = field(compare=False)


@dataclass(frozen=True, slots=True)
class Allowed:
    """Which cuts of a layer may be chosen: the largest and smallest number of parts of each kind."""

    channel_parts: Range
    row_parts: Range


def shares(total: int, parts: int) -> list[Range]:
    """Cut `total` items into `parts` contiguous, nearly equal ranges."""
    bounds = [total * k // parts for k in range(parts + 1)]
    return list(pairwise(bounds))


def input_rows(layer: Layer, rows: Range) -> Range:
    """Rows of the input that output rows [first, last) read, padding left out."""
    if layer.op == "upsample":
        return rows[0] // layer.factor[0], (rows[1] - 1) // layer.factor[0] + 1
    first = rows[0] * layer.stride[0] - layer.padding[0]
    last = (rows[1] - 1) * layer.stride[0] - layer.padding[0] + layer.span[0]
    return max(0, min(first, layer.in_shape[1] - 1)), min(layer.in_shape[1], max(last, 1))


def estimate(
    layer: Layer,
    capacity: TileCapacity,
    density: Density,
    channel_parts: NDArray[np.int64],
    row_parts: NDArray[np.int64],
    weights_loaded: float = 1.0,
) -> NDArray[np.float64]:
    """Cycles of a layer as the longest of computing, of the weights' and of the spikes' way; an estimate.

    Arrays of cuts give an array of cycles. `weights_loaded` is the share of images for which weights are loaded.
    """
    groups = len(channel_groups(layer, capacity))
    _, rows, columns = layer.out_shape
    in_channels, in_rows, in_columns = layer.in_shape
    pixels = -(-rows // row_parts) * columns
    in_bytes = in_channels * in_rows * in_columns * capacity.stored_bits(layer.word_bits) / 8
    link = capacity.flit_bytes
    share = -(-groups // channel_parts)
    if layer.op in ARRAY_OPS:
        compute: NDArray[Any] = share * pixels * pixel_cycles(layer, capacity, density)
        # A part reads the channels of its groups only.
        copies: NDArray[Any] = np.maximum(1, channel_parts / layer.groups)
        narrow: NDArray[Any] = channel_parts / copies
        loaded_bytes = (weights_loaded if layer.op in WEIGHTED_OPS else 1.0) * weight_bytes(layer)
    else:
        taps = 2 if layer.op == "add" else layer.kernel[0] * layer.kernel[1]
        compute = pixels * taps * -(-share * pass_outputs(layer, capacity) // capacity.line_words)
        copies = np.ones_like(channel_parts)
        narrow = channel_parts
        loaded_bytes = 0.0
        in_bytes *= 2 if layer.op == "add" else 1
    halo = 1 + max(0, layer.span[0] - layer.stride[0]) * row_parts / max(1, in_rows)
    arriving = in_bytes * halo / row_parts / narrow / link
    sent = in_bytes * halo * np.minimum(copies, capacity.most_copies)
    leaving = sent / (capacity.tiles if layer.inputs else capacity.controllers) / link
    reading = loaded_bytes / capacity.memory_bytes_per_cycle
    copying = loaded_bytes * np.minimum(row_parts, capacity.most_copies) / (link * capacity.controllers)
    ways = np.stack(np.broadcast_arrays(compute, arriving, leaving, reading, copying))
    # What is not longest is not quite hidden either; it also decides between cuts that are bound alike.
    cycles: NDArray[np.float64] = ways.max(axis=0) + UNHIDDEN_SHARE * ways.sum(axis=0)
    return cycles


def weight_bytes(layer: Layer) -> int:
    """Bytes of all weights of a layer, or of the words in their place."""
    return ceil_div(layer.out_shape[0] * layer.fan_in * layer.weight_bits, 8) if layer.op in ARRAY_OPS else 0


def _row_bytes(layer: Layer, capacity: TileCapacity, channel_parts: NDArray[np.int64]) -> NDArray[Any]:
    """Bytes of the spike buffer that one output row needs at least, of all operands; one number for each cut."""
    channels: NDArray[Any] = np.full_like(channel_parts, layer.in_shape[0])
    if layer.op not in ARRAY_OPS:
        groups = len(channel_groups(layer, capacity))
        channels = -(-groups // channel_parts) * pass_outputs(layer, capacity)
    words = min(layer.span[0], layer.in_shape[1]) * layer.in_shape[2] * np.minimum(channels, layer.in_shape[0])
    found: NDArray[Any] = words * capacity.stored_bits(layer.word_bits) * (2 if layer.op == "add" else 1) / 8
    return found


class Cuts:
    """All cuts of a layer that are allowed, with their estimated cycles, those with few parts first."""

    def __init__(
        self, layer: Layer, capacity: TileCapacity, density: Density, allowed: Allowed, weights_loaded: float = 1.0
    ) -> None:
        channels, rows = np.meshgrid(np.arange(*allowed.channel_parts), np.arange(*allowed.row_parts), indexing="ij")
        fits = channels * rows <= capacity.tiles
        room = fits & (_row_bytes(layer, capacity, channels) <= capacity.spike_buffer_bytes)
        fits = room if room.any() else fits
        channels, rows = channels[fits], rows[fits]
        order = np.argsort(channels * rows, kind="stable")
        self._channels, self._rows = channels[order], rows[order]
        self._parts = self._channels * self._rows
        self._cycles = estimate(layer, capacity, density, self._channels, self._rows, weights_loaded)
        # Copies that trees bring for nothing fill the buffers all the same.
        alone = replace(capacity, multicast=False)
        self._reloading = estimate(layer, alone, density, self._channels, self._rows)
        self.weight_bytes = weight_bytes(layer) if layer.op in WEIGHTED_OPS else 0

    def best(self, tiles: int, most_copies: float = inf) -> Split:
        """The cut with the fewest estimated cycles on so many tiles; of equals the one with the fewest parts.

        Weights of more than `most_copies` parts by rows are taken to be loaded for every image.
        """
        end = max(1, int(np.searchsorted(self._parts, tiles, side="right")))
        cycles = np.where(self._rows[:end] <= most_copies, self._cycles[:end], self._reloading[:end])
        best = int(np.argmin(cycles))
        return Split(int(self._channels[best]), int(self._rows[best]), float(cycles[best]))

    def cycles_by_tiles(self, tiles: int) -> NDArray[np.float64]:
        """Estimated cycles of the best cut on 0, 1, ... tiles; infinite where there is none."""
        found = np.full(tiles + 1, np.inf)
        for_parts = self._parts <= tiles
        np.minimum.at(found, self._parts[for_parts], self._cycles[for_parts])
        return np.minimum.accumulate(found)


def allowed_cuts(
    layer: Layer,
    capacity: TileCapacity,
    cut: Cut = "auto",
    channel_parts: int | None = None,
    row_parts: int | None = None,
) -> Allowed:
    """The cuts that a layer's shape and the user's decisions leave."""
    groups, rows = len(channel_groups(layer, capacity)), layer.out_shape[1]
    one = (1, 2)
    by_channels = one if cut == "rows" else (1, min(groups, capacity.tiles) + 1)
    by_rows = one if cut == "output_channels" else (1, min(rows, capacity.tiles) + 1)
    if cut == "both" and groups > 1 and rows > 1 and capacity.tiles >= 4:
        by_channels, by_rows = (2, by_channels[1]), (2, by_rows[1])
    if channel_parts is not None:
        by_channels = (channel_parts, channel_parts + 1)
        by_rows = (1, by_rows[1]) if cut == "both" else by_rows
    if row_parts is not None:
        by_rows = (row_parts, row_parts + 1)
        by_channels = (1, by_channels[1]) if cut == "both" and channel_parts is None else by_channels
    return Allowed(by_channels, by_rows)


def choose_split(layer: Layer, capacity: TileCapacity, density: Density) -> Split:
    """The fastest of all cuts on all tiles."""
    return Cuts(layer, capacity, density, allowed_cuts(layer, capacity)).best(capacity.tiles)
