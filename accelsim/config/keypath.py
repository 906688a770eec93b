"""Paths to the values of a document, and what users call the values."""

from __future__ import annotations

import re
from typing import Any

KeyPath = tuple[str | int, ...]
"""Way from the root of a document to a value: keys of mappings and indices of lists."""


def holds(value: Any, step: str | int) -> bool:
    """Whether `value` is a mapping with the key `step`, or a list with that index."""
    if isinstance(step, int):
        return isinstance(value, list) and 0 <= step < len(value)
    return isinstance(value, dict) and step in value


def key_text(path: KeyPath) -> str:
    """A path as users read and write it: `pe_array.rows`, `layers[3].kernel`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


_STEP = re.compile(r"[^.\[\]]+|\[[0-9]{1,9}\]")
_PATH = re.compile(r"[^.\[\]]+(\[[0-9]{1,9}\])*(\.[^.\[\]]+(\[[0-9]{1,9}\])*)*")


def key_path(text: str) -> KeyPath | None:
    """The path that `key_text` writes so; None where the text is no path."""
    if not _PATH.fullmatch(text):
        return None
    return tuple(int(step[1:-1]) if step[0] == "[" else step for step in _STEP.findall(text))


def kind_name(value: object) -> str:
    """What users call a value of this kind."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return "a single value"


def shown(value: object) -> object:
    """A value fit for a message: mappings and lists are left out, long text is cut."""
    if isinstance(value, dict | list):
        return None
    return f"{value[:60]}..." if isinstance(value, str) and len(value) > 60 else value
