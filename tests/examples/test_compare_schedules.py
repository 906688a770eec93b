"""Both schedules of the shipped network, and the tables of docs/mapping.md."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from examples import load_example

DOCUMENT = Path(__file__).parents[2] / "docs" / "mapping.md"


@pytest.fixture(scope="module")
def example() -> Any:
    return load_example("compare_schedules")


def test_the_document_holds_what_the_command_writes(
    example: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The quick one of its tables."""
    example.main(["--cases", "digits"])
    assert capsys.readouterr().out.strip() in DOCUMENT.read_text(encoding="utf-8")
    for case in example.CASES.values():
        assert f"**{case.title}**" in DOCUMENT.read_text(encoding="utf-8")
    copy = tmp_path / "document.md"
    copy.write_text("no markers")
    with pytest.raises(SystemExit, match="has 0 places for the tables, not 1"):
        example.update(copy, "text")
