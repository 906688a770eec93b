from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.stats.sparsity import histogram, ones

words_of_4_bits = st.lists(st.integers(0, 15), min_size=1, max_size=60)


@given(words_of_4_bits)
def test_counts_are_those_of_counting_by_hand(values: list[int]) -> None:
    found = histogram(np.array(values, dtype=np.uint8), 4)
    assert found.words == len(values)
    assert found.nonzero_words == sum(value > 0 for value in values)
    assert found.bits == 4 * len(values)
    assert found.ones == sum(value.bit_count() for value in values)
    assert found.ones_by_plane == tuple(sum(value >> plane & 1 for value in values) for plane in (3, 2, 1, 0))
    assert found.word_sparsity == pytest.approx(values.count(0) / len(values))
    assert found.bit_sparsity == pytest.approx(1 - found.ones / found.bits)


@given(words_of_4_bits)
def test_entropy_is_shannons(values: list[int]) -> None:
    shares = [values.count(value) / len(values) for value in set(values)]
    found = histogram(np.array(values, dtype=np.uint16), 4)
    assert found.entropy_bits == pytest.approx(-sum(share * math.log2(share) for share in shares), abs=1e-12)
    assert 0 <= found.entropy_bits <= 4


def test_entropy_of_uniform_words_is_their_width() -> None:
    assert histogram(np.arange(256, dtype=np.uint8), 8).entropy_bits == 8
    assert histogram(np.zeros(9, dtype=np.uint8), 8).entropy_bits == 0


@given(words_of_4_bits, words_of_4_bits)
def test_histograms_add_up(one: list[int], other: list[int]) -> None:
    total = histogram(np.array(one, dtype=np.uint8), 4) + histogram(np.array(other, dtype=np.uint8), 4)
    together = histogram(np.array(one + other, dtype=np.uint8), 4)
    assert total.values.tolist() == together.values.tolist()
    assert total.counts.tolist() == together.counts.tolist()


def test_the_sum_of_histograms_is_as_wide_as_the_wider() -> None:
    total = histogram(np.array([3], dtype=np.uint8), 2) + histogram(np.array([3, 16], dtype=np.uint8), 5)
    assert total.word_bits == 5
    assert total.ones_by_plane == (1, 0, 0, 2, 2)


@given(st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=20))
def test_wide_words_are_counted_too(values: list[int]) -> None:
    words = np.array(values, dtype=np.uint32)
    found = histogram(words, 31)
    assert found.ones == sum(value.bit_count() for value in values)
    assert ones(words).tolist() == [value.bit_count() for value in values]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
def test_ones_of_every_narrow_word(dtype: type[np.unsignedinteger]) -> None:
    words = np.arange(256).astype(dtype).reshape(16, 16)
    assert ones(words).tolist() == [[int(value).bit_count() for value in row] for row in words]


def test_words_that_are_all_silent() -> None:
    found = histogram(np.zeros((2, 3, 4), dtype=np.uint8), 4)
    assert found.ones_by_plane == (0, 0, 0, 0)
    assert (found.word_sparsity, found.bit_sparsity) == (1.0, 1.0)
