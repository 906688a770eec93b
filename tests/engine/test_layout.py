"""Tables that the kernels look into, against their definitions bit by bit."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from accelsim.engine.layout import bank_period, bit_planes, weight_banks


@given(st.lists(st.integers(0, (1 << 24) - 1), min_size=1, max_size=200))
def test_any_32_words_in_a_row_lie_in_one_element_of_a_plane(words: list[int]) -> None:
    planes = bit_planes(np.array(words, np.uint32), 24)
    assert planes.shape == (-(-len(words) // 32), 24)
    padded = words + [0] * 64
    for first in range(len(words)):
        for plane, element in enumerate(planes[first // 32].tolist()):
            bits = element >> first % 32
            assert [bits >> i & 1 for i in range(32)] == [word >> plane & 1 for word in padded[first : first + 32]]


@given(st.integers(1, 20), st.integers(1, 70), st.integers(0, 5000), st.booleans())
def test_banks_of_weight_rows_repeat_after_a_period(banks: int, line_words: int, row: int, diagonal: bool) -> None:
    table = weight_banks(banks, line_words, diagonal)
    start = row % bank_period(banks, line_words)
    assert table[start : start + line_words].tolist() == [
        (i + (i // banks if diagonal else 0)) % banks for i in range(row, row + line_words)
    ]
