"""How spike words are distributed, and drawing words at random that are distributed so."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.stats.sparsity import histogram, ones
from accelsim.workload.words import Words, smallest_unsigned

ROUNDING = 1e-9
"""By how much a share may miss the bound that another one sets: both are decimal numbers in binary."""

MAX_LISTED_BITS = 8
"""Width of the widest words whose values can be given shares one by one."""


@dataclass(frozen=True, slots=True)
class Density:
    """How words are distributed: which of them are not zero, and how many bits those have.

    `words` is the expected share of nonzero words. Each word has a level, a normal variable of variance 1, and the
    words of the highest levels are those that are not zero. `spatial` of the variance is common to all channels of a
    position, `channel` to all positions of a channel. What is not common to a channel is smooth over the map: at
    positions dy rows and dx columns apart, its correlation is `neighbour`^(dy + dx).

    `bits` is the share of ones among all bits, or one share for each bit plane, first time step first: together
    between `words` (one spike in each nonzero word) and word_bits `words` (all of their bits set). Nonzero words are
    then the most random ones that have these shares; None: they are uniform. `values` gives the shares of the values
    1, 2, ... among nonzero words instead. Where levels are correlated, words of more ones have the higher levels.
    """

    words: float
    bits: float | tuple[float, ...] | None = None
    spatial: float = 0.0
    channel: float = 0.0
    neighbour: float = 0.0
    values: tuple[float, ...] | None = None

    @property
    def correlated(self) -> bool:
        """Whether the words of a map have anything to do with each other."""
        return bool(self.spatial or self.channel or self.neighbour)

    def planes(self, word_bits: int) -> tuple[float, ...] | None:
        """Shares of ones by bit plane, first time step first; None where words are uniform or listed by value."""
        if self.bits is None or isinstance(self.bits, tuple):
            return self.bits
        return (self.bits,) * word_bits


def draw_words(rng: np.random.Generator, shape: tuple[int, int, int], word_bits: int, density: Density) -> Words:
    """Random words [channels, rows, columns] of a given density.

    Without correlation words are independent; with it, the share of nonzero words is met to the word.
    """
    words = np.zeros(shape, dtype=smallest_unsigned(word_bits))
    if not density.correlated or not 0 < density.words < 1:
        fires = rng.random(shape, dtype=np.float32) < density.words
        words[fires] = _draw_values(rng, int(np.count_nonzero(fires)), word_bits, density)
        return words
    count = round(density.words * words.size)
    highest = _highest(draw_levels(rng, shape, density).reshape(-1), count)
    values = _draw_values(rng, count, word_bits, density).astype(np.uint32)
    by_ones = np.sort((ones(values).astype(np.uint64) << np.uint64(32)) | values)
    words.reshape(-1)[highest] = by_ones.astype(words.dtype)
    return words


def draw_levels(rng: np.random.Generator, shape: tuple[int, int, int], density: Density) -> NDArray[np.float32]:
    """Normal variables [channels, rows, columns] of variance 1, correlated as `Density` says."""
    own = max(0.0, 1 - density.spatial - density.channel)
    level = _field(rng, shape, density.neighbour, own)
    if density.spatial:
        level += _field(rng, (1, *shape[1:]), density.neighbour, density.spatial)
    if density.channel:
        level += _field(rng, (shape[0], 1, 1), 0.0, density.channel)
    return level


def _field(
    rng: np.random.Generator, shape: tuple[int, int, int], neighbour: float, variance: float
) -> NDArray[np.float32]:
    """Normal variables of that variance, each map of them a Gauss-Markov field along rows and columns."""
    field = rng.standard_normal(shape, dtype=np.float32) * np.float32(math.sqrt(variance))
    if neighbour:
        fresh = np.float32(math.sqrt(1 - neighbour * neighbour))
        for axis in (1, 2):
            lines = np.moveaxis(field, axis, 0)
            for place in range(1, len(lines)):
                lines[place] = np.float32(neighbour) * lines[place - 1] + fresh * lines[place]
    return field


def _highest(levels: NDArray[np.float32], count: int) -> NDArray[np.uint64]:
    """Places of that many highest levels [n], in rising order of level; of equal ones in order of place."""
    bits = levels.view(np.uint32)
    negative = bits >> np.uint32(31) != 0
    rising = np.where(negative, ~bits, bits | np.uint32(1 << 31))
    keys = (rising.astype(np.uint64) << np.uint64(32)) | np.arange(len(levels), dtype=np.uint64)
    first = len(keys) - count
    keys = np.sort(np.partition(keys, first)[first:] if count else keys[:0])
    return keys & np.uint64(0xFFFFFFFF)


def _draw_values(rng: np.random.Generator, count: int, word_bits: int, density: Density) -> NDArray[np.integer[Any]]:
    """That many independent nonzero words."""
    if density.values is not None:
        bounds = np.cumsum(density.values) / math.fsum(density.values)
        last = max(place for place, share in enumerate(density.values) if share)
        return np.minimum(np.searchsorted(bounds, rng.random(count), side="right"), last) + 1
    planes = density.planes(word_bits)
    if planes is None or not density.words:
        return rng.integers(1, 1 << word_bits, count, dtype=np.uint64)
    first, later = bit_probabilities([min(1.0, share / density.words) for share in planes])
    drawn = np.zeros(count, dtype=np.int64)
    for lonely, accompanied in zip(first, later, strict=True):
        drawn = 2 * drawn + (rng.random(count, dtype=np.float32) < np.where(drawn, accompanied, lonely))
    return drawn


def bit_probabilities(shares: Sequence[float]) -> tuple[list[float], list[float]]:
    """Probabilities with which to set the bits of a nonzero word, plane by plane, so that each is set as often as said.

    `shares` are those of nonzero words that have the bit, which sum to at least 1. Of all such distributions the one
    of most entropy is that of independent bits, set with probability q_i, of which only nonzero words are kept: q_i =
    Z share_i, with Z = 1 - prod(1 - Z share_i) the share that is kept. Returned are q_i / (1 - prod_{j >= i} (1 -
    q_j)), for a word without a one so far, and q_i, for a word that has one.
    """
    several = math.fsum(shares) > 1 + ROUNDING
    low, high = 0.0, 1.0
    if several:
        for _ in range(60):
            kept = (low + high) / 2
            low, high = (kept, high) if _any_set([kept * share for share in shares]) >= kept else (low, kept)
        later = [high * share for share in shares]
        rest = [_any_set(later[plane:]) for plane in range(len(shares))]
    else:
        # In the limit of no bit but one, planes exclude each other.
        later = [0.0] * len(shares)
        rest = [math.fsum(shares[plane:]) for plane in range(len(shares))]
    chosen = later if several else list(shares)
    first = [min(1.0, one / left) if left else 0.0 for one, left in zip(chosen, rest, strict=True)]
    return first, later


def _any_set(probabilities: Sequence[float]) -> float:
    """Probability that any of independent bits is set."""
    if max(probabilities) >= 1:
        return 1.0
    return -math.expm1(math.fsum(math.log1p(-probability) for probability in probabilities))


def density_of(words: Words, word_bits: int, drawn_bits: int) -> Density:
    """The shares of nonzero words and of ones of words of `word_bits` bits, to draw words of `drawn_bits` bits."""
    found = histogram(words, word_bits)
    nonzero = found.nonzero_words / found.words
    return Density(nonzero, min(max(found.ones / found.bits, nonzero / drawn_bits), nonzero))
