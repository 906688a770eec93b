"""Values as text that a configuration file may hold."""

from __future__ import annotations

import json
import re
from typing import Any

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.]*")
_WORDS = ("true", "false", "yes", "no", "on", "off", "y", "n", "null")
"""What would not be read back as text without quotation marks."""


def flow(value: Any) -> str:
    """A value on one line of YAML: mappings, lists and tuples, text, numbers, booleans."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value)
