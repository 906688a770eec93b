"""The directory of a comparison: its table, and the result of every chip in a directory of its own."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from accelsim.errors import InputError, Problem
from accelsim.report.directory import Layout, replace_directory
from accelsim.report.files import RESULT, Savable, json_text, write_result
from accelsim.report.text import render

COMPARISON = Layout(required=("comparison.json", "comparison.txt"), added=("*.png",), inner=RESULT)


def save_comparison(
    comparison: Mapping[str, Any], text: str, results: Mapping[str, Savable], directory: str | os.PathLike[str]
) -> Path:
    """Write comparison.json, comparison.txt (`text`) and a directory a chip with what a run of it alone writes.

    All or none, and over nothing but a previous comparison: see `replace_directory`.
    """

    def write(temporary: Path) -> None:
        (temporary / "comparison.json").write_text(json_text(comparison), encoding="utf-8")
        (temporary / "comparison.txt").write_text(text, encoding="utf-8")
        for name, result in results.items():
            (temporary / name).mkdir()
            write_result(result, temporary / name, render(dict(result.report)))

    return replace_directory(directory, COMPARISON, write)


def is_comparison(directory: str | os.PathLike[str]) -> bool:
    """Whether a directory is marked as that of a comparison."""
    return (Path(directory) / "comparison.json").is_file()


def load_comparison(directory: str | os.PathLike[str]) -> dict[str, Any]:
    """What comparison.json holds. Raises InputError where it is damaged."""
    path = Path(directory) / "comparison.json"
    try:
        comparison = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise InputError(Problem(f"cannot be read: {error}", file=str(path))) from error
    if not isinstance(comparison, dict) or not {"schema", "chips", "baseline"} <= comparison.keys():
        raise InputError(Problem("not a comparison of accelsim", file=str(path)))
    return comparison
