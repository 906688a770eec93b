"""The tables of docs/compare.md, from comparisons made by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from chips import ROOT
from comparisons import a_report

from accelsim.report.comparison import Contender, compare
from examples import load_example


@pytest.fixture(scope="module")
def example() -> Any:
    return load_example("comparison_tables")


@pytest.fixture
def comparison() -> dict[str, Any]:
    ptb = a_report("ptb", {"c1": 8000, "c2": 2000}, 2e-3, 4.0)
    prosperity = a_report("prosperity", {"c1": 1500, "c2": 2500}, 1e-3, 1.0)
    return compare([Contender("ptb", ptb, 100, 100.0, 28), Contender("prosperity", prosperity, 400, 100.0, 28)])


def test_chips_stand_by_their_time(example: Any, comparison: dict[str, Any]) -> None:
    rows = [row.removesuffix(" 90%; weights 10% |") for row in example.chips_table(comparison).splitlines()[2:]]
    assert rows == [
        "| prosperity | 400 | 100 | 3,600 | 4,000 | 40 | 1,000.0 | 1000.00 | 0.0 | 1.00 | 16 | 0.04 |",
        "| ptb | 100 | 100 | 9,000 | 10,000 | 100 | 2,000.0 | 2000.00 | 0.1 | 4.00 | 10 | 0.40 |",
    ]


def test_every_layer_has_its_winner(example: Any, comparison: dict[str, Any]) -> None:
    """80 us of 100 PEs and 4 mm2 against 15 us of 400 and 1 mm2; then 20 us against 25."""
    assert example.wins_table(comparison).splitlines() == [
        "| first at | time | energy | PE x time | area x time |",
        "|---|---|---|---|---|",
        "| prosperity | c1 | c1 | c1 | all 2 |",
        "| ptb | c2 | c2 | c2 |  |",
    ]


def test_claims_stand_beside_what_was_found(example: Any, comparison: dict[str, Any]) -> None:
    (row,) = example.claims_table([comparison]).splitlines()[2:]
    assert row == (
        "| prosperity | ptb | 7.4x, 8x | mean over its networks (Wei et al., HPCA 2025, arXiv 2503.03379) "
        "| 2.5x, 2.5x, 2x |"
    )


def test_the_document_has_one_place_for_the_tables(
    example: Any, comparison: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "document.md"
    copy.write_text((ROOT / "docs" / "compare.md").read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "comparison.json").write_text(json.dumps(comparison))
    example.main([str(tmp_path), "--update", str(copy)])
    assert example.render([comparison]) in copy.read_text(encoding="utf-8")
    assert capsys.readouterr().out == example.render([comparison]) + "\n"
