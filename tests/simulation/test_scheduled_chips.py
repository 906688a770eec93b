"""Any network on any chip, whatever the dataflow of its arrays: right words, whole accounts and no deadlock."""

from __future__ import annotations

import pytest
from random_chips import RandomWorkload
from scheduled_chips import ARRAYS, SCHEDULED, draw_scheduled_chip

from accelsim.errors import InputError
from accelsim.simulation import simulate

SEEDS = 12
"""Runs of a dataflow."""


def runs_right(seed: int, dataflow: str) -> bool:
    """Whether a random run went through and every word was right; False where nothing fits."""
    workload = RandomWorkload(seed)
    try:
        report = simulate(draw_scheduled_chip(seed, dataflow), workload, images=1 + seed % 3, verify=True).report
    except InputError as error:
        assert all(problem.rule.startswith("no tiling fits the ") for problem in error.problems), str(error)
        return False
    assert report["verified"]["layers"] == len(workload.layers)
    assert 0 <= report["total"]["utilisation"] <= 1
    return True


def test_every_dataflow_has_a_random_array() -> None:
    assert set(SCHEDULED) == set(ARRAYS)


@pytest.mark.parametrize("dataflow", SCHEDULED)
def test_random_networks_on_random_arrays(dataflow: str) -> None:
    right = [runs_right(seed, dataflow) for seed in range(SEEDS)]
    assert sum(right) > SEEDS // 3


@pytest.mark.parametrize(("dataflow", "seed"), [("spike_broadcast", 1061), ("bit_sparsity", 1039), ("gustavson", 1045)])
def test_chips_that_once_went_wrong(dataflow: str, seed: int) -> None:
    """A stream that took longer than the timeline was; layers whose arrays have nothing to do."""
    assert runs_right(seed, dataflow)


@pytest.mark.long
@pytest.mark.parametrize("dataflow", SCHEDULED)
def test_many_random_networks_on_random_arrays(dataflow: str) -> None:
    assert sum(runs_right(seed, dataflow) for seed in range(1000, 1300)) > 100
