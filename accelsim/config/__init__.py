"""YAML files to typed, checked, frozen settings; every problem with its file, line and key, all gathered."""

from accelsim.config.document import Document, load_yaml, override
from accelsim.config.flow import flow
from accelsim.config.keypath import KeyPath, key_path
from accelsim.config.settings import Bytes, Count, Cycles, NonNegative, Positive, Settings, Share, broken
from accelsim.config.validate import validate

__all__ = [
    "Bytes",
    "Count",
    "Cycles",
    "Document",
    "KeyPath",
    "NonNegative",
    "Positive",
    "Settings",
    "Share",
    "broken",
    "flow",
    "key_path",
    "load_yaml",
    "override",
    "validate",
]
