"""Words of the spike buffers as bit planes: which of them are not zero, and how many ones they have."""

from accelsim.jit import cell, kernel, popcount
from accelsim.kernels import state as k


@kernel
def block_mask(length):
    """A bit for each of the next `length` words, up to a block of them."""
    return k.BLOCK_MASK if length >= k.BLOCK_WORDS else (1 << length) - 1


@kernel
def nonzero_words(tiles, address, length, first, last):
    """Which words from an address on have a one in the planes [first, last), and how many ones all of them have there.

    A bit for each of `length` words, up to a block of them.
    """
    planes = tiles.settings[k.T_PLANES]
    block = (address >> k.BLOCK_SHIFT) * planes
    place = address & (k.BLOCK_WORDS - 1)
    inside = block_mask(length)
    words = 0
    ones = 0
    for plane in range(block + first, block + min(last, planes)):
        bits = (cell(tiles.planes, plane)[0] >> place) & inside
        words |= bits
        ones += popcount(bits)
    return words, ones


@kernel
def count_nonzero_words(tiles, address, length):
    """How many of the words from an address on are not zero."""
    count = 0
    for begin in range(0, length, k.BLOCK_WORDS):
        words, _ = nonzero_words(tiles, address + begin, length - begin, 0, tiles.settings[k.T_PLANES])
        count += popcount(words)
    return count
