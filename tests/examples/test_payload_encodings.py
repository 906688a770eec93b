"""The tables of docs/payload.md are those that its command writes."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from accelsim.kernels.payload import ADDRESS_EVENT, BITMAP, DENSE, shortest
from examples import load_example

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "payload.md"


@pytest.fixture(scope="module")
def example() -> Any:
    return load_example("payload_encodings")


def test_the_document_holds_what_the_command_writes(example: Any, tmp_path: Path) -> None:
    copy = tmp_path / "document.md"
    copy.write_text(DOCUMENT.read_text(encoding="utf-8"), encoding="utf-8")
    example.main(["--update", str(copy)])
    assert copy.read_text(encoding="utf-8") == DOCUMENT.read_text(encoding="utf-8")
    copy.write_text("no markers")
    with pytest.raises(SystemExit, match="has 0 places for the tables, not 1"):
        example.update(copy, "text")


@pytest.mark.parametrize(("words", "word_bits"), [(16, 4), (128, 1), (128, 8), (496, 4), (2, 1)])
def test_the_densities_are_those_at_which_the_shortest_changes(example: Any, words: int, word_bits: int) -> None:
    events, bitmap = example.densities(words, word_bits)
    for nonzero in range(words + 1):
        density = Fraction(nonzero, words)
        taken = shortest(words, nonzero, word_bits)
        assert (taken == ADDRESS_EVENT) == (density < events)
        assert (taken == BITMAP) == (events <= density < bitmap)
        assert (taken == DENSE) == (density >= max(events, bitmap))
