"""How sparse spike words are: by word, by bit and by bit plane, and the information that a word carries."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_TABLE_BITS = 16


@dataclass(frozen=True)
class WordHistogram:
    """How often each value occurs among words of `word_bits` bits; all counts are exact.

    `values` (ascending, uint32 [n]) and `counts` (int64 [n]) are those that occur. Histograms of words of several
    layers or images add up; the sum is as wide as the widest. Planes are counted from the most significant bit, which
    is the first time step.
    """

    values: NDArray[np.uint32]
    counts: NDArray[np.int64]
    word_bits: int

    def __add__(self, other: WordHistogram) -> WordHistogram:
        """The histogram of both; narrower words are taken as wider ones whose first planes are silent."""
        values, place = np.unique(np.concatenate([self.values, other.values]), return_inverse=True)
        counts = np.zeros(len(values), dtype=np.int64)
        np.add.at(counts, place.reshape(-1), np.concatenate([self.counts, other.counts]))
        return WordHistogram(values, counts, max(self.word_bits, other.word_bits))

    @property
    def words(self) -> int:
        """Number of words."""
        return int(self.counts.sum())

    @property
    def nonzero_words(self) -> int:
        """Number of words with at least one bit set: neurons that fire at all."""
        return int(self.counts[self.values != 0].sum())

    @property
    def bits(self) -> int:
        """Number of bits, set or not."""
        return self.words * self.word_bits

    @property
    def ones_by_plane(self) -> tuple[int, ...]:
        """Set bits of each plane, most significant (first time step) first; `word_bits` numbers."""
        planes = reversed(range(self.word_bits))
        return tuple(int(self.counts[(self.values >> np.uint32(plane)) & 1 != 0].sum()) for plane in planes)

    @property
    def ones(self) -> int:
        """Number of set bits: spikes, where a step has one bit."""
        return sum(self.ones_by_plane)

    @property
    def word_sparsity(self) -> float:
        """Share of words that are zero: neurons silent in all time steps."""
        return 1 - self.nonzero_words / self.words

    @property
    def bit_sparsity(self) -> float:
        """Share of bits that are zero; NeuroBench's activation sparsity, where a time step has one bit."""
        return 1 - self.ones / self.bits

    @property
    def entropy_bits(self) -> float:
        """H(z) = - sum p log2 p over the values of a word.

        For a deterministic map from membrane to word it is the mutual information of the two, at most `word_bits`.
        """
        shares = self.counts[self.counts > 0] / self.words
        return max(0.0, -math.fsum(shares * np.log2(shares)))


def histogram(words: NDArray[np.unsignedinteger[Any]], word_bits: int) -> WordHistogram:
    """The histogram of words of any shape, each below 2^word_bits."""
    if word_bits <= _TABLE_BITS:
        counts = np.bincount(words.reshape(-1), minlength=1)
        values = np.flatnonzero(counts)
        return WordHistogram(values.astype(np.uint32), counts[values].astype(np.int64), word_bits)
    values, counts = np.unique(words, return_counts=True)
    return WordHistogram(values.astype(np.uint32), counts.astype(np.int64), word_bits)


def _ones_table() -> NDArray[np.uint8]:
    table = np.zeros(1 << _TABLE_BITS, dtype=np.uint8)
    for bit in range(_TABLE_BITS):
        table[1 << bit : 2 << bit] = table[: 1 << bit] + 1
    return table


_ONES = _ones_table()


def ones(words: NDArray[np.unsignedinteger[Any]]) -> NDArray[np.uint8]:
    """Number of set bits of each word (at most 32 bits wide), uint8 of the same shape."""
    if words.dtype.itemsize > 2:
        return ones((words & 0xFFFF).astype(np.uint16)) + ones((words >> 16).astype(np.uint16))
    counts: NDArray[np.uint8] = _ONES[words]
    return counts
