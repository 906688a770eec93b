"""Any network on any chip: right words, whole accounts and no deadlock, or a message that names what does not fit."""

from __future__ import annotations

import pytest
from random_chips import RandomWorkload, draw_chip

from accelsim.errors import InputError
from accelsim.simulation import simulate

SEEDS = 40
"""Runs of a test."""


def runs_right(seed: int, plain: bool = False) -> bool:
    """Whether a random run of random images went through and every word was right; False where nothing fits."""
    workload = RandomWorkload(seed, plain)
    images = 1 + seed % 3
    try:
        report = simulate(draw_chip(seed), workload, images=images, verify=True).report
    except InputError as error:
        assert all(problem.rule.startswith("no tiling fits the ") for problem in error.problems)
        return False
    assert report["verified"]["layers"] == len(workload.layers)
    assert all(value >= 0 for value in report["energy_j"]["by_component"].values())
    assert 0 <= report["total"]["utilisation"] <= 1
    for layer in report["layers"]:
        assert sum(layer["stall_cycles"].values()) <= layer["cycles"]
    return True


@pytest.mark.parametrize("first", range(0, 10 * SEEDS, SEEDS))
def test_random_networks_on_random_chips(first: int) -> None:
    right = [runs_right(seed) for seed in range(first, first + SEEDS)]
    assert sum(right) > SEEDS // 2


@pytest.mark.parametrize("seed", [207_117, 208_996])
def test_two_nodes_at_one_router_use_every_place_for_a_packet(seed: int) -> None:
    """All inputs are nodes', so as many packets are on their way to sinks as wait in the router."""
    assert runs_right(seed, plain=True)


@pytest.mark.parametrize("seed", [100_071, 106_085, 107_654])
def test_chips_that_once_stood_still(seed: int) -> None:
    """Tiles that asked for shared weights in different orders; passes that ended before an older one's packet left."""
    assert runs_right(seed, plain=True)


@pytest.mark.long
@pytest.mark.parametrize("first", range(100_000, 110_000, 1000))
def test_many_random_networks_on_random_chips(first: int) -> None:
    assert sum(runs_right(seed) for seed in range(first, first + 1000)) > 500
