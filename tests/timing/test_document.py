"""docs/timing.md names a test for each statement, other documents for some: the tests exist."""

from __future__ import annotations

import re

import pytest
from chips import ROOT

DOCUMENT = (ROOT / "docs" / "timing.md").read_text()
DOCUMENTS = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md")))
NAMED = sorted(set(re.findall(r"`test_(\w+)\.(?!py`)(\w+)`", DOCUMENTS)))


@pytest.mark.parametrize(("module", "function"), NAMED, ids=[".".join(pair) for pair in NAMED])
def test_a_test_that_the_document_names(module: str, function: str) -> None:
    paths = (ROOT / "tests").rglob(f"test_{module}.py")
    assert any(f"\ndef test_{function}(" in path.read_text() for path in paths)


def test_every_statement_names_its_test() -> None:
    """Rows of the tables of statements end with the tests that hold them."""
    tables = re.findall(r"^\|[^\n]* held by \|\n\|[-|]+\|\n((?:\|[^\n]*\|\n)+)", DOCUMENT, flags=re.MULTILINE)
    statements = [row.rstrip("| ").rpartition("|")[2] for table in tables for row in table.splitlines()]
    assert len(statements) > 30
    assert all(re.search(r"`test_\w+\.\w+`", held) for held in statements)
