from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from accelsim.stats.synaptic import bit_budget, ns_ace, reach, reached_sum, s_ace, weighted_sum

Pair = tuple[int, int]
Case = tuple[NDArray[Any], NDArray[Any], tuple[int, int, int], Pair, Pair, int, Pair]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Amounts, weights, output shape, stride, padding, groups and dilation of a small convolution."""
    groups = draw(st.integers(1, 3))
    channels, out_channels = groups * draw(st.integers(1, 3)), groups * draw(st.integers(1, 3))
    rows, columns = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    padding = draw(st.tuples(st.integers(0, 2), st.integers(0, 2)))
    dilation = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    kernel = (
        draw(st.integers(1, min(4, (rows + 2 * padding[0] - 1) // dilation[0] + 1))),
        draw(st.integers(1, min(4, (columns + 2 * padding[1] - 1) // dilation[1] + 1))),
    )
    stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    out_shape = (
        out_channels,
        (rows + 2 * padding[0] - dilation[0] * (kernel[0] - 1) - 1) // stride[0] + 1,
        (columns + 2 * padding[1] - dilation[1] * (kernel[1] - 1) - 1) // stride[1] + 1,
    )
    amounts = rng.integers(0, 5, (channels, rows, columns), dtype=np.uint8)
    weights = rng.integers(-1, 2, (out_channels, channels // groups, *kernel), dtype=np.int8)
    return amounts, weights, out_shape, stride, padding, groups, dilation


def counted(case: Case, every_weight: bool) -> int:
    """The same sum, by walking over every output and tap."""
    amounts, weights, (channels, rows, columns), stride, padding, groups, dilation = case
    total = 0
    for out in np.ndindex(channels, rows, columns):
        for tap in np.ndindex(*weights.shape[1:]):
            row = out[1] * stride[0] - padding[0] + tap[1] * dilation[0]
            column = out[2] * stride[1] - padding[1] + tap[2] * dilation[1]
            channel = out[0] // (channels // groups) * weights.shape[1] + tap[0]
            inside = 0 <= row < amounts.shape[1] and 0 <= column < amounts.shape[2]
            if inside and (every_weight or weights[(out[0], *tap)]):
                total += int(amounts[channel, row, column])
    return total


@given(cases())
def test_reached_sum_is_the_walk_over_all_synapses(case: Case) -> None:
    amounts, weights, out_shape, *window = case
    assert reached_sum(amounts, out_shape, weights.shape[2:], *window) == counted(case, every_weight=True)


@given(cases())
def test_weighted_sum_is_the_walk_over_nonzero_synapses(case: Case) -> None:
    amounts, weights, out_shape, *window = case
    assert weighted_sum(amounts, weights, out_shape, *window) == counted(case, every_weight=False)
    everywhere = np.ones_like(weights)
    reached = reached_sum(amounts, out_shape, weights.shape[2:], *window)
    assert weighted_sum(amounts, everywhere, out_shape, *window) == reached


def test_reach_of_a_padded_row() -> None:
    assert reach(5, 5, 3, 1, 1).tolist() == [2, 3, 3, 3, 2]
    assert reach(5, 3, 3, 2, 1).tolist() == [1, 2, 1, 2, 1]
    assert reach(6, 2, 2, 3, 0).tolist() == [1, 1, 0, 1, 1, 0]


def test_a_linear_layer_reaches_every_output_once_from_every_word() -> None:
    amounts = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
    assert reached_sum(amounts, (10, 1, 1), (2, 2), (1, 1), (0, 0)) == 10 * 66


def test_the_bit_budget_is_flat_in_how_bits_are_spread() -> None:
    assert {bit_budget(4, 8, 1), bit_budget(2, 8, 2), bit_budget(1, 8, 4)} == {32}
    assert s_ace(1000, 32) == 32_000
    assert ns_ace(1000, 32, ones=3, bits=16) == Fraction(6000)
    assert ns_ace(10, 24, ones=1, bits=7) == Fraction(240, 7)
