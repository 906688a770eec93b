"""A pipelined schedule: neighbouring layers become stages, each with tiles of its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from accelsim.mapping.plan import Range, Stage

HANDOVER_CYCLES = 50
"""From one layer to the next on the same tiles, until its first rows are there; an estimate."""

STEPS = 40
"""Halvings of the interval in which the slowest stage's cycles are sought."""


def make_stages(
    cycles: Sequence[NDArray[np.float64]], tiles: Sequence[int], buffers: Sequence[float] | None = None
) -> list[Stage]:
    """Cut layers into runs, and tiles among them, so that the slowest run takes the fewest cycles.

    `cycles[layer][n]` are the cycles of a layer on n tiles, falling with n; layers of a run follow one another on the
    same tiles. There are two stages at least, where there are layers and tiles for them. `buffers` are the weight
    buffers that each layer's weights fill: a run then gets at least as many tiles, if there are enough of them at all.
    """
    if buffers is not None:
        found = _make_stages(cycles, tiles, np.concatenate([[0.0], np.cumsum(buffers)]))
        if found is not None:
            return found
    found = _make_stages(cycles, tiles, np.zeros(len(cycles) + 1))
    assert found is not None, "all layers fit all tiles"
    return found


def _make_stages(
    cycles: Sequence[NDArray[np.float64]], tiles: Sequence[int], buffers: NDArray[np.float64]
) -> list[Stage] | None:
    each = np.stack(cycles)[:, : len(tiles) + 1] + HANDOVER_CYCLES
    table = np.concatenate([np.zeros((1, len(tiles) + 1)), np.cumsum(each, axis=0)])
    high = float(table[-1, 1])
    low = 0.0
    best = _cut(table, buffers, high, len(tiles))
    if best is None:
        return None
    for _ in range(STEPS):
        middle = (low + high) / 2
        found = _cut(table, buffers, middle, len(tiles))
        if found is None:
            low = middle
        else:
            high, best = middle, found
        if high - low < 1:
            break
    counts = _spread(table, best, len(tiles))
    stages = []
    start = 0
    for (layers, _), count in zip(best, counts, strict=True):
        stages.append(Stage(layers, tuple(tiles[start : start + count])))
        start += count
    return stages


def _cut(
    table: NDArray[np.float64], buffers: NDArray[np.float64], limit: float, tiles: int
) -> list[tuple[Range, int]] | None:
    """Runs of layers, none of which takes more than `limit` cycles, on the fewest tiles; None if those are not there.

    `table[layer]` are the summed cycles of the layers before it, by tiles, `buffers[layer]` their weight buffers.
    """
    layers = len(table) - 1
    fewest = [0] + [tiles + 1] * layers
    start_of = [0] * (layers + 1)
    for last in range(1, layers + 1):
        for first in range(last):
            if fewest[first] >= tiles or (last - first == layers and min(layers, tiles) > 1):
                continue
            # Cycles fall with tiles: the first entry that is low enough.
            needed = int(np.searchsorted(-(table[last, 1:] - table[first, 1:]), -limit)) + 1
            needed = max(needed, int(np.ceil(buffers[last] - buffers[first])))
            if fewest[first] + needed < fewest[last]:
                fewest[last] = fewest[first] + needed
                start_of[last] = first
    if fewest[layers] > tiles:
        return None
    runs: list[tuple[Range, int]] = []
    last = layers
    while last > 0:
        first = start_of[last]
        runs.append(((first, last), fewest[last] - fewest[first]))
        last = first
    return runs[::-1]


def _spread(table: NDArray[np.float64], runs: Sequence[tuple[Range, int]], tiles: int) -> list[int]:
    """Tiles of each run: what is left over goes where a stage is slowest, as long as that helps it."""
    counts = [count for _, count in runs]
    stuck: set[int] = set()
    while sum(counts) < tiles and len(stuck) < len(runs):
        times = [
            -1.0 if number in stuck else float(table[last, count] - table[first, count])
            for number, (((first, last), _), count) in enumerate(zip(runs, counts, strict=True))
        ]
        slowest = times.index(max(times))
        (first, last), _ = runs[slowest]
        room = counts[slowest] + tiles - sum(counts)
        by_tiles = table[last, counts[slowest] : room + 1] - table[first, counts[slowest] : room + 1]
        faster = np.flatnonzero(by_tiles < by_tiles[0] * 0.999)
        if len(faster):
            counts[slowest] += int(faster[0])
        else:
            stuck.add(slowest)
    return counts
