"""What a sweep found: a table of points, and what failed and why."""

from __future__ import annotations

import csv
import io
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class SweepResult:
    """`rows` and `failures` hold a dict a point, varied keys first, in the order of the points."""

    name: str
    varied: list[str]
    metrics: list[str]
    rows: list[dict[str, Any]]
    failures: list[dict[str, Any]]

    def save(self, directory: str | Path) -> None:
        """Write points.csv, failures.csv and report.txt, each whole or not at all."""
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        _write_whole(directory / "points.csv", _csv_text([*self.varied, *self.metrics], self.rows))
        _write_whole(directory / "failures.csv", _csv_text([*self.varied, "message"], self.failures))
        _write_whole(directory / "report.txt", self.text() + "\n")

    def text(self) -> str:
        """The table for people, and what failed and why."""
        lines = [f"Sweep {self.name}: {len(self.rows)} points done, {len(self.failures)} failed"]
        if self.rows:
            lines += ["", *_table([*self.varied, *self.metrics], self.rows)]
        for failure in self.failures:
            point = ", ".join(f"{key}={_cell(failure[key])}" for key in self.varied)
            lines += ["", f"failed: {point}", *(f"  {line}" for line in failure["message"].splitlines())]
        return "\n".join(lines)


def plain(value: Any) -> Any:
    """A varied value as a row holds it: a mapping or a list as its JSON text, so that equal ones compare equal."""
    return _cell(value) if isinstance(value, dict | list) else value


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=lambda one: one.tolist())


def _csv_text(columns: list[str], rows: list[dict[str, Any]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)
    return stream.getvalue()


def _table(columns: list[str], rows: list[dict[str, Any]]) -> list[str]:
    cells = [columns, *([_short(row.get(column)) for column in columns] for row in rows)]
    widths = [max(len(line[index]) for line in cells) for index in range(len(columns))]
    return ["  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True)) for line in cells]


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else _cell(value)


def _write_whole(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
