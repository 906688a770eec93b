from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.parts.accumulator_buffer import AccumulatorBufferSettings

MOST = {"1rw": 1, "2rw": 2}
"""Accesses of any kind that a bank takes in a cycle."""


def buffer(**changed: Any) -> AccumulatorBufferSettings:
    return AccumulatorBufferSettings(bytes=4096, **changed)


@pytest.mark.parametrize(
    ("settings", "reads", "writes", "alternate", "expected"),
    [
        ({}, 1, 1, False, 1),
        ({"ports": "1rw"}, 1, 1, False, 2),
        ({"ports": "1rw", "banks": 2}, 1, 1, False, 1),
        ({"ports": "1rw", "banks": 2}, 1, 1, True, 2),
        ({"ports": "2rw"}, 1, 1, True, 1),
        ({"ports": "1rw"}, 0, 1, False, 1),
        ({"ports": "1rw"}, 0, 0, False, 0),
        ({"width_bits": 100}, 1, 1, False, 4),
        ({"width_bits": 100, "ports": "ideal"}, 1, 1, True, 1),
        ({"width_bits": 100, "ports": "ideal"}, 0, 0, False, 0),
        ({"width_bits": 100, "banks": 4}, 1, 1, False, 1),
        ({"width_bits": 100, "banks": 4, "ports": "1rw"}, 1, 1, False, 2),
    ],
)
def test_cycles_of_a_pixel(settings: dict[str, Any], reads: int, writes: int, alternate: bool, expected: int) -> None:
    """Sixteen sums of 24 bits: four words of 100 bits."""
    assert buffer(**settings).access_cycles(384, reads, writes, alternate=alternate) == expected


@given(
    words=st.integers(1, 9),
    banks=st.integers(1, 6),
    ports=st.sampled_from(["1rw", "1r1w", "2rw"]),
    alternate=st.booleans(),
    pixel=st.integers(0, 20),
)
def test_cycles_of_a_pixel_are_those_of_its_busiest_bank(
    words: int, banks: int, ports: str, alternate: bool, pixel: int
) -> None:
    """Word by word: what the busiest bank has to take while one pixel is read and the one before, or it, is written."""
    settings = buffer(width_bits=10, banks=banks, ports=ports)
    written = pixel if alternate else pixel - 1
    reads = Counter((pixel * words + word) % banks for word in range(words))
    writes = Counter((written * words + word) % banks for word in range(words))
    if ports == "1r1w":
        expected = max(*reads.values(), *writes.values())
    else:
        expected = max(-(-count // MOST[ports]) for count in (reads + writes).values())
    assert settings.access_cycles(words * 10, 1, 1, alternate=alternate) == expected
