from __future__ import annotations

import numpy as np
import pytest

from accelsim.build import plane_store
from accelsim.build.plane_store import PlaneStore


def stored() -> tuple[PlaneStore, np.ndarray]:
    store = PlaneStore(4)
    rows = np.arange(4 * 5000, dtype=np.int64).reshape(-1, 4)
    for image in range(10):
        for first in range(500 * image, 500 * image + 500, 100):
            store.add(rows[first : first + 100], image)
    return store, rows


@pytest.mark.parametrize("limit", [0, 50_000, 1 << 30])
def test_planes_are_the_same_in_memory_and_in_a_file(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plane_store, "HELD_BYTES", limit)
    store, rows = stored()
    planes = store.finish()
    assert (planes.dtype, planes.flags.c_contiguous, planes.flags.writeable) == (np.int64, True, True)
    assert np.array_equal(planes, rows)
    for image in (0, 3, 9, 10):
        store.forget(image)
        assert np.array_equal(planes, rows)


def test_a_run_without_words() -> None:
    assert PlaneStore(3).finish().tolist() == [[0, 0, 0]]
