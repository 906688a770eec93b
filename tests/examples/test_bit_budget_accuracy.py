"""What docs/bit_budget.md says of networks of equal Bit Budget."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from examples import load_example

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def example() -> Any:
    return load_example("bit_budget_accuracy")


@pytest.fixture(scope="module")
def found(example: Any) -> dict[str, Any]:
    return {row.division.name: row for row in example.outcomes()}


def test_the_document_shows_the_tables(example: Any, found: dict[str, Any]) -> None:
    assert example.render(list(found.values())) in (ROOT / "docs" / "bit_budget.md").read_text(encoding="utf-8")


def test_work_is_that_of_the_layers(example: Any, found: dict[str, Any]) -> None:
    """S-ACE by hand: multiply-accumulates of each layer times weight bits times word bits."""
    macs = {"conv2": 32 * 16 * 16 * 9, "conv3": 32 * 16 * 32 * 9, "fc": 512 * 10}
    for name, row in found.items():
        division = row.division
        first = 16 * 64 * 9 * (1 if division.task == "still" else 2)
        assert row.dense_macs == first + sum(macs.values())
        first_bits = 8 if division.task == "still" else division.spike_bits * division.timesteps
        by_hand = division.weight_bits * first * first_bits + division.budget * sum(macs.values())
        assert row.s_ace == by_hand, name


def test_synaptic_operations_against_a_plain_count(example: Any) -> None:
    """Of one network's second layer: a spike reaches the outputs of each tap that lies on the map."""
    name = "events/8/1/4"
    with np.load(example.HOME / "words.npz", allow_pickle=False) as file:
        words = file[f"{name}/conv2"].astype(np.int64)
        trace = example.recorded(example.Division.named(name), file)
    ones = sum((words >> bit) & 1 for bit in range(4))
    padded = np.pad(ones, ((0, 0), (0, 0), (1, 1), (1, 1)))
    taps = sum(
        padded[:, :, row : row + 2 * 4 : 2, column : column + 2 * 4 : 2].sum()
        for row in range(3)
        for column in range(3)
    )
    layer = next(count for count in example.network_statistics(trace, 10) if count.layer.name == "conv2")
    assert layer.synops == 32 * taps


def test_the_figure_is_drawn(example: Any, found: dict[str, Any], tmp_path: Path) -> None:
    example.draw(list(found.values()), tmp_path / "figure.svg")
    text = (tmp_path / "figure.svg").read_text(encoding="utf-8")
    assert text.count("<svg ") == 1
    assert (ROOT / "docs" / "images" / "bit_budget.svg").exists()


def gap(example: Any, found: dict[str, Any], first: str, second: str) -> tuple[float, float, float]:
    """Points by which one network is better than another, and the interval."""
    middle, low, high = example.paired(found[first].right, found[second].right)
    return 100 * middle, 100 * low, 100 * high


def test_bits_of_spikes_come_before_steps(example: Any, found: dict[str, Any]) -> None:
    for task, points in (("still", 1.3), ("events", 7.9)):
        middle, low, _ = gap(example, found, f"{task}/8/4/1", f"{task}/8/1/4")
        assert middle == pytest.approx(points, abs=0.05)
        assert low > 0
    last = min((row for row in found.values() if row.division.task == "events"), key=lambda row: row.accuracy)
    assert last.division.title == "8/1/4"


def test_at_a_budget_of_128_the_best_lies_between(example: Any, found: dict[str, Any]) -> None:
    for middle in ("8/2/8", "8/4/4"):
        for end in ("8/1/16", "8/8/2"):
            assert gap(example, found, f"events/{middle}", f"events/{end}")[1] > 0
    points, low, _ = gap(example, found, "events/8/1/16", "events/8/8/2")
    assert points == pytest.approx(1.8, abs=0.05)
    assert low > 0
    assert gap(example, found, "events/8/4/1", "events/8/8/2")[1] > 0


def test_weights_of_four_bits_do_and_narrower_ones_lose(example: Any, found: dict[str, Any]) -> None:
    for task in ("still", "events"):
        for wide in ("8/2/2", "8/4/1"):
            assert gap(example, found, f"{task}/4/2/4", f"{task}/{wide}")[2] > 0
    losses = {
        name: gap(example, found, f"{name.split('/')[0]}/4/2/4", name)
        for name in found
        if found[name].division.weight_bits < 4
    }
    points = {name: round(loss[0], 1) for name, loss in losses.items()}
    assert points == {
        "still/2/2/8": 2.6,
        "still/2/4/4": 3.8,
        "still/1/4/8": 5.8,
        "events/2/2/8": 1.4,
        "events/2/4/4": 1.1,
        "events/1/4/8": 2.7,
    }


def test_what_chips_pay_for(found: dict[str, Any]) -> None:
    for task, budget in (("still", 32), ("events", 32), ("events", 128)):
        rows = [row for row in found.values() if (row.division.task, row.division.budget) == (task, budget)]
        wide = [row for row in rows if row.division.weight_bits == 8]
        for chip, spread in (("serial", 1.06), ("packed", 1.09)):
            cycles = [row.cycles[chip] for row in wide]
            assert max(cycles) <= spread * min(cycles)
        by_passes: dict[int, set[float]] = {}
        for row in rows:
            passes = row.division.timesteps * -(-row.division.spike_bits // 4)
            by_passes.setdefault(passes, set()).add(row.cycles["steps"])
        assert {len(cycles) for cycles in by_passes.values()} == {1}
        assert sorted(by_passes) == sorted(by_passes, key=lambda passes: min(by_passes[passes]))
        assert all(row.cycles["packed"] < min(row.cycles["serial"], row.cycles["steps"]) for row in rows)


def test_narrow_weights_are_cheap_by_ns_ace_and_dear_on_the_chip(found: dict[str, Any]) -> None:
    for task in ("still", "events"):
        rows = [row for row in found.values() if (row.division.task, row.division.budget) == (task, 32)]
        by_synops = sorted(rows, key=lambda row: row.synops)
        cycles = [row.cycles["serial"] for row in by_synops]
        assert all(later > 0.99 * earlier for earlier, later in pairwise(cycles))
        assert by_synops[-1].division.title == "1/4/8"
        assert by_synops[-1].energy_uj["serial"] == max(row.energy_uj["serial"] for row in rows)
        quickest = min(rows, key=lambda row: row.cycles["steps"])
        assert quickest.division.title == "8/4/1"
        assert quickest.energy_uj["steps"] == min(row.energy_uj["steps"] for row in rows)
    events = [row for row in found.values() if (row.division.task, row.division.budget) == ("events", 32)]
    assert min(events, key=lambda row: row.ns_ace).division.title == "1/4/8"
    assert max(row.ns_ace for row in events) / min(row.ns_ace for row in events) == pytest.approx(1.7, abs=0.05)
    assert found["events/1/4/8"].cycles["serial"] / found["events/8/4/1"].cycles["serial"] == pytest.approx(5, rel=0.1)
