"""How words and weights lie in the buffers of tiles, as tables that the kernels look into."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accelsim.kernels.state import BLOCK_WORDS


def bit_planes(words: NDArray[np.int32]) -> NDArray[np.int64]:
    """The bits of words [n], plane by plane: [blocks, planes], with as many planes as the widest word has bits.

    Bit i of element [b, p] is bit p of word 32 b + i, for 64 words from the block's first on: so any 32 words in a row
    lie in one element. Words behind the last are 0.
    """
    blocks = len(words) // BLOCK_WORDS + 1
    planes = np.empty((blocks, max(1, int(np.bitwise_or.reduce(words)).bit_length())), np.int64)
    bits = np.zeros((blocks + 1) * BLOCK_WORDS, np.uint8)
    for plane in range(planes.shape[1]):
        bits[: len(words)] = (words >> plane) & 1
        packed = np.packbits(bits, bitorder="little").view("<u4").astype(np.int64)
        planes[:, plane] = packed[:-1] | packed[1:] << BLOCK_WORDS
    return planes


def weight_banks(banks: int, line_words: int) -> NDArray[np.int64]:
    """Bank of every weight row (kernel row, kernel column, channel) of a period of banks^2 rows, and of a line more.

    Diagonal, one further on in each round of the banks: a channel that is active at one kernel position is likely
    active at its neighbours. Plain interleaving would put all of them into one bank; the diagonal spreads them.
    """
    rows = np.arange(banks * banks + line_words)
    banked: NDArray[np.int64] = (rows + rows // banks) % banks
    return banked
