"""Estimated cycles of the arrays."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
from capacities import CAPACITY
from hypothesis import given, settings
from hypothesis import strategies as st
from small_workload import conv

from accelsim.mapping.planner import make_plan
from accelsim.mapping.work import channel_groups, fullest_bank, part_cycles, pixel_cycles, taps_inside


def test_groups_are_columns_wide_but_the_last() -> None:
    assert channel_groups(conv("a", (8, 4, 4), 40), CAPACITY) == [(0, 16), (16, 32), (32, 40)]


def test_taps_inside_leave_padding_out() -> None:
    """Of a 3-wide kernel the first and the last of 4 positions lose one tap: (2 + 3 + 3 + 2) / 4."""
    assert taps_inside(4, 4, 3, 1, 1) == 2.5
    assert taps_inside(4, 2, 2, 2, 0) == 2
    assert taps_inside(1, 3, 1, 1, 1) == pytest.approx(1 / 3)


@given(st.integers(0, 2), st.integers(1, 3), st.sampled_from([0.0, 0.2, 0.5, 0.9]), st.integers(0, 2))
@settings(deadline=None)
def test_fullest_bank_is_the_mean_over_all_patterns(each: int, banks: int, density: float, extra: int) -> None:
    """Every pattern of words among the candidates, weighed by its probability."""
    sizes = [each + (bank < extra % banks) for bank in range(banks)]
    mean = 0.0
    for pattern in itertools.product((0, 1), repeat=sum(sizes)):
        chance = math.prod(density if bit else 1 - density for bit in pattern)
        bits = iter(pattern)
        mean += chance * max(sum(next(bits) for _ in range(size)) for size in sizes)
    assert fullest_bank(float(sum(sizes)), density, banks) == pytest.approx(mean)


def test_without_gaps_the_fullest_bank_is_the_longest() -> None:
    assert fullest_bank(33.0, 1.0, 16) == 3


def test_pixel_cycles_are_bound_by_lines_by_words_or_by_banks() -> None:
    """A layer without padding: 3 kernel rows of 3 x 64 words."""
    layer = replace(conv("a", (64, 10, 10), 16), padding=(0, 0), out_shape=(16, 8, 8))
    assert pixel_cycles(layer, CAPACITY, (0.0,)) == 9
    assert pixel_cycles(layer, CAPACITY, (1.0,)) == 36
    assert pixel_cycles(layer, replace(CAPACITY, skips=False), (0.0,)) == 36
    assert pixel_cycles(layer, replace(CAPACITY, rows=8), (1.0,)) == 72
    assert pixel_cycles(layer, replace(CAPACITY, weight_banks=8), (1.0,)) == 72
    assert 18 < pixel_cycles(layer, CAPACITY, (0.5,)) == fullest_bank(576.0, 0.5, 16)


def test_scans_add_up() -> None:
    layer = conv("a", (64, 8, 8), 16)
    both = pixel_cycles(layer, CAPACITY, (0.5, 0.1))
    assert both == pixel_cycles(layer, CAPACITY, (0.5,)) + pixel_cycles(layer, CAPACITY, (0.1,))


def test_a_part_takes_its_share_of_the_pixels() -> None:
    """All pixels and groups on one tile take as long as the parts of four tiles together, less their passes."""
    layer = conv("a", (64, 8, 8), 32)
    alone = make_plan([layer], replace(CAPACITY, tiles=1), {}).layers[0].parts
    shared = make_plan([layer], CAPACITY, {}).layers[0].parts
    assert len(alone) == 1 and len(shared) == 4
    whole, parts = (sum(part_cycles(layer, part, CAPACITY, (0.5,)) for part in found) for found in (alone, shared))
    passes = [len(part.groups) for found in (alone, shared) for part in found]
    assert parts - whole == pytest.approx(8 * (sum(passes[1:]) - passes[0]))
