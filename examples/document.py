"""Tables of a document that an example computes: what stands between two markers is written by a command."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in markdown."""
    lines = [f"| {' | '.join(cells)} |" for cells in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])


def update(document: Path, text: str, name: str = "tables") -> None:
    """Replace what stands between the document's markers of that name."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    old = document.read_text(encoding="utf-8")
    new, count = re.subn(f"{begin}.*?{end}", lambda _: f"{begin}{text}\n{end}", old, flags=re.DOTALL)
    if count != 1:
        raise SystemExit(f"{document} has {count} places for the {name}, not 1")
    document.write_text(new, encoding="utf-8")


def command(description: str | None, tables: Callable[[], str], argv: Sequence[str] | None = None) -> None:
    """The command line of an example: print the tables, or `--update` a document."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", type=Path, metavar="DOCUMENT", help="write the tables between its markers")
    document = parser.parse_args(argv).update
    if document:
        update(document, tables())
    else:
        print(tables())
