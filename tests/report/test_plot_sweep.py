"""Pictures of sweeps, and the Pareto front that they show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.report.plot import plot_sweep
from accelsim.report.plot.sweep import pareto_front, short_names

PNG = b"\x89PNG\r\n\x1a\n"
POINTS = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=40)


@given(POINTS)
def test_the_front_is_what_nothing_betters(points: list[tuple[int, int]]) -> None:
    front = pareto_front(points)
    assert len({points[index] for index in front}) == len(front)

    def bettered(point: tuple[int, int]) -> bool:
        return any(other != point and other[0] <= point[0] and other[1] <= point[1] for other in points)

    assert {points[index] for index in front} == {point for point in points if not bettered(point)}
    assert [points[index] for index in front] == sorted(points[index] for index in front)


def test_short_names() -> None:
    assert short_names(["pe.rows", "pe.columns", "tiles.rows"]) == ["pe.rows", "columns", "tiles.rows"]
    assert short_names(["dram"]) == ["dram"]
    assert short_names(["rows", "pe.rows"]) == ["rows", "pe.rows"]


def rows(*keys: str, values: tuple[Any, ...] = (4, 8, 16, 32, 64)) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [{}]
    for key in keys:
        found = [row | {key: value} for row in found for value in values]
    return [row | {"cycles": 1000 + 7 * index, "energy_j": 1e-3 / (1 + index)} for index, row in enumerate(found)]


@pytest.mark.parametrize(
    ("points", "varied"),
    [
        (rows("a"), ["a"]),
        (rows("a", values=("fast", "slow")), ["a"]),
        (rows("a", values=tuple(f"name{index}" for index in range(14))), ["a"]),
        (rows("a", values=(True, False)), ["a"]),
        (rows("a", values=tuple(range(20))), ["a"]),
        (rows("a", "b"), ["a", "b"]),
        (rows("a", "b", values=("x", 1)), ["a", "b"]),
        (rows("p.a", "b", "q.a", values=(1, 100)), ["p.a", "b", "q.a"]),
        (rows("a", "b", "c"), ["a", "b", "c"]),
        (rows("a")[:1], ["a"]),
        (rows("a")[:1], []),
        ([], ["a", "b"]),
    ],
)
def test_pictures_of_any_sweep(points: list[dict[str, Any]], varied: list[str], tmp_path: Path) -> None:
    plot_sweep(points, varied, tmp_path / "s.png", dpi=40)
    assert (tmp_path / "s.png").read_bytes().startswith(PNG)
