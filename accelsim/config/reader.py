"""YAML text to plain data.

Scalars follow the YAML 1.2 core schema: `1e-3` is a number, and of the bare words only `true` and `false` are
booleans, so `on` and `no` stay text. Tags, aliases and merge keys are refused: a settings file needs none, and
without them a text can neither run code nor grow when it is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from accelsim.config.keypath import KeyPath, key_text
from accelsim.errors import InputError, Problem

MAX_DEPTH = 32
MAX_NUMBER_LETTERS = 64

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_NULL = re.compile(r"null|Null|NULL|~|")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


class Reader:
    """Builds plain data from parser events, noting lines and problems on the way; one reader reads one text."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self.lines: dict[KeyPath, int] = {}
        self.problems: list[Problem] = []

    def read(self) -> Any:
        try:
            self.events: Iterator[Any] = iter(yaml.parse(self.text, Loader=_Loader))
            next(self.events)
            first = next(self.events)
            if isinstance(first, yaml.StreamEndEvent):
                return None
            data = self._value(next(self.events), ())
            next(self.events)
            if not isinstance(second := next(self.events), yaml.StreamEndEvent):
                self._complain("a second YAML document begins: give one a file", second, ())
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            reason = error.problem or error.context
            line = mark.line + 1 if mark else None
            self.problems.append(Problem(f"is not valid YAML: {reason}", self.file, line))
        except yaml.YAMLError as error:
            self.problems.append(Problem(f"is not valid YAML: {str(error).splitlines()[0]}", self.file))
        if self.problems:
            raise InputError(self.problems)
        return data

    def _complain(self, rule: str, event: Any, path: KeyPath, value: object = None) -> None:
        self.problems.append(Problem(rule, self.file, event.start_mark.line + 1, key_text(path), value))

    def _value(self, event: Any, path: KeyPath) -> Any:
        if len(path) > MAX_DEPTH:
            self._complain(f"is nested more than {MAX_DEPTH} levels deep", event, ())
            raise InputError(self.problems)
        if isinstance(event, yaml.AliasEvent):
            self._complain("YAML aliases are not supported: write the value out", event, path, f"*{event.anchor}")
            return None
        if event.tag is not None:
            self._complain("YAML tags are not supported", event, path, event.tag)
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(path)
        return self._scalar(event, path) if event.implicit[0] else event.value

    def _mapping(self, path: KeyPath) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self._key(event, path)
            below = (*path, key)
            if key and key in mapping:
                self._complain(f"key given twice, first in line {self.lines[below]}", event, below)
            else:
                self.lines[below] = event.start_mark.line + 1
            mapping[key] = self._value(next(self.events), below)
        return mapping

    def _key(self, event: Any, path: KeyPath) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            self._complain("a key must be plain text", event, path)
            self._value(event, path)
            return ""
        if event.value == "<<" and event.implicit[0]:
            self._complain("YAML merge keys (<<) are not supported: write the keys out", event, path)
        elif not event.value:
            self._complain("a key must not be empty", event, path)
        text: str = event.value
        return text

    def _sequence(self, path: KeyPath) -> list[Any]:
        entries: list[Any] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            below = (*path, len(entries))
            self.lines[below] = event.start_mark.line + 1
            entries.append(self._value(event, below))
        return entries

    def _scalar(self, event: Any, path: KeyPath) -> Any:
        text: str = event.value
        if _NULL.fullmatch(text):
            return None
        if _TRUE.fullmatch(text):
            return True
        if _FALSE.fullmatch(text):
            return False
        integer = _INTEGER.fullmatch(text)
        if not integer and not _FLOAT.fullmatch(text):
            return text
        if len(text) > MAX_NUMBER_LETTERS:
            self._complain(f"a number may have {MAX_NUMBER_LETTERS} letters at most", event, path)
            return None
        if integer:
            return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
        return float(text.replace(".inf", "inf").replace(".nan", "nan")) if text[-1] in "fFnN" else float(text)


class Dumper(yaml.SafeDumper):
    """Writes text in quotes where the rules above would read something else, and shared values twice."""

    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012

    def ignore_aliases(self, data: Any) -> bool:
        return True


for _tag, _pattern in (("null", _NULL), ("bool", _TRUE), ("bool", _FALSE), ("int", _INTEGER), ("float", _FLOAT)):
    Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern.pattern})$"), None)
