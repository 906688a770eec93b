"""YAML files as plain data that remembers where each key stands."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from accelsim.config.keypath import KeyPath, holds, key_path, key_text, kind_name, shown
from accelsim.config.reader import Dumper, Reader
from accelsim.errors import InputError, Problem

MAX_FILE_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Document:
    """The mapping that a YAML file holds, with the line of every key.

    `data` is made of dict (keys are text), list, str, int, float, bool and None. `changed` holds the paths that
    `override` replaced; problems below them are reported against "--set".
    """

    file: str
    data: dict[str, Any]
    text: str = ""
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    changed: frozenset[KeyPath] = frozenset()

    def problem(self, path: KeyPath, rule: str, value: object = None, allowed: str = "") -> Problem:
        """A problem with the value at `path`; a key that the file does not hold is placed at its closest parent."""
        prefixes = [path[:length] for length in range(len(path), -1, -1)]
        if any(prefix in self.changed for prefix in prefixes):
            return Problem(rule, "--set", None, key_text(path), value, allowed)
        line = next((self.lines[prefix] for prefix in prefixes if prefix in self.lines), None)
        return Problem(rule, self.file, line, key_text(path), value, allowed)

    def get(self, path: KeyPath) -> Any:
        """The value at `path`; KeyError where the document holds none."""
        value: Any = self.data
        for step in path:
            if not holds(value, step):
                raise KeyError(key_text(path))
            value = value[step]
        return value

    def dump(self) -> str:
        """YAML text that reads back as `data`: the file's own, comments and all, unless keys were overridden."""
        if self.text and not self.changed:
            return self.text
        dumped: str = yaml.dump(
            self.data, Dumper=Dumper, sort_keys=False, default_flow_style=None, allow_unicode=True, width=120
        )
        return dumped


def load_yaml(path: str | Path) -> Document:
    """Read a settings file; InputError tells what is wrong with it, with lines."""
    file = str(path)
    text = _read_text(Path(path), file)
    reader = Reader(text, file)
    data = reader.read()
    if not isinstance(data, dict):
        raise InputError(Problem(f"must hold a mapping of keys to values, not {kind_name(data)}", file))
    return Document(file, data, text, reader.lines)


def override(document: Document, assignments: Sequence[str]) -> Document:
    """The document with `KEY=VALUE` assignments applied in order.

    KEY is a dotted path whose missing parents are created; VALUE is YAML and replaces whatever stood there. All bad
    assignments are raised together, as problems of "--set".
    """
    data = copy.deepcopy(document.data)
    changed = set(document.changed)
    problems: list[Problem] = []
    for assignment in assignments:
        try:
            path, value = _parse_assignment(assignment)
            _assign(data, path, value)
        except InputError as error:
            problems += error.problems
        else:
            changed.add(path)
    if problems:
        raise InputError(problems)
    return Document(document.file, data, document.text, document.lines, frozenset(changed))


def _parse_assignment(assignment: str) -> tuple[KeyPath, Any]:
    if not assignment.isascii() and assignment.encode(errors="replace").decode() != assignment:
        raise InputError(Problem("is not UTF-8 text", "--set", value=assignment))
    key, equals, text = assignment.partition("=")
    key = key.strip()
    path = key_path(key)
    if not equals or path is None:
        raise InputError(Problem("must have the form KEY=VALUE", "--set", value=assignment))
    try:
        return path, Reader(text, "--set").read()
    except InputError as error:
        raise InputError(
            Problem(problem.rule, "--set", None, key, problem.value or text) for problem in error.problems
        ) from None


def _assign(data: dict[str, Any], path: KeyPath, value: Any) -> None:
    place: Any = data
    for depth, step in enumerate(path):
        here = key_text(path[:depth])
        if isinstance(step, int):
            if not isinstance(place, list):
                raise InputError(Problem(f"is {kind_name(place)}, not a list", "--set", None, here))
            if step >= len(place):
                raise InputError(Problem(f"has no entry {step}: it holds {len(place)}", "--set", None, here))
        elif not isinstance(place, dict):
            allowed = f"the whole of it, as in {here}={{{step}: ...}}"
            raise InputError(
                Problem(f"is {kind_name(place)} and holds no keys", "--set", None, here, shown(place), allowed)
            )
        if depth == len(path) - 1:
            place[step] = value
        else:
            place = place.setdefault(step, {}) if isinstance(place, dict) else place[step]


def _read_text(path: Path, file: str) -> str:
    try:
        if not path.exists():
            raise InputError(Problem("no such file", file))
        if not path.is_file():
            raise InputError(Problem("is not a file", file))
        with path.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise InputError(Problem(f"cannot be read: {getattr(error, 'strerror', None) or error}", file)) from None
    if len(content) > MAX_FILE_BYTES:
        raise InputError(Problem(f"is larger than {MAX_FILE_BYTES >> 20} MiB", file))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(Problem("is not UTF-8 text", file, line)) from None
