"""Measuring how spike words are distributed, correlations included, so that words like them can be drawn.

The model is that of `Density`: words fire where a normal variable, the level, is high. A correlation of levels is
found from how often two words fire together, as the tetrachoric correlation (Pearson, Phil. Trans. R. Soc. A 195,
1900) is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean

import numpy as np
from numpy.typing import NDArray

from accelsim.stats.sparsity import WordHistogram, histogram
from accelsim.workload.density import MAX_LISTED_BITS, Density
from accelsim.workload.words import Words

Floats = NDArray[np.float64]

_ANGLES = np.linspace(0, math.pi / 2, 2049)
_HALVINGS = 40


class Pairs:
    """How often two words fire together that each fire with probability `density`, by the correlation of levels."""

    def __init__(self, density: float) -> None:
        threshold = NormalDist().inv_cdf(density)
        # The derivative of the joint probability by the correlation r is the density of two such levels at the
        # threshold, exp(-h^2 / (1 + r)) / (2 pi sqrt(1 - r^2)); with r = sin(angle), the root cancels.
        slope = np.exp(-threshold * threshold / (1 + np.sin(_ANGLES))) / (2 * math.pi)
        steps = (slope[1:] + slope[:-1]) / 2 * np.diff(_ANGLES)
        self._joint = density * density + np.concatenate([[0.0], np.cumsum(steps)])

    def joint(self, correlation: Floats) -> Floats:
        """Probability that both fire, for correlations from 0 to 1."""
        return np.interp(np.arcsin(correlation), _ANGLES, self._joint)

    def correlation(self, joint: float) -> float:
        """The correlation for which both fire that often; 0 where they do so less often than by chance."""
        return math.sin(float(np.interp(joint, self._joint, _ANGLES)))


def measure(images: Sequence[Words], word_bits: int) -> Density:
    """The density of words [channels, rows, columns], one array an image.

    Words of up to MAX_LISTED_BITS bits get a share for each value, wider ones a share of ones for each plane.
    Correlations are those within an image, averaged over images; negative ones, which the model does not have, are 0.
    """
    counts = sum((histogram(words, word_bits) for words in images[1:]), histogram(images[0], word_bits))
    found = [levels for words in images if (levels := _correlations(words != 0)) is not None]
    spatial, channel, neighbour = (fmean(each) for each in zip(*found, strict=True)) if found else (0.0, 0.0, 0.0)
    planes = tuple(ones / counts.words for ones in counts.ones_by_plane)
    return Density(counts.nonzero_words / counts.words, planes, spatial, channel, neighbour, _values(counts))


def _values(counts: WordHistogram) -> tuple[float, ...] | None:
    if counts.word_bits > MAX_LISTED_BITS or not counts.nonzero_words:
        return None
    shares = np.zeros(1 << counts.word_bits)
    shares[counts.values] = counts.counts / counts.nonzero_words
    return tuple(shares[1:].tolist())


def _correlations(fires: NDArray[np.bool_]) -> tuple[float, float, float] | None:
    """Shares of variance common to a position and to a channel, and correlation of neighbours; None without levels."""
    density = float(fires.mean())
    if not 0 < density < 1:
        return None
    pairs = Pairs(density)
    channels, rows, columns = fires.shape
    positions = rows * columns
    spatial = pairs.correlation(_together(fires.sum(axis=0), channels)) if channels > 1 else 0.0
    if positions == 1:
        return spatial, 0.0, 0.0
    anywhere = _together(fires.sum(axis=(1, 2)), positions)
    touching = np.count_nonzero(fires[:, 1:] & fires[:, :-1]) + np.count_nonzero(fires[..., 1:] & fires[..., :-1])
    near = pairs.correlation(touching / (channels * ((rows - 1) * columns + rows * (columns - 1))))
    channel, neighbour = _split(pairs, near, anywhere, _distances(rows, columns))
    return min(spatial, 1 - channel), channel, neighbour


def _together(firing: NDArray[np.integer], members: int) -> float:
    """Share of pairs of members of a group that both fire, given how many members of each group do."""
    firing = firing.astype(np.int64)
    return float((firing * (firing - 1)).sum()) / (firing.size * members * (members - 1))


def _distances(rows: int, columns: int) -> Floats:
    """Share of pairs of different positions of a map that lie 1, 2, ... steps along rows and columns apart."""
    down, across = ((2 - (np.arange(size) == 0)) * (size - np.arange(size)) for size in (rows, columns))
    counts = np.convolve(down, across)[1:].astype(np.float64)
    shares: Floats = counts / counts.sum()
    return shares


def _split(pairs: Pairs, near: float, anywhere: float, distances: Floats) -> tuple[float, float]:
    """What is common to a channel, and how neighbours correlate in the rest.

    `near` is the correlation of neighbours, `anywhere` the share of all pairs of a channel that fire together. With a
    share b common to the channel, levels at distance d correlate as b + (1 - b) n^d; n follows from b at d = 1.
    """
    steps = np.arange(1, len(distances) + 1)

    def rest(channel: float) -> float:
        return (near - channel) / (1 - channel) if channel < 1 else 0.0

    low, high = 0.0, near
    if float(pairs.joint(np.array([near]))[0]) <= anywhere:
        return pairs.correlation(anywhere), 0.0
    for _ in range(_HALVINGS):
        channel = (low + high) / 2
        expected = distances @ pairs.joint(np.minimum(1.0, channel + (1 - channel) * rest(channel) ** steps))
        low, high = (channel, high) if expected < anywhere else (low, channel)
    return low, rest(low)
