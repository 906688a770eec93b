"""The tables of docs/direct_training.md, and what is said below them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from chips import ROOT

from examples import load_example

DOCUMENT = ROOT / "docs" / "direct_training.md"
HOME = ROOT / "workloads" / "direct_training"


@pytest.fixture(scope="module")
def example() -> Any:
    return load_example("direct_training")


@pytest.fixture(scope="module")
def outcome() -> dict[str, str]:
    return json.loads((HOME / "accuracy.json").read_text())


@pytest.fixture(scope="module")
def cost() -> dict[str, dict[str, float]]:
    return json.loads((HOME / "cost.json").read_text())["cpu"]["kinds"]


def test_the_document_holds_what_the_command_writes(example: Any, tmp_path: Path) -> None:
    copy = tmp_path / "document.md"
    copy.write_text(DOCUMENT.read_text(encoding="utf-8"), encoding="utf-8")
    example.main(["--update", str(copy)])
    assert copy.read_text(encoding="utf-8") == DOCUMENT.read_text(encoding="utf-8")


def test_rows_known_by_hand(example: Any) -> None:
    outcome = {"ann": "1" * 90 + "0" * 10, "packed_t4": "1" * 80 + "0" * 20}
    assert example.accuracy_table(outcome).splitlines()[2:] == [
        "| ANN | 90 of 100 | 90.00% | 82.56% to 94.48% |  |  |",
        "| packed, T = 4 | 80 of 100 | 80.00% | 71.12% to 86.66% | +10.00 points | +3.43 to +16.18 |",
    ]
    cost = {"lif_t2": {"epoch_s": 1.234, "image_s": 12.6e-6, "saved_bytes": 2_000_000, "peak_bytes": 34_500_000}}
    assert example.cost_table(cost).splitlines()[2:] == ["| LIF, T = 2 | 1.23 | 2.0 | 34 | 13 |"]


def test_packed_neurons_reach_the_ann(outcome: dict[str, str], example: Any) -> None:
    """At T = 4 within a point, over at least a thousand digits that were not seen, and so is its interval."""
    assert {len(hits) for hits in outcome.values()} == {1797}
    assert outcome["ann"].count("1") / 1797 > 0.97
    for kind in ("packed_t4", "packed_t8"):
        assert example.accuracy.paired(outcome["ann"], outcome[kind])[2] <= 0.01
    for kind in ("packed_t1", "packed_t2"):
        assert example.accuracy.paired(outcome["ann"], outcome[kind])[0] > 0.01


def test_lif_neurons_are_behind_packed_ones_of_several_steps(outcome: dict[str, str], example: Any) -> None:
    behind = [
        example.accuracy.paired(outcome[f"packed_t{steps}"], outcome[f"lif_t{steps}"])[1] for steps in (1, 2, 4, 8)
    ]
    assert behind[0] < 0
    assert min(behind[1:]) > 0


def test_cost_is_flat_in_time_with_packed_neurons_and_not_with_lif_neurons(
    cost: dict[str, dict[str, float]],
) -> None:
    packed, lif = ([cost[f"{neuron}_t{timesteps}"] for timesteps in (1, 2, 4, 8)] for neuron in ("packed", "lif"))
    assert len({row["saved_bytes"] for row in packed}) == 1
    assert lif[3]["saved_bytes"] > 7.9 * lif[0]["saved_bytes"]
    peaks = [row["peak_bytes"] for row in packed]
    assert max(peaks) < 1.15 * min(peaks)
    assert lif[3]["peak_bytes"] > 4 * lif[0]["peak_bytes"]
    for seconds in ("epoch_s", "image_s"):
        assert packed[3][seconds] < 1.25 * packed[0][seconds]
        assert lif[3][seconds] > 5 * lif[0][seconds]
