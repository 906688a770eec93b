from __future__ import annotations

import numpy as np
import pytest

from accelsim.workload import kept
from accelsim.workload.kept import Kept


def test_the_oldest_go_when_there_are_too_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "KEPT_BYTES", 25)
    made: list[str] = []

    def get(key: str) -> int:
        return int(arrays.get(key, lambda: made.append(key) or np.full(10, len(made), np.uint8))[0])

    arrays = Kept()
    assert [get(key) for key in "ababcbca"] == [1, 2, 1, 2, 3, 2, 3, 4]
    assert made == ["a", "b", "c", "a"]


def test_an_array_beyond_the_limit_is_kept_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "KEPT_BYTES", 5)
    arrays = Kept()
    first = arrays.get("a", lambda: np.zeros(10, np.uint8))
    assert arrays.get("a", lambda: np.ones(10, np.uint8)) is first
