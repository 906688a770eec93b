"""How words and weights lie in the buffers of tiles, as tables that the kernels look into."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.kernels.state import BLOCK_WORDS as BLOCK_WORDS
from accelsim.units import ceil_div


def bit_planes(words: NDArray[np.integer[Any]], planes: int) -> NDArray[np.int64]:
    """The bits of words [n], plane by plane: [blocks, planes]; words are below 2^planes.

    Bit i of element [b, p] is bit p of word 32 b + i, for 64 words from the block's first on: so any 32 words in a row
    lie in one element. Words behind the last are 0.
    """
    blocks = ceil_div(len(words), BLOCK_WORDS)
    found = np.zeros((blocks, planes), np.int64)
    bits = np.zeros((blocks + 1) * BLOCK_WORDS, np.uint8)
    for plane in range(min(planes, 8 * words.itemsize)):
        bits[: len(words)] = (words >> plane) & 1
        packed = np.packbits(bits, bitorder="little").view("<u4").astype(np.int64)
        found[:, plane] = packed[:-1] | packed[1:] << BLOCK_WORDS
    return found


def bank_period(banks: int, line_words: int) -> int:
    """Weight rows after which their banks repeat: a multiple of banks^2, and no shorter than a line."""
    return banks**2 * ceil_div(line_words, banks**2)


def weight_banks(banks: int, line_words: int, diagonal: bool = True) -> NDArray[np.int64]:
    """Bank of every weight row (kernel row, kernel column, channel) of a period, and of a line more.

    In turn, and where `diagonal` one further on in each round of the banks: a channel that is active at one kernel
    position is likely active at its neighbours. In turn alone all of them are often in one bank; the diagonal spreads
    them.
    """
    rows = np.arange(bank_period(banks, line_words) + line_words)
    banked: NDArray[np.int64] = (rows + (rows // banks if diagonal else 0)) % banks
    return banked
