"""Scenes of scikit-learn's digits."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest

pytest.importorskip("sklearn")


@pytest.fixture
def scenes(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("scenes")


def test_training_and_test_digits_are_disjoint(scenes: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.datasets import load_digits

    used = {}
    for part in ("train", "test"):
        monkeypatch.setattr(scenes, "compose", lambda digits, labels, count, seed: (digits, labels))
        used[part] = scenes.load(part, 1, 0)
    assert (len(used["train"][0]), len(used["test"][0])) == (797, 1000)
    together = np.concatenate([used["train"][0], used["test"][0]])
    assert sorted(map(bytes, together)) == sorted(map(bytes, load_digits().images.astype(np.int64)))
    for _, labels in used.values():
        assert np.bincount(labels).min() >= 0.09 * len(labels)


def test_most_digits_are_seen_whole(scenes: ModuleType) -> None:
    made = scenes.load("test", 20, 0)
    for mask, boxes in zip(made.masks, made.boxes, strict=True):
        for label, x0, y0, x1, y1 in boxes:
            assert (mask[y0:y1, x0:x1] == label).mean() > 0.15
