"""Tables of a document that an example computes: what stands between two markers is written by a command."""

from __future__ import annotations

import re
from pathlib import Path


def update(document: Path, text: str, name: str = "tables") -> None:
    """Replace what stands between the document's markers of that name."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    old = document.read_text(encoding="utf-8")
    new, count = re.subn(f"{begin}.*?{end}", lambda _: f"{begin}{text}\n{end}", old, flags=re.DOTALL)
    if count != 1:
        raise SystemExit(f"{document} has {count} places for the {name}, not 1")
    document.write_text(new, encoding="utf-8")
