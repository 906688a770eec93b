"""Payloads of spike packets, bit by bit: what the words of a packet become on the wire, and back.

The bits are laid out in docs/payload.md. A simulation needs their number only, which `accelsim.kernels.payload` gives.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.kernels.payload import ENCODINGS, SELECTOR_BITS

Bits = NDArray[np.uint8]
"""Bits in the order in which they are sent, one an element, 0 or 1."""


def encode(words: NDArray[np.integer[Any]], word_bits: int, encoding: str) -> Bits:
    """The payload of a packet of words [n], at least one, of `word_bits` bits (1 to 32), in one of `ENCODINGS`.

    Raises ValueError for words that are not below 2^word_bits.
    """
    values = words.astype(np.int64)
    if values.ndim != 1 or not len(values) or values.min() < 0 or values.max() >= 1 << word_bits:
        raise ValueError(f"not a list of words of {word_bits} bits")
    if encoding == "auto":
        plain = [encode(words, word_bits, name) for name in ENCODINGS[:-1]]
        selector = min(range(len(plain)), key=lambda number: len(plain[number]))
        return np.concatenate([_bits(np.array([selector]), SELECTOR_BITS), plain[selector]])
    if encoding == "dense":
        return _bits(values, word_bits)
    places = np.flatnonzero(values)
    if encoding == "bitmap":
        return np.concatenate([_bits(values != 0, 1), _bits(values[places], word_bits)])
    assert encoding == "address_event", encoding
    events = _bits(places << word_bits | values[places], _address_bits(len(values)) + word_bits)
    return np.concatenate([_bits(np.array([len(places)]), _count_bits(len(values))), events])


def decode(bits: Bits, count: int, word_bits: int, encoding: str) -> NDArray[np.uint32]:
    """The `count` words of `word_bits` bits whose payload this is.

    Raises ValueError for anything that `encode` does not make of `count` such words.
    """
    if encoding == "auto":
        selector = int(_numbers(bits[:SELECTOR_BITS], SELECTOR_BITS).sum())
        if selector >= ENCODINGS.index("auto"):
            raise ValueError(f"no encoding has the number {selector}")
        words = decode(bits[SELECTOR_BITS:], count, word_bits, ENCODINGS[selector])
    else:
        if encoding == "dense":
            places, values = np.arange(count), _numbers(bits, word_bits)
        elif encoding == "bitmap":
            places, values = np.flatnonzero(bits[:count]), _numbers(bits[count:], word_bits)
        else:
            assert encoding == "address_event", encoding
            events = _numbers(bits[_count_bits(count) :], _address_bits(count) + word_bits)
            places, values = events >> word_bits, events & (1 << word_bits) - 1
        if len(places) != len(values) or places.max(initial=0) >= count:
            raise ValueError(f"not {count} words of {word_bits} bits in {encoding}")
        words = np.zeros(count, np.uint32)
        words[places] = values
    if not np.array_equal(encode(words, word_bits, encoding), bits):
        raise ValueError(f"not {count} words of {word_bits} bits in {encoding}")
    return words


def _count_bits(words: int) -> int:
    """Bits of a number from 0 to `words`."""
    return words.bit_length()


def _address_bits(words: int) -> int:
    """Bits of a place among `words` words."""
    return (words - 1).bit_length()


def _bits(numbers: NDArray[Any], width: int) -> Bits:
    """Numbers [n] one after another, most significant bit first: n * width bits."""
    return (numbers.astype(np.int64)[:, None] >> np.arange(width)[::-1] & 1).astype(np.uint8).ravel()


def _numbers(bits: Bits, width: int) -> NDArray[np.int64]:
    """The numbers of `width` bits each that `_bits` wrote. Raises ValueError for a part of a number."""
    if len(bits) % width:
        raise ValueError(f"{len(bits)} bits are not numbers of {width} bits")
    return bits.astype(np.int64).reshape(-1, width) @ (1 << np.arange(width)[::-1])
