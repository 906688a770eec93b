"""What a payload costs in each encoding, when which is shortest, and packets of a tile that are sent so."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from bare_fabric import TILE, fabric
from hypothesis import given, settings
from hypothesis import strategies as st
from tile_driver import TileDriver

from accelsim.engine.groups import GroupTable
from accelsim.kernels import state as k
from accelsim.kernels.payload import (
    ADDRESS_EVENT,
    AUTO,
    BITMAP,
    DENSE,
    ENCODINGS,
    bit_length,
    bits_named,
    book_payload,
    payload_bits,
    shortest,
)


@st.composite
def counts(draw: st.DrawFn) -> tuple[int, int, int]:
    """Words, nonzero words and bits of a word of a packet."""
    words = draw(st.integers(1, 5000))
    return words, draw(st.integers(0, words)), draw(st.integers(1, 32))


@settings(deadline=None)
@given(st.integers(0, 1 << 40))
def test_binary_digits(value: int) -> None:
    assert bit_length(value) == value.bit_length()


@pytest.mark.parametrize(
    ("words", "nonzero", "word_bits", "expected"),
    [
        (256, 0, 4, (1024, 256, 9, 11)),
        (256, 30, 4, (1024, 376, 369, 371)),
        (256, 31, 4, (1024, 380, 381, 382)),
        (256, 192, 4, (1024, 1024, 2313, 1026)),
        (256, 256, 4, (1024, 1280, 3081, 1026)),
        (1, 0, 1, (1, 1, 1, 3)),
        (1, 1, 32, (32, 33, 33, 34)),
    ],
)
def test_bits_of_a_packet(words: int, nonzero: int, word_bits: int, expected: tuple[int, ...]) -> None:
    """256 words of 4 bits: events to 30 nonzero words, then the bitmap to 191, then dense, as docs/payload.md says."""
    assert tuple(payload_bits(number, words, nonzero, word_bits) for number in range(4)) == expected


@settings(deadline=None)
@given(counts())
def test_densities_at_which_an_encoding_is_shorter(packet: tuple[int, int, int]) -> None:
    """The closed forms of docs/payload.md, in exact fractions."""
    words, nonzero, word_bits = packet
    density = Fraction(nonzero, words)
    address, field = (words - 1).bit_length(), words.bit_length()
    dense, bitmap, events = (bits_named(number, *packet) for number in (DENSE, BITMAP, ADDRESS_EVENT))
    assert (bitmap < dense) == (density < 1 - Fraction(1, word_bits))
    assert (events < dense) == (density < (word_bits - Fraction(field, words)) / (address + word_bits))
    if address:
        assert (events < bitmap) == (density < (1 - Fraction(field, words)) / address)


@settings(deadline=None)
@given(counts())
def test_the_shortest_is_the_first_of_the_least_bits(packet: tuple[int, int, int]) -> None:
    bits = [bits_named(number, *packet) for number in (DENSE, BITMAP, ADDRESS_EVENT)]
    assert shortest(*packet) == bits.index(min(bits))


@settings(deadline=None)
@given(counts())
def test_no_payload_is_longer_than_that_of_words_none_of_which_is_silent(packet: tuple[int, int, int]) -> None:
    words, nonzero, word_bits = packet
    longest = [payload_bits(number, words, words, word_bits) for number in range(4)]
    assert all(payload_bits(number, words, nonzero, word_bits) <= longest[number] for number in range(4))
    assert longest[BITMAP] == words * (word_bits + 1)
    assert longest[AUTO] == words * word_bits + 2


WORDS = np.zeros((1, 8, 4), np.int64)
WORDS[0, [0, 3, 7], [1, 0, 2]] = 5, 1, 15


@pytest.mark.parametrize(
    ("encoding", "flits"),
    # 8 bits of header, and 32 words of 4 bits; 32 + 3 x 4; 6 + 3 x (5 + 4); 2 more than that: flits of 8 bits.
    [("dense", 17), ("bitmap", 7), ("address_event", 6), ("auto", 6)],
)
def test_a_spike_packet_takes_the_flits_of_its_encoding_and_no_cycle_more(encoding: str, flits: int) -> None:
    """Queued in the same cycle whatever the encoding; its tail arrives flits - 1 cycles after its head.

    It is written in the cycle after.
    """
    shape = replace(TILE, payload=ENCODINGS.index(encoding), header_bits=8, flit_bits=8, results=8)
    tile = TileDriver(WORDS, shape, kind=k.SPIKES)
    tile.run()
    clock = tile.fabric.clock.scalars
    assert tile.cycles_of("packets") == [16]
    assert clock[k.SENT_FLITS] == flits
    # The source sends in the cycle after; the head passes two routers: 2 + 3 x 2 cycles.
    assert clock[k.LAST_WORK] == 17 + 8 + flits - 1 + 1
    assert tile.fabric.tiles.events[0, [k.E_SPIKE_PACKETS, k.E_SENT_WORDS, k.E_SENT_NONZERO]].tolist() == [1, 32, 3]
    assert tile.fabric.tiles.events[0, k.E_SPIKE_WRITE_FLITS] == flits
    assert tile.fabric.tiles.payload[0].tolist() == [[128, 17, 0], [44, 7, 0], [33, 6, 1], [35, 6, 0]]


def test_every_copy_of_a_packet_counts() -> None:
    once, thrice = (fabric(GroupTable()).tiles for _ in range(2))
    book_payload(once, 0, 32, 3, 4, 1)
    book_payload(thrice, 0, 32, 3, 4, 3)
    assert once.payload[0, :, k.Q_BITS].tolist() == [128, 44, 33, 35]
    assert (thrice.payload == 3 * once.payload).all()
    assert (thrice.events == 3 * once.events).all()


def test_other_packets_stay_dense() -> None:
    tile = TileDriver(WORDS, replace(TILE, payload=BITMAP, header_bits=8, flit_bits=8))
    tile.run()
    assert tile.fabric.clock.scalars[k.SENT_FLITS] == 17
    assert not tile.fabric.tiles.payload.any()


def test_a_packet_that_its_encoding_makes_longer_is_sent_as_it_is() -> None:
    """32 words, none silent: the bitmap adds 32 bits, the events 6 and 5 each."""
    for encoding, bits in (("bitmap", 160), ("address_event", 6 + 32 * 9)):
        shape = replace(TILE, payload=ENCODINGS.index(encoding), header_bits=8, flit_bits=8, payload_bits=128)
        tile = TileDriver(np.full((1, 8, 4), 3), shape, kind=k.SPIKES)
        tile.run()
        assert tile.fabric.clock.scalars[k.SENT_FLITS] == -(-(8 + bits) // 8)


def test_each_packet_of_a_row_has_the_words_of_its_pixels() -> None:
    """Packets of three pixels of the second row: 0, 1 and 2 nonzero words in them."""
    words = np.zeros((2, 7, 4), np.int64)
    words[1, [4, 6, 6], [3, 0, 1]] = 9
    shape = replace(TILE, payload=BITMAP, header_bits=8, flit_bits=1, payload_bits=50)
    tile = TileDriver(words, shape, kind=k.SPIKES)
    tile.run()
    sizes = [8 + bits for bits in (12, 12, 4, 12, 12 + 4, 4 + 8)]
    assert tile.fabric.clock.scalars[k.SENT_FLITS] == sum(sizes)
