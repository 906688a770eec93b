"""Directories of results: written whole or not at all, never over anything else."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from accelsim.errors import InputError, Problem


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of a kind of result: those that it always has, the first of which marks it, and patterns of others.

    Its directories, if it may have any, are results of the layout `inner`.
    """

    required: tuple[str, ...]
    added: tuple[str, ...] = ()
    inner: Layout | None = None

    def foreign(self, directory: Path) -> list[str]:
        """Names in a directory that no result of this kind has."""
        return sorted(entry.name for entry in directory.iterdir() if not self._knows(entry))

    def _knows(self, entry: Path) -> bool:
        if entry.is_dir():
            return self.inner is not None and self.inner.found_in(entry)
        return entry.name in self.required or any(map(entry.match, self.added))

    def found_in(self, directory: Path) -> bool:
        """Whether a directory holds such a result and nothing foreign beside it."""
        return (directory / self.required[0]).is_file() and not self.foreign(directory)


def replace_directory(directory: str | os.PathLike[str], layout: Layout, write: Callable[[Path], None]) -> Path:
    """Have `write` fill a new directory, give it the name `directory`, and return its path.

    The files are made in a sibling directory that then takes the name, so a reader never sees half a result. A
    directory that holds a previous result of this layout, or nothing, is replaced; InputError where it holds anything
    else, where a file has the name, or where nothing can be written.
    """
    target = Path(directory).resolve()
    _check_replaceable(target, os.fspath(directory), layout)
    temporary: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.parent / f".{target.name}.{uuid.uuid4().hex[:12]}"
        temporary.mkdir()
        write(temporary)
        _take_name(temporary, target)
    except OSError as error:
        raise InputError(
            Problem(f"cannot write the result: {error.strerror or error}", file=os.fspath(directory))
        ) from error
    finally:
        if temporary is not None and temporary.exists():
            shutil.rmtree(temporary, ignore_errors=True)
    return target


def _check_replaceable(target: Path, named: str, layout: Layout) -> None:
    for parent in target.parents:
        if parent.exists() and not parent.is_dir():
            raise InputError(Problem(f"{parent} is a file, not a directory", file=named))
    if not target.exists():
        return
    if not target.is_dir():
        raise InputError(Problem("a file has the name of the result directory", file=named))
    foreign = layout.foreign(target)
    if not foreign and any(target.iterdir()) and not layout.found_in(target):
        foreign = sorted(entry.name for entry in target.iterdir())
    if foreign:
        shown = ", ".join(foreign[:3]) + (f" and {len(foreign) - 3} more" if len(foreign) > 3 else "")
        raise InputError(Problem(f"holds files that are no result, so it is not replaced: {shown}", file=named))


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
