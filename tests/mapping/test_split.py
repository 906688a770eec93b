"""How a layer is cut over the tiles."""

from dataclasses import replace

import numpy as np
import pytest
from capacities import CAPACITY as SMALL
from hypothesis import given
from hypothesis import strategies as st
from small_workload import conv

from accelsim.mapping.split import choose_split, estimate, input_rows, shares
from accelsim.mapping.work import channel_groups, input_channels, pixel_cycles
from accelsim.workload.layer import Layer

CAPACITY = replace(SMALL, tiles=16, controllers=4, memory_bytes_per_cycle=51.2)


@given(st.integers(1, 1000), st.data())
def test_shares_cover_everything_once_and_differ_by_one(total: int, data: st.DataObject) -> None:
    parts = data.draw(st.integers(1, total))
    cut = shares(total, parts)
    assert [item for first, last in cut for item in range(first, last)] == list(range(total))
    sizes = [last - first for first, last in cut]
    assert len(cut) == parts and max(sizes) - min(sizes) <= 1 and min(sizes) >= 1


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


def test_rows_of_dilated_kernels_and_repeated_maps() -> None:
    dilated = replace(conv("a", (8, 8, 8), 8), dilation=(2, 1), padding=(2, 1))
    assert input_rows(dilated, (3, 4)) == (1, 6)
    repeated = Layer("u", "upsample", (), (8, 4, 4), (8, 12, 4), factor=(3, 1))
    assert [input_rows(repeated, rows) for rows in ((0, 1), (2, 4), (5, 12))] == [(0, 1), (0, 2), (1, 4)]


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


@pytest.mark.parametrize(
    ("rows", "kernel", "expected"),
    [((0, 1), 3, (0, 2)), ((1, 3), 3, (0, 4)), ((7, 8), 3, (6, 8)), ((2, 4), 1, (2, 4))],
)
def test_input_rows_leave_padding_out(rows: tuple[int, int], kernel: int, expected: tuple[int, int]) -> None:
    assert input_rows(conv("a", (8, 8, 8), 8, kernel=kernel), rows) == expected


def test_choice_is_the_cheapest_of_all_cuts() -> None:
    layer = conv("a", (32, 16, 16), 64)
    best = choose_split(layer, CAPACITY, (0.5,))
    cuts = [(channels, rows) for channels in range(1, 5) for rows in range(1, 16 // channels + 1)]
    channels, rows = np.array(cuts).T
    costs = dict(zip(cuts, estimate(layer, CAPACITY, (0.5,), channels, rows).tolist(), strict=True))
    assert best.cycles == min(costs.values()) == costs[best.channel_parts, best.row_parts]


def test_weights_that_bind_are_not_copied() -> None:
    """With many weights and few pixels, cutting by rows would send every weight several times."""
    layer = conv("a", (512, 2, 2), 512)
    assert choose_split(layer, CAPACITY, (0.5,)).row_parts == 1
