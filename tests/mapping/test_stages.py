"""Runs of layers, and their tiles."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.mapping.stages import HANDOVER_CYCLES, make_stages

Work = list[float]


def falling(work: float, tiles: int, most: int) -> np.ndarray:
    """Cycles of a layer that can be cut into `most` parts."""
    counts = np.minimum(np.maximum(np.arange(tiles + 1), 1e-9), most)
    return work / counts


def slowest(cycles: list[np.ndarray], runs: list[tuple[int, int]], counts: list[int]) -> float:
    return max(
        sum(float(cycles[layer][count]) + HANDOVER_CYCLES for layer in range(*run))
        for run, count in zip(runs, counts, strict=True)
    )


def fastest_of_all(cycles: list[np.ndarray], tiles: int) -> float:
    """The slowest run of the best of all cuts and shares."""
    best = float("inf")
    for count in range(min(2, len(cycles), tiles), min(len(cycles), tiles) + 1):
        for inner in combinations(range(1, len(cycles)), count - 1):
            bounds = [0, *inner, len(cycles)]
            runs = list(pairwise(bounds))
            for shares in combinations(range(1, tiles), count - 1):
                edges = [0, *shares, tiles]
                counts = [b - a for a, b in pairwise(edges)]
                best = min(best, slowest(cycles, runs, counts))
    return best


@given(st.lists(st.tuples(st.integers(10, 500), st.integers(1, 4)), min_size=1, max_size=4), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_no_cut_is_faster(work: list[tuple[int, int]], tiles: int) -> None:
    cycles = [falling(cost, tiles, most) for cost, most in work]
    stages = make_stages(cycles, list(range(tiles)))
    assert [layer for stage in stages for layer in range(*stage.layers)] == list(range(len(work)))
    used = [tile for stage in stages for tile in stage.tiles]
    assert used == sorted(set(used)) and len(used) <= tiles
    found = slowest(cycles, [stage.layers for stage in stages], [len(stage.tiles) for stage in stages])
    assert found <= fastest_of_all(cycles, tiles) + 1


def test_tiles_are_shared_in_proportion_to_work() -> None:
    stages = make_stages([falling(work, 8, 8) for work in (100.0, 300.0)], range(10, 18))
    assert [(stage.layers, stage.tiles) for stage in stages] == [
        ((0, 1), (10, 11)),
        ((1, 2), (12, 13, 14, 15, 16, 17)),
    ]


def test_stages_have_room_for_their_weights_where_there_are_tiles_enough() -> None:
    """The second layer works little, but its weights fill three buffers."""
    cycles = [falling(work, 6, 1) for work in (100.0, 10.0)]
    stages = make_stages(cycles, range(6), buffers=[0.5, 2.5])
    assert all(len(stage.tiles) >= sum((0.5, 2.5)[layer] for layer in range(*stage.layers)) for stage in stages)
    crowded = make_stages(cycles, range(2), buffers=[0.5, 2.5])
    assert [stage.layers for stage in crowded] == [(0, 1), (1, 2)]


@pytest.mark.parametrize("tiles", [64, 1024])
def test_many_tiles_are_shared_at_once(tiles: int) -> None:
    cycles = [falling(1000.0 * (layer % 7 + 1), tiles, 500) for layer in range(50)]
    stages = make_stages(cycles, range(tiles))
    times = [sum(float(cycles[layer][len(stage.tiles)]) for layer in range(*stage.layers)) for stage in stages]
    assert max(times) < 1.2 * sum(1000.0 * (layer % 7 + 1) for layer in range(50)) / tiles
