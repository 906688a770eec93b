"""Words of the spike buffers as bit planes: which of them are not zero, and how many ones they have."""

from accelsim.jit import cell, kernel, popcount
from accelsim.kernels import state as k


@kernel
def mask_of(length):
    """A bit for each of so many words, at most 64."""
    return ~(-1 << length) if length < 64 else -1


@kernel
def window_at(address):
    """Words from an address on of which an element of a plane holds the bits."""
    return k.BLOCK_WORDS if address & (k.BLOCK_WORDS - 1) else 2 * k.BLOCK_WORDS


@kernel
def nonzero_words(tiles, address, length, first, last):
    """Which words from an address on have a one in the planes [first, last), and how many ones all of them have there.

    A bit for each of `length` words, up to a window.
    """
    planes = tiles.settings[k.T_PLANES]
    element = (address >> k.BLOCK_SHIFT) * planes
    place = address & (k.BLOCK_WORDS - 1)
    inside = mask_of(length)
    words = 0
    ones = 0
    plane = element + first
    end = element + min(last, planes)
    # Most chips have lanes of 4 bits; written out they take half the time of the vectors that a loop becomes.
    while plane + 4 <= end:
        bits = (cell(tiles.planes, plane)[0] >> place) & inside
        bits_1 = (cell(tiles.planes, plane + 1)[0] >> place) & inside
        bits_2 = (cell(tiles.planes, plane + 2)[0] >> place) & inside
        bits_3 = (cell(tiles.planes, plane + 3)[0] >> place) & inside
        words |= bits | bits_1 | bits_2 | bits_3
        ones += popcount(bits) + popcount(bits_1) + popcount(bits_2) + popcount(bits_3)
        plane += 4
    while plane < end:
        bits = (cell(tiles.planes, plane)[0] >> place) & inside
        words |= bits
        ones += popcount(bits)
        plane += 1
    return words, ones


@kernel
def count_nonzero_words(tiles, address, length):
    """How many of the words from an address on are not zero."""
    count = 0
    begin = 0
    while begin < length:
        window = min(window_at(address + begin), length - begin)
        words, _ = nonzero_words(tiles, address + begin, window, 0, tiles.settings[k.T_PLANES])
        count += popcount(words)
        begin += window
    return count
