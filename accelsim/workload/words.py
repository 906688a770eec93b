"""Arrays of spike words: their types, and drawing them at random where none were recorded."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.unsignedinteger[Any]]


def smallest_unsigned(bits: int) -> type[np.unsignedinteger[Any]]:
    """The narrowest type that holds words of that many bits, at most 32."""
    return np.uint8 if bits <= 8 else np.uint16 if bits <= 16 else np.uint32


def generator(seed: int, name: str, image: int) -> np.random.Generator:
    """The generator of one array: the same words come out whatever else is drawn, and in whatever order."""
    return np.random.default_rng([seed, zlib.crc32(name.encode()), image])


def draw_words(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    word_bits: int,
    density: float,
    bit_density: float | None = None,
) -> Words:
    """Independent random words of `shape`.

    `density` is the expected share of nonzero words, `bit_density` that of ones among all bits. It lies between
    density / word_bits (one spike in each nonzero word) and density (all bits set). Without it, nonzero words are
    uniform over 1 .. 2^word_bits - 1.
    """
    words = np.zeros(shape, dtype=smallest_unsigned(word_bits))
    fires = rng.random(shape, dtype=np.float32) < density
    count = int(np.count_nonzero(fires))
    if bit_density is None or density == 0:
        words[fires] = rng.integers(1, 1 << word_bits, count, dtype=np.uint64)
        return words
    bit_probability = _bit_probability(word_bits, bit_density * word_bits / density)
    drawn = np.zeros(count, dtype=np.int64)
    for _ in range(word_bits):
        drawn = 2 * drawn + (rng.random(count, dtype=np.float32) < bit_probability)
    silent = drawn == 0
    drawn[silent] = 1 << rng.integers(0, word_bits, int(np.count_nonzero(silent)))
    words[fires] = drawn
    return words


def _bit_probability(word_bits: int, ones: float) -> float:
    """The q for which words of independent bits, each set with probability q, have `ones` ones on average.

    Words without a one are given one: the mean is word_bits q + (1 - q)^word_bits, which grows with q.
    """
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        if word_bits * middle + (1 - middle) ** word_bits < ones:
            low = middle
        else:
            high = middle
    return high


def unpool(rng: np.random.Generator, pooled: Words, drawn: Words, window: tuple[int, int]) -> Words:
    """Words like `drawn` whose max pool (stride = window, no padding) is `pooled`.

    A random place of each window gets the pooled word; the others keep the bits that their drawn word has in common
    with it, and what lies in no window stays as drawn. Both arrays are [channels, rows, columns].
    """
    channels, rows, columns = pooled.shape
    height, width = window
    words = drawn.copy()
    tiles = words[:, : rows * height, : columns * width].reshape(channels, rows, height, columns, width)
    tiles = tiles.transpose(0, 1, 3, 2, 4)
    windows = tiles.reshape(channels, rows, columns, height * width) & pooled[..., None]
    place = rng.integers(0, height * width, pooled.shape)
    np.put_along_axis(windows, place[..., None], pooled[..., None], axis=3)
    tiles = windows.reshape(tiles.shape).transpose(0, 1, 3, 2, 4)
    words[:, : rows * height, : columns * width] = tiles.reshape(channels, rows * height, columns * width)
    return words
