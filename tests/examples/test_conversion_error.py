"""What docs/conversion.md says of the shipped network, from a few of its images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from accelsim.reference.convert import convert
from examples import load_example

DOCUMENT = Path(__file__).parents[2] / "docs" / "conversion.md"


@pytest.fixture(scope="module")
def example() -> Any:
    return load_example("conversion_error")


def test_more_steps_miss_less_and_few_bits_miss_more(example: Any) -> None:
    ann, calibrating, images = example.network()
    model = convert(ann, calibrating[:16])
    by_steps = [example.missed(ann, model, images[:3], steps) for steps in (2, 4, 8)]
    assert by_steps[0] > 2 * by_steps[1] > 4 * by_steps[2]
    assert by_steps[2] < 0.03
    assert example.missed(ann, model, images[:3], 8, 2) > 0.5


def test_the_document_has_the_tables_of_the_example(example: Any) -> None:
    ann, calibrating, images = example.network()
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    rows = {line.split(" | ")[0].removeprefix("| ") for line in lines if line.startswith("| ")}
    assert rows >= {*example.CALIBRATIONS, *(node.name for node in ann.nodes)}
    made = example.by_layer(convert(ann, calibrating[:2]), images[:1]).splitlines()
    assert set(made[:2]) <= set(lines)
