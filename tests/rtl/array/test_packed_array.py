"""The packed array as hardware against the compiled kernels, word by word and cycle by cycle."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any

import array_bench
import array_fabric
import pytest
from array_case import Case, Run, first_difference, random_case
from array_mistakes import MISTAKES, Place

DEFAULT_SEEDS = range(20)


@cache
def default_run(seed: int) -> tuple[Case, Run]:
    """A case of the default suite, and what the compiled array does with it."""
    case = random_case(seed)
    return case, array_fabric.simulate(case)


def difference(case: Case, compiled: Run) -> str:
    """Where hardware and compiled array part."""
    return first_difference(array_bench.simulate(case, len(compiled.cycles)), compiled)


@pytest.mark.parametrize("seed", DEFAULT_SEEDS)
def test_every_word_is_taken_in_the_same_cycle(seed: int) -> None:
    assert difference(*default_run(seed)) == ""


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1000, 1200))
def test_long_every_word_is_taken_in_the_same_cycle(seed: int) -> None:
    case = random_case(seed, most=6, side=5, most_channels=24)
    assert difference(case, array_fabric.simulate(case)) == ""


def test_the_random_cases_meet_every_situation() -> None:
    """All states; lost reads, full queues, words that wait for a lane, fields outside of the map, parts of channels."""
    met: Counter[str] = Counter()
    for seed in DEFAULT_SEEDS:
        case, run = default_run(seed)
        shape = case.shape
        met.update({cycle.state for cycle in run.cycles})
        met["lost read"] += any(cycle.lost for cycle in run.cycles)
        met["full FIFO"] += any(cycle.fifo == shape.fifo_words for cycle in run.cycles)
        met["full of pixels"] += any(cycle.in_flight == shape.pixels for cycle in run.cycles)
        met["full of results"] += any(cycle.results == shape.results for cycle in run.cycles)
        met["more banks than rows"] += shape.weight_banks > shape.rows
        met["banks no power of two"] += shape.weight_banks not in (1, 2, 4)
        met["sliced words"] += shape.slices > 1
        met["nothing skipped"] += not shape.skips
        met["several passes"] += len(case.passes) > 1
        met["part of the channels"] += any(part.channels[0] > 0 for part in case.passes)
        met["padding"] += any(case.padding)
        met["dilation"] += max(case.dilation) > 1
        met["groups"] += case.groups > 1
        met["words between silent and full"] += bool(((run.words > 0) & (run.words < 15)).any())
    assert sorted(name for name in met if met[name] == 0) == []
    assert len(met) == 8 + 14


def mutate(monkeypatch: pytest.MonkeyPatch, mistake: Any, places: tuple[Place, ...]) -> None:
    for module, name in places:
        monkeypatch.setattr(module, name, mistake)


@pytest.mark.parametrize(("mistake", "places", "seed"), MISTAKES, ids=[row[0].__name__ for row in MISTAKES])
def test_a_single_wrong_rule_is_found(
    monkeypatch: pytest.MonkeyPatch, mistake: Any, places: tuple[Place, ...], seed: int
) -> None:
    assert seed in DEFAULT_SEEDS
    mutate(monkeypatch, mistake, places)
    assert difference(*default_run(seed)) != ""
