from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.workload.layer import Layer
from accelsim.workload.words import compute_words, smallest_unsigned, unpool


@pytest.mark.parametrize(
    ("bits", "dtype"), [(1, np.uint8), (8, np.uint8), (9, np.uint16), (16, np.uint16), (17, np.uint32)]
)
def test_smallest_unsigned(bits: int, dtype: type) -> None:
    assert smallest_unsigned(bits) is dtype


@given(
    rows=st.integers(2, 9),
    columns=st.integers(2, 9),
    window=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    seed=st.integers(0, 1000),
)
def test_unpool_is_undone_by_pooling(rows: int, columns: int, window: tuple[int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    before = rng.integers(0, 16, (3, rows, columns), dtype=np.uint8)
    out_shape = (3, rows // window[0], columns // window[1])
    pooled = rng.integers(0, 16, out_shape, dtype=np.uint8)
    layer = Layer("p", "maxpool2d", (), before.shape, out_shape, window, window, word_bits=4, out_word_bits=4)
    assert np.array_equal(compute_words(layer, [unpool(rng, pooled, before, window)]), pooled)


def test_pools_and_adds() -> None:
    words = np.arange(16, dtype=np.uint8).reshape(1, 4, 4)
    layer = Layer("p", "maxpool2d", (), (1, 4, 4), (1, 2, 2), (3, 3), (2, 2), (1, 1), out_word_bits=4)
    assert compute_words(layer, [words]).tolist() == [[[5, 7], [13, 15]]]
    average = Layer("p", "avgpool2d", (), (1, 4, 4), (1, 2, 2), (2, 2), (2, 2), out_word_bits=6)
    assert compute_words(average, [words]).tolist() == [[[10, 18], [42, 50]]]
    add = Layer("s", "add", ("a", "b"), (1, 4, 4), (1, 4, 4), out_word_bits=9)
    full = np.full((1, 4, 4), 255, dtype=np.uint8)
    assert (compute_words(add, [full, full]) == 510).all()
