"""Tables of a document that an example computes: what stands between two markers is written by a command."""

from __future__ import annotations

import re
from pathlib import Path

BEGIN, END = "<!-- tables -->\n", "<!-- end of tables -->"


def update(document: Path, text: str) -> None:
    """Replace what stands between the document's markers."""
    old = document.read_text(encoding="utf-8")
    new, count = re.subn(f"{BEGIN}.*?{END}", lambda _: f"{BEGIN}{text}\n{END}", old, flags=re.DOTALL)
    if count != 1:
        raise SystemExit(f"{document} has {count} places for the tables, not 1")
    document.write_text(new, encoding="utf-8")
