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
from accelsim.mapping.work import (
    channel_groups,
    fullest_bank,
    input_channels,
    line_cycles,
    part_cycles,
    pixel_cycles,
    taps_inside,
)
from accelsim.workload.layer import Layer


def test_groups_are_columns_wide_but_the_last() -> None:
    assert channel_groups(conv("a", (8, 4, 4), 40), CAPACITY) == [(0, 16), (16, 32), (32, 40)]


def grouped(groups: int, channels: int, outs: int) -> Layer:
    return replace(conv("a", (channels, 4, 4), outs), groups=groups)


def test_a_pass_covers_part_of_a_group_or_whole_groups() -> None:
    assert channel_groups(grouped(2, 8, 40), CAPACITY) == [(0, 16), (16, 20), (20, 36), (36, 40)]
    assert channel_groups(grouped(8, 8, 40), CAPACITY) == [(0, 15), (15, 30), (30, 40)]
    assert channel_groups(grouped(20, 20, 20), CAPACITY) == [(0, 16), (16, 20)]
    small = replace(CAPACITY, weight_buffer_bytes=2 * 9 * 4 * 10, prefetches=True)
    assert channel_groups(grouped(8, 32, 40), small) == [(first, first + 10) for first in range(0, 40, 10)]


def test_a_pass_scans_the_channels_of_its_groups() -> None:
    layer = grouped(4, 32, 8)
    assert input_channels(layer, (0, 2)) == (0, 8)
    assert input_channels(layer, (3, 4)) == (8, 16)
    assert input_channels(layer, (2, 6)) == (8, 24)
    assert input_channels(layer, (6, 8), (2, 5)) == (26, 29)


@given(st.integers(1, 12), st.integers(1, 5), st.integers(1, 40))
def test_every_output_is_in_one_pass_and_its_inputs_are_scanned(groups: int, inputs: int, outputs: int) -> None:
    layer = grouped(groups, groups * inputs, groups * outputs)
    passes = channel_groups(layer, CAPACITY)
    assert [out for first, last in passes for out in range(first, last)] == list(range(groups * outputs))
    for first, last in passes:
        own = {out // outputs for out in range(first, last)}
        assert last - first <= CAPACITY.columns
        assert len(own) == 1 or (first % outputs, last % outputs) == (0, 0)
        scanned = range(*input_channels(layer, (first, last)))
        assert set(scanned) == {group * inputs + n for group in own for n in range(inputs)}


def test_gaps_between_taps_and_other_groups_cost_lines() -> None:
    """Silent maps, so that only lines are read: 3 runs of 192 words, or 9 of the channels at a position."""
    layer = replace(conv("a", (64, 8, 8), 16), padding=(0, 0), out_shape=(16, 6, 6))
    apart = replace(layer, dilation=(1, 3), out_shape=(16, 6, 2))
    wide = replace(CAPACITY, line_words=192)
    assert pixel_cycles(layer, wide, (0.0,)) == 3
    assert pixel_cycles(replace(layer, dilation=(3, 1), out_shape=(16, 2, 6)), wide, (0.0,)) == 3
    assert pixel_cycles(apart, wide, (0.0,)) == 9
    assert pixel_cycles(replace(layer, groups=2), wide, (0.0,)) == 3
    assert pixel_cycles(replace(layer, groups=2, out_shape=(32, 6, 6)), wide, (0.0,)) == 9
    # Of 64 groups 16 share a pass: lines of 16 words.
    depthwise = replace(layer, groups=64, out_shape=(64, 6, 6))
    assert pixel_cycles(depthwise, CAPACITY, (0.0,)) == pixel_cycles(depthwise, CAPACITY, (1.0,)) == 9


def test_taps_inside_leave_padding_out() -> None:
    """Of a 3-wide kernel the first and the last of 4 positions lose one tap: (2 + 3 + 3 + 2) / 4."""
    assert taps_inside(4, 4, 3, 1, 1, 1) == 2.5
    assert taps_inside(4, 2, 2, 2, 0, 1) == 2
    assert taps_inside(1, 3, 1, 1, 1, 1) == pytest.approx(1 / 3)


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


@given(st.integers(1, 9), st.sampled_from([0.0, 0.2, 0.5, 1.0]), st.integers(1, 4))
@settings(deadline=None)
def test_line_cycles_are_the_mean_over_all_patterns(words: int, density: float, rows: int) -> None:
    """A line of so many words takes a cycle for every `rows` of them that count, and one at least."""
    mean = 0.0
    for pattern in itertools.product((0, 1), repeat=words):
        chance = math.prod(density if bit else 1 - density for bit in pattern)
        mean += chance * max(1, math.ceil(sum(pattern) / rows))
    assert line_cycles(words, density, rows) == pytest.approx(mean)


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


def test_scheduled_arrays_wait_for_a_neuron_unit_that_is_slower() -> None:
    layer = conv("a", (8, 8, 8), 16)
    plan = make_plan([layer], CAPACITY, {"a": (0.5,)})
    (part, *_) = plan.layers[0].parts
    outs = part.groups[0][1] - part.groups[0][0]
    scheduled = replace(CAPACITY, array_cycles=lambda *_: 100.0, neuron_lanes=1, decoding_cycles=0)
    pixels = (part.rows[1] - part.rows[0]) * layer.out_shape[2]
    assert part_cycles(layer, part, scheduled, (0.5,)) == len(part.groups) * pixels * outs
    assert part_cycles(layer, part, replace(scheduled, neuron_lanes=0), (0.5,)) == len(part.groups) * 100
