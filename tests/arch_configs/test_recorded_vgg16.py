"""Presets of sparse accelerators on the spikes of a trained network, where its recording is at hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from chips import ROOT
from recorded_vgg16 import RECORDED, layers

from examples import load_example

NAMES = [layer.name for layer in layers()]


@pytest.fixture(scope="module")
def example() -> Any:
    return load_example("published_cycles")


def test_the_table_of_a_run(example: Any) -> None:
    """Cycles beside those of the simulators, by how much they differ, and where these have none."""
    figures = example.figures()
    assert list(figures) == NAMES
    found = {
        "mint": {name: row["bit_sparse_cycles"] for name, row in figures.items()},
        "prosperity": {name: 2 * row["product_sparse_cycles"] for name, row in figures.items()},
        "ptb": dict.fromkeys(figures, 1000),
    }
    lines = example.render(found).splitlines()
    assert lines[0] == "| layer | mint | prosperity | ptb |"
    # Slots of 1,353 for 512 outputs, and 16 pixels: 1,353 * 32 * 4 + 16 * 32 = 173,696.
    assert lines[8] == "| conv7 | 57,244 (=) | 59,120 (+100.0 %) | 1,000 (-99.4 %) |"
    assert lines[12].endswith("| 1,000 (none) |")


if RECORDED:

    @pytest.fixture(scope="module")
    def found(example: Any, tmp_path_factory: Any) -> dict[str, dict[str, int]]:
        trace = example.load(Path(RECORDED), tmp_path_factory.mktemp("trace"))
        return {preset: example.run(trace, preset) for preset in example.PRESETS}

    @pytest.mark.parametrize("preset", ["mint", "sato"])
    def test_bit_sparse_and_whole_rows_take_the_simulators_cycles(found: Any, example: Any, preset: str) -> None:
        expected = {name: example.PRESETS[preset](row) for name, row in example.figures().items()}
        assert {name: found[preset][name] for name in NAMES} == expected

    @pytest.mark.parametrize(("preset", "least", "most"), [("prosperity", 1.0, 1.25), ("ptb", 0.84, 1.0)])
    def test_corrected_rules_stand_beside_the_simulators(
        found: Any, example: Any, preset: str, least: float, most: float
    ) -> None:
        for name, row in example.figures().items():
            expected = example.PRESETS[preset](row)
            if expected is not None:
                assert least <= found[preset][name] / expected <= most

    def test_spinalflow_is_within_a_hundredth(found: Any, example: Any) -> None:
        for name, row in example.figures().items():
            assert found["spinalflow"][name] == pytest.approx(example.PRESETS["spinalflow"](row), rel=0.01)

    def test_the_document_is_current(found: Any, example: Any) -> None:
        assert example.render(found) in (ROOT / "docs" / "accelerators.md").read_text(encoding="utf-8")
