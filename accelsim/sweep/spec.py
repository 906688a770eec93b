"""The specification of a sweep: a chip, an input, and lists of values for keys of the chip."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from accelsim.config import Count, Document, Settings, key_path, load_yaml, validate
from accelsim.errors import InputError, Problem

Values = Annotated[list[Any], Field(min_length=1)]


class SweepSettings(Settings):
    """The keys of a sweep's YAML; paths are relative to its file."""

    name: str | None = Field(None, description="What the report calls the sweep; by default the name of its file.")
    arch: str = Field(description="YAML of the chip that is varied.")
    input: str = Field(description="Trace or workload that every point runs.")
    images: Count = Field(1, description="Images that every point simulates.")
    seed: Annotated[int, Field(ge=0)] = Field(0, description="Seed of what is drawn, the same for every point.")
    vary: dict[str, Values] = Field(
        min_length=1, description="Values for dotted keys of the chip; all combinations are run, the last key fastest."
    )
    metrics: list[str] | None = Field(
        None,
        min_length=1,
        description="Columns of points.csv besides cycles and energy: keys of `total` or paths in report.json.",
    )


@dataclass(frozen=True, slots=True)
class Point:
    """One simulation of a sweep; `values` are those of the varied keys, in their order."""

    arch: str
    input: str
    images: int
    seed: int
    values: tuple[Any, ...]
    overrides: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sweep:
    """A checked specification."""

    document: Document
    name: str
    settings: SweepSettings

    @property
    def vary(self) -> dict[str, list[Any]]:
        """The varied keys and their values."""
        return self.settings.vary

    def points(self) -> list[Point]:
        """All combinations, in the order of the specification."""
        directory = Path(self.document.file).parent
        arch, source = str(directory / self.settings.arch), str(directory / self.settings.input)
        return [
            Point(arch, source, self.settings.images, self.settings.seed, values, self._overrides(values))
            for values in itertools.product(*self.vary.values())
        ]

    def _overrides(self, values: tuple[Any, ...]) -> tuple[str, ...]:
        return tuple(assignment(key, value) for key, value in zip(self.vary, values, strict=True))


def assignment(key: str, value: Any) -> str:
    """The `KEY=VALUE` that sets a key to a value; JSON is what YAML reads back unchanged."""
    return f"{key}={json.dumps(value, ensure_ascii=False)}"


def load_sweep(path: str | Path, limit: int | None = None) -> Sweep:
    """Read a specification; InputError if it is broken, names no chip, or has more than `limit` points."""
    document = load_yaml(path)
    settings = validate(SweepSettings, document)
    problems = list(_bad_keys(document, settings)) + list(_missing_files(document, settings))
    size = math.prod(len(values) for values in settings.vary.values())
    if limit is not None and size > limit:
        problems.append(document.problem(("vary",), f"makes {size} points, more than {limit}: confirm with --yes"))
    if problems:
        raise InputError(problems)
    return Sweep(document, settings.name or Path(path).stem, settings)


def _bad_keys(document: Document, settings: SweepSettings) -> Iterator[Problem]:
    for key in settings.vary:
        if key_path(key) is None:
            yield document.problem(("vary", key), "is no dotted key of a chip", key)


def _missing_files(document: Document, settings: SweepSettings) -> Iterator[Problem]:
    for key, name in (("arch", settings.arch), ("input", settings.input)):
        if not (Path(document.file).parent / name).is_file():
            yield document.problem((key,), "no such file", name)
