"""What docs/bit_budget.md says of networks of equal Bit Budget."""

from __future__ import annotations

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
        trace = example.trace_of(example.Division.named(name), file)
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
