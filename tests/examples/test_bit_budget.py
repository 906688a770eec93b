"""What docs/bit_budget.md says of each machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from examples import load_example

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def example() -> Any:
    return load_example("bit_budget")


@pytest.fixture(scope="module")
def table(example: Any) -> dict[str, list[int]]:
    found: dict[str, list[int]] = example.table()
    return found


def row(table: dict[str, list[int]], beginning: str) -> list[int]:
    (found,) = [cycles for name, cycles in table.items() if name.startswith(beginning)]
    return found


def test_machines_of_bit_planes_are_flat(table: dict[str, list[int]]) -> None:
    for machine in ("systolic", "FireFly v2", "FireFly v1"):
        first, second, third, denser, longer, wider = row(table, machine)
        assert first == second == third == denser
        assert longer == wider
        assert 1.5 < longer / first <= 2


def test_v1_and_v2_pay_for_planes_and_for_fours_of_them(table: dict[str, list[int]]) -> None:
    v1, v2 = row(table, "FireFly v1"), row(table, "FireFly v2")
    assert v1[4] / v1[0] == pytest.approx(2, rel=0.02)
    assert v2[4] / v2[0] == pytest.approx(2, rel=0.02)


def test_multipliers_pay_for_passes(table: dict[str, list[int]]) -> None:
    fill = 2 * 32 + 32 - 2
    folds = (9 * 64 // 32) * (128 // 32)

    def cycles(passes: int) -> int:
        return folds * (fill + 256 * passes)

    assert row(table, "4-bit multipliers, a time step") == [cycles(passes) for passes in (4, 2, 1, 4, 8, 2)]
    assert row(table, "4-bit multipliers, a packed word") == [cycles(passes) for passes in (1, 1, 1, 1, 2, 2)]


def test_a_detector_of_ones_pays_for_ones(table: dict[str, list[int]]) -> None:
    first, second, third, denser, longer, wider = row(table, "spike detector")
    assert [second, third] == pytest.approx([first, first], rel=0.03)
    assert 1.5 * first < denser <= 2.03 * first
    assert longer == pytest.approx(wider, rel=0.03)


def test_the_document_shows_the_table(example: Any, table: dict[str, list[int]]) -> None:
    assert example.render(table) in (ROOT / "docs" / "bit_budget.md").read_text(encoding="utf-8")
