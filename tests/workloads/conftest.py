"""Scripts that train networks are imported as they import one another: from their own directory."""

import importlib
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

TRAINING = Path(__file__).resolve().parents[2] / "workloads" / "training"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    monkeypatch.syspath_prepend(TRAINING)
    return importlib.import_module


@pytest.fixture
def test_set(request: pytest.FixtureRequest) -> dict[str, np.ndarray]:
    """The held-out images of the network in the test module's HOME, and what they show."""
    with np.load(request.module.HOME / "test.npz", allow_pickle=False) as file:
        return dict(file)


@pytest.fixture
def outcome(request: pytest.FixtureRequest) -> dict[str, Any]:
    """How the network in the test module's HOME was judged."""
    return json.loads((request.module.HOME / "accuracy.json").read_text())
