"""The comparison runs on two small layers, and its rows agree with theory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import accelsim
from examples import load_example

ROOT = Path(__file__).parents[2]
LAYERS = ["layer4.0.downsample", "fc"]


@pytest.fixture(scope="module")
def example() -> Any:
    return load_example("compare_packed_serial")


@pytest.fixture(scope="module")
def tables(example: Any) -> Any:
    return example.tables(accelsim.load_trace(ROOT / "traces" / "resnet18_digits.npz"), 2, LAYERS)


def test_every_budget_has_every_machine(tables: Any) -> None:
    assert len(tables) == 8
    for rows in tables.values():
        assert [row.machine for row in rows] == ["packed", "serial", "lanes", "dense"]


def test_budgets_are_kept(tables: Any) -> None:
    for title, rows in tables.items():
        packed = rows[0]
        if title.startswith("Equal area"):
            assert all(row.area_mm2 <= 1.02 * packed.area_mm2 for row in rows)
        else:
            assert all(row.array == packed.array for row in rows)


def test_traffic_is_that_of_theory(tables: Any) -> None:
    for rows in tables.values():
        packed, serial, lanes, dense = rows
        synops = serial.report["total"]["synops"] / serial.report["images"]
        assert serial.weight_mbit == lanes.weight_mbit == pytest.approx(8 * synops / 1e6)
        assert packed.weight_mbit < serial.weight_mbit
        assert packed.weight_mbit < dense.weight_mbit
        assert serial.accumulator_mbit > 0
        assert packed.accumulator_mbit == lanes.accumulator_mbit == dense.accumulator_mbit == 0


def test_the_document_has_one_place_for_the_tables(example: Any, tables: Any, tmp_path: Path) -> None:
    copy = tmp_path / "document.md"
    copy.write_text((ROOT / "docs" / "packed_vs_serial.md").read_text(encoding="utf-8"), encoding="utf-8")
    example.update(copy, example.render(tables))
    assert example.render(tables) in copy.read_text(encoding="utf-8")
    copy.write_text("no markers")
    with pytest.raises(SystemExit, match="has 0 places for the tables, not 1"):
        example.update(copy, "text")
