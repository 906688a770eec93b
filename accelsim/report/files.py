"""The result directory: written whole or not at all, and read back."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InputError, Problem
from accelsim.workload.archive import open_archive

Timeline = dict[str, NDArray[Any]]

REQUIRED = ("report.json", "report.txt", "timeline.npz", "arch.yaml")
ADDED = ("*.png", "report.html", "trace.json.gz", "*.vcd")
"""What later commands put beside the required files; replaced with them."""

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

    The files are made in a sibling directory that then takes the name, so a reader never sees half a result. A
    directory that holds a previous result, or nothing, is replaced; InputError where it holds anything else, where
    a file has the name, or where nothing can be written.
    """
    target = Path(directory).resolve()
    _check_replaceable(target, os.fspath(directory))
    temporary: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.parent / f".{target.name}.{uuid.uuid4().hex[:12]}"
        temporary.mkdir()
        _write(result, temporary, text)
        _take_name(temporary, target)
    except OSError as error:
        raise InputError(
            Problem(f"cannot write the result: {error.strerror or error}", file=os.fspath(directory))
        ) from error
    finally:
        if temporary is not None and temporary.exists():
            shutil.rmtree(temporary, ignore_errors=True)
    return target


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
    return (directory / "report.json").is_file() and not _foreign(directory)


def _foreign(directory: Path) -> list[str]:
    return sorted(
        entry.name
        for entry in directory.iterdir()
        if entry.is_dir() or not (entry.name in REQUIRED or any(entry.match(pattern) for pattern in ADDED))
    )


def _check_replaceable(target: Path, named: str) -> None:
    for parent in target.parents:
        if parent.exists() and not parent.is_dir():
            raise InputError(Problem(f"{parent} is a file, not a directory", file=named))
    if not target.exists():
        return
    if not target.is_dir():
        raise InputError(Problem("a file has the name of the result directory", file=named))
    foreign = _foreign(target)
    if not foreign and any(target.iterdir()) and not (target / "report.json").is_file():
        foreign = sorted(entry.name for entry in target.iterdir())
    if foreign:
        shown = ", ".join(foreign[:3]) + (f" and {len(foreign) - 3} more" if len(foreign) > 3 else "")
        raise InputError(Problem(f"holds files that are no result, so it is not replaced: {shown}", file=named))


def _write(result: Savable, directory: Path, text: str) -> None:
    report = json.dumps(result.report, indent=1, default=_plain, allow_nan=False)
    (directory / "report.json").write_text(report + "\n", encoding="utf-8")
    (directory / "report.txt").write_text(text, encoding="utf-8")
    (directory / "arch.yaml").write_text(result.arch_text, encoding="utf-8")
    arrays = {name: np.asarray(value) for name, value in result.timeline.items()}
    np.savez_compressed(directory / "timeline.npz", allow_pickle=False, **arrays)


def _plain(value: object) -> object:
    """JSON's view of numpy's scalars and arrays."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"a report holds no {type(value).__name__}")


def _take_name(temporary: Path, target: Path) -> None:
    """Rename into place; the old result steps aside first and is only removed once the new one stands."""
    old = temporary.with_name(f"{temporary.name}.old")
    if target.exists():
        os.replace(target, old)
    try:
        os.replace(temporary, target)
    except OSError:
        if old.exists():
            os.replace(old, target)
        raise
    shutil.rmtree(old, ignore_errors=True)


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
