"""Kernels of the operators, against plain numpy on padded arrays."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.reference.kernels import layers as kernels


@st.composite
def windows(draw):
    """Words [channels, rows, columns] with kernel, stride and padding that yield at least one output."""
    kernel = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    padding = draw(st.tuples(st.integers(0, 2), st.integers(0, 2)))
    size = [draw(st.integers(max(1, k - 2 * p), 6)) for k, p in zip(kernel, padding, strict=True)]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    words = rng.integers(0, 16, (draw(st.integers(1, 3)), *size), dtype=np.int32)
    words[rng.random(words.shape) < 0.3] = 0
    return words, kernel, stride, padding, rng


def views(words, kernel, stride, padding):
    """Each output's window: [channels, out_rows, out_columns, kernel rows, kernel columns]."""
    padded = np.pad(words, ((0, 0), (padding[0],) * 2, (padding[1],) * 2))
    return np.lib.stride_tricks.sliding_window_view(padded, kernel, (1, 2))[:, :: stride[0], :: stride[1]]


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
@settings(max_examples=60, deadline=None)
@given(case=windows())
def test_convolution(case, dtype) -> None:
    words, kernel, stride, padding, rng = case
    weights = rng.integers(-127, 128, (len(words), *kernel, 4)).astype(dtype)
    window = views(words, kernel, stride, padding)
    sums = np.zeros((*window.shape[1:3], 4), dtype=dtype)
    kernels.convolve(words, weights, *stride, *padding, 1, 1, 1, sums)
    expected = np.einsum("chwij,cijo->hwo", window.astype(np.int64), weights.astype(np.int64))
    assert sums.tolist() == expected.tolist()


@settings(max_examples=60, deadline=None)
@given(case=windows(), groups=st.integers(1, 3), dilation=st.tuples(st.integers(1, 3), st.integers(1, 3)))
def test_groups_and_dilation(case, groups, dilation) -> None:
    """A group is a convolution of its own; a dilated kernel one with zeros between its taps."""
    one, kernel, stride, padding, rng = case
    words = np.concatenate([one] * groups)
    wide = tuple((taps - 1) * apart + 1 for taps, apart in zip(kernel, dilation, strict=True))
    padding = tuple(margin + (taps - 1) * apart for margin, taps, apart in zip(padding, kernel, dilation, strict=True))
    weights = rng.integers(-127, 128, (len(one), *kernel, 2 * groups)).astype(np.int64)
    spread = np.zeros((len(one), *wide, 2 * groups), dtype=np.int64)
    spread[:, :: dilation[0], :: dilation[1]] = weights
    window = views(words, wide, stride, padding).astype(np.int64)
    sums = np.zeros((*window.shape[1:3], 2 * groups), dtype=np.int64)
    kernels.convolve(words, weights, *stride, *padding, *dilation, groups, sums)
    for group in range(groups):
        mine = window[group * len(one) : (group + 1) * len(one)]
        expected = np.einsum("chwij,cijo->hwo", mine, spread[..., 2 * group : 2 * group + 2])
        assert sums[..., 2 * group : 2 * group + 2].tolist() == expected.tolist()


@settings(max_examples=60, deadline=None)
@given(case=windows())
def test_pools(case) -> None:
    words, kernel, stride, padding, _ = case
    window = views(words, kernel, stride, padding)
    for pool, expected in ((kernels.pool_max, window.max((3, 4))), (kernels.pool_sum, window.sum((3, 4)))):
        pooled = np.empty(window.shape[:3], dtype=np.int32)
        pool(words, *kernel, *stride, *padding, pooled)
        assert pooled.tolist() == expected.tolist()


def test_add() -> None:
    first = np.arange(12, dtype=np.int32).reshape(2, 3, 2)
    total = np.empty_like(first)
    kernels.add(first, first[::-1].copy(), total)
    assert total.tolist() == (first + first[::-1]).tolist()
