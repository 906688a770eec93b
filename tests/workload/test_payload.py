"""Payloads bit by bit: they come back as they were, and are as long as the compiled count says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from accelsim.kernels.payload import ENCODINGS, payload_bits
from accelsim.workload.payload import decode, encode

Packet = tuple[NDArray[np.int64], int]


@st.composite
def packets(draw: st.DrawFn) -> Packet:
    """Words of a packet, from all silent to none, and their width."""
    word_bits = draw(st.integers(1, 32))
    count = draw(st.one_of(st.integers(1, 9), st.integers(1, 300)))
    share = draw(st.sampled_from([0.0, 0.02, 0.1, 0.3, 0.6, 0.9, 1.0]))
    random = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    words = random.integers(1, 1 << word_bits, count)
    return np.where(random.random(count) < share, words, 0), word_bits


def bits_of(text: str) -> NDArray[np.uint8]:
    """ "01 10" as bits, spaces left out."""
    return np.array([int(bit) for bit in text.replace(" ", "")], np.uint8)


@given(packets())
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_words_come_back(encoding: str, packet: Packet) -> None:
    words, word_bits = packet
    payload = encode(words, word_bits, encoding)
    assert set(payload.tolist()) <= {0, 1}
    assert decode(payload, len(words), word_bits, encoding).tolist() == words.tolist()


@settings(deadline=None)
@given(packets())
def test_payloads_are_as_long_as_the_compiled_count(packet: Packet) -> None:
    words, word_bits = packet
    nonzero = int(np.count_nonzero(words))
    for number, encoding in enumerate(ENCODINGS):
        assert len(encode(words, word_bits, encoding)) == payload_bits(number, len(words), nonzero, word_bits)


@given(packets())
def test_auto_is_the_shortest_and_two_bits(packet: Packet) -> None:
    lengths = [len(encode(*packet, encoding)) for encoding in ENCODINGS]
    assert lengths[-1] == 2 + min(lengths[:-1])


WORDS = np.array([0, 5, 0, 0, 0, 9])


@pytest.mark.parametrize(
    ("encoding", "bits"),
    [
        ("dense", "0000 0101 0000 0000 0000 1001"),
        ("bitmap", "010001 0101 1001"),
        ("address_event", "010 001 0101 101 1001"),
        ("auto", "01 010001 0101 1001"),
    ],
)
def test_a_packet_bit_by_bit(encoding: str, bits: str) -> None:
    """Six words of four bits, as docs/payload.md lays them out."""
    assert encode(WORDS, 4, encoding).tolist() == bits_of(bits).tolist()


def test_of_equally_short_payloads_the_first_named_is_taken() -> None:
    """Words of one bit: a full bitmap would repeat them, so dense; two of four words: 8 bits dense and as bitmap."""
    assert encode(np.array([1, 0]), 1, "auto").tolist() == bits_of("00 10").tolist()
    assert encode(np.array([3, 0, 1, 0]), 2, "auto").tolist() == bits_of("00 11 00 01 00").tolist()


@pytest.mark.parametrize(
    ("bits", "encoding", "message"),
    [
        ("0000 010", "dense", "7 bits are not numbers of 4 bits"),
        ("0000 0101", "dense", "not 6 words of 4 bits in dense"),
        ("010001 0101", "bitmap", "not 6 words of 4 bits in bitmap"),
        ("010001 0101 0000", "bitmap", "not 6 words of 4 bits in bitmap"),
        ("011 001 0101 101 1001", "address_event", "not 6 words of 4 bits in address_event"),
        ("010 101 1001 001 0101", "address_event", "not 6 words of 4 bits in address_event"),
        ("001 111 0101", "address_event", "not 6 words of 4 bits in address_event"),
        ("", "auto", "not 6 words of 4 bits in dense"),
        ("11 0000", "auto", "no encoding has the number 3"),
        ("10 010 001 0101 101 1001", "auto", "not 6 words of 4 bits in auto"),
    ],
)
def test_bits_that_are_no_payload(bits: str, encoding: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        decode(bits_of(bits), 6, 4, encoding)


@pytest.mark.parametrize("words", [[], [16], [-1]])
def test_words_that_do_not_fit(words: list[int]) -> None:
    with pytest.raises(ValueError, match=r"^not a list of words of 4 bits$"):
        encode(np.array(words, np.int64), 4, "dense")
