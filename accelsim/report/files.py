"""The result directory: written whole or not at all, and read back."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InputError, Problem
from accelsim.report.directory import Layout, replace_directory
from accelsim.workload.archive import open_archive

Timeline = dict[str, NDArray[Any]]

RESULT = Layout(
    required=("report.json", "report.txt", "timeline.npz", "arch.yaml"),
    added=("*.png", "report.html", "trace.json.gz", "*.vcd"),
)
"""What a run writes, and what later commands put beside it, which is replaced with it."""

TIMELINE = {
    "bin_cycles": 0,
    "cycles": 0,
    "clock_mhz": 0,
    "state_names": 1,
    "tile_states": 3,
    "link_names": 1,
    "link_flits": 2,
    "dram_read_bytes": 2,
    "dram_write_bytes": 2,
    "dram_peak_bytes_per_cycle": 0,
    "layer_names": 1,
    "layer_start": 1,
    "layer_end": 1,
}
"""Arrays of a timeline and their dimensions."""

MAX_TIMELINE_BYTES = 2 << 30


class Savable(Protocol):
    """What `save` needs of a result."""

    @property
    def report(self) -> Mapping[str, Any]: ...
    @property
    def timeline(self) -> Mapping[str, Any]: ...
    @property
    def arch_text(self) -> str: ...


def save(result: Savable, directory: str | os.PathLike[str], text: str) -> Path:
    """Write report.json, report.txt (`text`), timeline.npz and arch.yaml into `directory`, and return its path.

    All or none, and over nothing but a previous result: see `replace_directory`.
    """
    return replace_directory(directory, RESULT, lambda temporary: write_result(result, temporary, text))


def load(directory: str | os.PathLike[str]) -> tuple[dict[str, Any], Timeline]:
    """The report and the timeline of a result directory. Raises InputError where it is none, or is damaged."""
    path = Path(directory)
    absent = [name for name in ("report.json", "timeline.npz") if not (path / name).is_file()]
    if absent:
        rule = f"not a result directory: no {' and no '.join(absent)}" if path.is_dir() else "no such directory"
        raise InputError(Problem(rule, file=os.fspath(directory)))
    return _load_report(path / "report.json"), _load_timeline(path / "timeline.npz")


def is_result(directory: Path) -> bool:
    """Whether a directory holds a result and nothing foreign beside it."""
    return RESULT.found_in(directory)


def json_text(report: Mapping[str, Any]) -> str:
    """A report as it stands in its file; numpy's scalars and arrays become numbers and lists."""
    return json.dumps(report, indent=1, default=_plain, allow_nan=False) + "\n"


def write_result(result: Savable, directory: Path, text: str) -> None:
    """The files of a result, into a directory that is there."""
    (directory / "report.json").write_text(json_text(result.report), encoding="utf-8")
    (directory / "report.txt").write_text(text, encoding="utf-8")
    (directory / "arch.yaml").write_text(result.arch_text, encoding="utf-8")
    arrays = {name: np.asarray(value) for name, value in result.timeline.items()}
    np.savez_compressed(directory / "timeline.npz", allow_pickle=False, **arrays)


def _plain(value: object) -> object:
    """JSON's view of numpy's scalars and arrays."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"a report holds no {type(value).__name__}")


def _load_report(path: Path) -> dict[str, Any]:
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise InputError(Problem(f"cannot be read: {error}", file=str(path))) from error
    if not isinstance(report, dict) or "schema" not in report:
        raise InputError(Problem("not a report of accelsim", file=str(path)))
    return report


def _load_timeline(path: Path) -> Timeline:
    """The arrays, after their headers have shown that they are plain and of a size that the file can hold."""
    with open_archive(path, MAX_TIMELINE_BYTES) as archive:
        timeline = archive.load_all()
    broken = [
        name for name, dimensions in TIMELINE.items() if name not in timeline or timeline[name].ndim != dimensions
    ]
    if broken:
        raise InputError(Problem(f"is no timeline: {', '.join(broken)} missing or of another shape", file=str(path)))
    return timeline
