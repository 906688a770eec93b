"""The examples as modules, imported as Python runs them: from their own folder."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

from chips import ROOT


def load_example(name: str) -> ModuleType:
    folder = str(ROOT / "examples")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module(name)
