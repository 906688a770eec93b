"""Payloads of spike packets: the bits that a packet's words take in each encoding.

A packet holds a number of packed words, all equally wide, in an order that its header fixes; zero words are silent
neurons. The bits are laid out in docs/payload.md, and written and read by `accelsim.workload.payload`:

- dense: the words.
- bitmap: a bit a word that tells whether it is nonzero, then the nonzero words.
- address_event: the number of events in ceil(log2(words + 1)) bits, then the events. An event is a nonzero word after
  its place in the packet, in ceil(log2(words)) bits.
- auto: the shortest of these, after a selector that names it. Of equally short ones the first in this order is taken.
"""

from accelsim.jit import kernel
from accelsim.kernels import state as k
from accelsim.kernels.planes import count_nonzero_words

DENSE, BITMAP, ADDRESS_EVENT, AUTO = range(4)
ENCODINGS = ("dense", "bitmap", "address_event", "auto")
"""Names of the encodings, in the order of their numbers."""

SELECTOR_BITS = 2
"""What `auto` sends to name one of the three others."""


@kernel
def bit_length(value):
    """Digits of a number of at least 0 in binary: ceil(log2(value + 1))."""
    length = 0
    while value > 0:
        value >>= 1
        length += 1
    return length


@kernel
def bits_named(encoding, words, nonzero, word_bits):
    """Bits of a payload in dense, bitmap or address_event."""
    if encoding == DENSE:
        return words * word_bits
    if encoding == BITMAP:
        return words + nonzero * word_bits
    return bit_length(words) + nonzero * (bit_length(words - 1) + word_bits)


@kernel
def shortest(words, nonzero, word_bits):
    """The encoding that `auto` takes."""
    best = DENSE
    for encoding in range(BITMAP, AUTO):
        if bits_named(encoding, words, nonzero, word_bits) < bits_named(best, words, nonzero, word_bits):
            best = encoding
    return best


@kernel
def payload_bits(encoding, words, nonzero, word_bits):
    """Bits of the payload of a packet of `words` words, at least 1, of which `nonzero` are not zero.

    No payload of as many words is longer than that of a packet without a silent one.
    """
    if encoding == AUTO:
        return SELECTOR_BITS + bits_named(shortest(words, nonzero, word_bits), words, nonzero, word_bits)
    return bits_named(encoding, words, nonzero, word_bits)


@kernel
def flits_of(tiles, bits):
    """Flits of a packet with that many bits of payload."""
    settings = tiles.settings
    return (settings[k.T_HEADER_BITS] + bits + settings[k.T_FLIT_BITS] - 1) // settings[k.T_FLIT_BITS]


@kernel
def count_nonzero(tiles, tile, work, path):
    """Nonzero words in the copy of a tile's finished packet that takes the route `path`."""
    scalars = tiles.scalars[tile]
    first_pixel = scalars[k.S_EMIT_ROW] * work[k.W_OUT_COLUMNS] + scalars[k.S_EMIT_COLUMN]
    nonzero = 0
    for pixel in range(first_pixel, first_pixel + scalars[k.S_EMIT_PIXELS]):
        first = path[k.R_WORDS] + pixel * work[k.W_OUT_CHANNELS]
        nonzero += count_nonzero_words(tiles, first, path[k.R_CHANNELS])
    return nonzero


@kernel
def book_payload(tiles, layer, words, nonzero, word_bits, copies):
    """Count a packet that is sent to `copies` tiles, and what it would have cost in every encoding."""
    events = tiles.events[layer]
    events[k.E_SPIKE_PACKETS] += copies
    events[k.E_SENT_WORDS] += copies * words
    events[k.E_SENT_NONZERO] += copies * nonzero
    cost = tiles.payload[layer]
    for encoding in range(AUTO + 1):
        bits = payload_bits(encoding, words, nonzero, word_bits)
        cost[encoding, k.Q_BITS] += copies * bits
        cost[encoding, k.Q_FLITS] += copies * flits_of(tiles, bits)
    cost[shortest(words, nonzero, word_bits), k.Q_SHORTEST] += copies
