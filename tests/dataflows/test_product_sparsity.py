"""Prosperity: rows that begin with the sum of another row."""

from __future__ import annotations

import numpy as np
import pytest
from dataflow_cases import Case, assert_kernel_equals_twin, cases, layer_task, packed
from hypothesis import given, settings
from hypothesis import strategies as st
from simulator_rules import product_sparse, prosperity_total, unroll
from worked_rows import EXAMPLE_A

from accelsim.dataflows import NO_MASK, Task, find_dataflow
from accelsim.dataflows.product_sparsity import DATAFLOW, ProductSparsitySettings
from accelsim.dataflows.task import (
    ACCUMULATOR_READS,
    ACCUMULATOR_WRITES,
    CYCLES,
    KIND,
    LINE_WORDS,
    LINES,
    MACS,
    PIXELS,
    STREAM,
    WEIGHT_READS,
    WORDS,
    Words,
)

SPIKES_OF_A = EXAMPLE_A.transpose(1, 2, 0)[:, :, None, :]
LAYER_OF_A = layer_task(1, 2, 8, 32)


def array(**keys: object) -> ProductSparsitySettings:
    return ProductSparsitySettings(dataflow="product_sparsity", **keys)


def groups(task: Task, columns: int) -> list[Task]:
    """The tasks of a layer of so many output channels each."""
    return [
        task._replace(first_out=first, outs=outs, reach=outs)
        for first in range(0, task.layer_outs, columns)
        for outs in [min(columns, task.layer_outs - first)]
    ]


def single_plane(*rows: str) -> tuple[Task, Words]:
    """A layer of one time step whose pixels have these rows, and two outputs."""
    spikes = np.array([[int(bit) for bit in row] for row in rows])
    return layer_task(1, len(rows), spikes.shape[1], 2, planes=1), packed(spikes.T[None, :, None, :])


@settings(deadline=None)
@given(
    cases(max_channels=9, max_outs=12),
    st.sampled_from([1, 3, 8, 256]),
    st.sampled_from([1, 3, 5, 16]),
    st.sampled_from([1, 8]),
    st.sampled_from([1, 64]),
)
def test_kernel_equals_twin(case: Case, rows: int, columns: int, units: int, buffers: int) -> None:
    chip = array(
        tile_rows=rows,
        tile_columns=columns,
        popcount_units=units,
        spike_tile_bytes=buffers,
        weight_tile_bytes=buffers,
    )
    assert_kernel_equals_twin(DATAFLOW, chip, case)


@settings(deadline=None)
@given(st.integers(1, 8), st.integers(1, 40), st.integers(1, 7), st.sampled_from([0.05, 0.2, 0.5]), st.integers(0, 99))
def test_sums_and_searches_are_those_of_the_simulator(
    timesteps: int, channels: int, size: int, density: float, seed: int
) -> None:
    """Its totals, where no tile has a partial group of rows, are the sums over our tiles."""
    spikes = (np.random.default_rng(seed).random((timesteps, channels, size, size)) < density).astype(int)
    task = layer_task(size, size, channels, 100, kernel=3, padding=1, planes=timesteps)
    expected = product_sparse(unroll(spikes, 3, 1, 1), 100)
    found = DATAFLOW.schedule(array(), task, packed(spikes), NO_MASK)
    assert found.counts[WORDS] == expected.compute
    tiles = -(-size * size * timesteps // 256) * -(-channels * 9 // 16)
    partial = -(-channels * 9 // 16) if size * size * timesteps % 8 else 0
    low = max(expected.compute, expected.search + partial)
    assert low <= found.cycles <= expected.compute + expected.search + partial
    assert len(found.steps) == tiles + 1


def test_worked_example() -> None:
    """Rows 10100000 10110000 10100000 0 | 00100000 10110101 00001100 00100000, of 2 pixels and 4 time steps.

    Costs 1 1 1 0 1 2 2 1 = 9; the search takes the 5 rows with two ones or more, and a cycle for the 8 rows. The
    simulator, which takes the larger of the two and 2 cycles of memory, says 11.
    """
    found = DATAFLOW.schedule(array(), LAYER_OF_A, packed(SPIKES_OF_A), NO_MASK)
    assert found.steps[:, [CYCLES, PIXELS, KIND]].tolist() == [[6, 0, 1], [9, 2, 0]]
    # One row of the nine cycles is a copy, all others are additions to 32 sums; 4 rows have a prefix, 7 are issued.
    assert found.counts[[WORDS, MACS, WEIGHT_READS]].tolist() == [9, 8 * 32, 8 * 32]
    assert found.counts[[LINES, LINE_WORDS]].tolist() == [8, 16]
    assert found.counts[[ACCUMULATOR_READS, ACCUMULATOR_WRITES]].tolist() == [4 * 32, 7 * 32]
    rows = unroll(SPIKES_OF_A, 1)
    assert product_sparse(rows, 32) == (9, 6)
    assert prosperity_total(rows, 32, 9) == 11
    assert prosperity_total(rows, 32, 16) == 18


@pytest.mark.parametrize(
    ("rows", "cost"),
    [
        (["0000"], 0),
        (["1000", "1000"], 2),
        (["1100", "1100"], 3),
        (["1110", "1100"], 3),
        (["1100", "1110", "1100"], 4),
        (["1111", "1100", "0011"], 6),
        (["1111", "1000", "1110"], 4),
    ],
)
def test_a_subset_may_come_later_but_not_an_equal_row(rows: list[str], cost: int) -> None:
    task, words = single_plane(*rows)
    assert DATAFLOW.schedule(array(), task, words, NO_MASK).counts[WORDS] == cost


def test_edge_tiles_keep_their_size() -> None:
    """Five rows of three bits in tiles of 2 x 2: equal rows of different tiles do not help each other."""
    task, words = single_plane(*["111"] * 5)
    steps, counts = DATAFLOW.schedule(array(tile_rows=2, tile_columns=2, popcount_units=1), task, words, NO_MASK)
    # Left tiles: 2 + 1 of two rows, 2 of the last; right tiles: a 1 a row. Searches 4, 2 | 4, 2 | 2, 1.
    assert counts[WORDS] == 3 + 2 + 3 + 2 + 2 + 1
    assert steps[:, CYCLES].tolist() == [4, max(3, 2), max(2, 4), max(3, 2), max(2, 2), max(2, 1), 1]


def test_the_search_is_done_while_the_tile_before_is_summed() -> None:
    """A tile of silent rows between tiles whose search and sums differ."""
    task, words = single_plane("1111", "1111", "0000", "0000", "1100", "1111")
    steps, _ = DATAFLOW.schedule(array(tile_rows=2, popcount_units=2), task, words, NO_MASK)
    # Searches 3, 1, 3; sums 5, 0, 4.
    assert steps[:, [CYCLES, KIND]].tolist() == [[3, 1], [max(5, 1), 0], [max(0, 3), 0], [4, 0]]


def test_a_group_of_channels_begins_with_its_search_done() -> None:
    """The search for the next task's first tile is done while the last tile is summed."""
    task, words = single_plane("1111", "1111", "0000", "0000")
    first, last = groups(task, 1)
    chip = array(tile_rows=2, popcount_units=2)
    assert DATAFLOW.schedule(chip, first, words, NO_MASK).steps[:, CYCLES].tolist() == [3, 5, 3]
    assert DATAFLOW.schedule(chip, last, words, NO_MASK).steps[:, CYCLES].tolist() == [5, 0]


def test_pixels_leave_with_their_last_tile() -> None:
    """Three pixels of 4 planes, tiles of 6 rows: one leaves with the first row of tiles, the others at the end."""
    task = layer_task(1, 3, 20, 4)
    steps, _ = DATAFLOW.schedule(array(tile_rows=6), task, np.ones((1, 3, 20), np.int64), NO_MASK)
    assert steps[:, PIXELS].tolist() == [0, 0, 1, 0, 2]


def test_spikes_are_read_again_for_each_task() -> None:
    """9 windows of 3x3 x 32 channels, 4 planes: 36 rows of 288 bits, in 18 tiles of 72 bytes; 1/9 of them is read."""
    task = layer_task(5, 5, 32, 8, kernel=3)
    words = np.ones((5, 5, 32), np.int64)
    for buffer, again in ((512, 144), (1296, 0)):
        first, last = (
            DATAFLOW.schedule(array(columns=4, spike_tile_bytes=buffer, weight_tile_bytes=65536), one, words, NO_MASK)
            for one in groups(task, 4)
        )
        # The first tile of the second task is read, as it is searched, in the course of the first task.
        assert first.steps[:, STREAM].tolist() == [8] * 18 + [8 if again else 0]
        assert last.steps[:, STREAM].sum() == max(0, again - 8)
    one_tile = layer_task(1, 400, 16, 8)
    again = DATAFLOW.schedule(array(columns=4), groups(one_tile, 4)[1], np.ones((1, 400, 16), np.int64), NO_MASK)
    assert again.steps[:, STREAM].sum() == 0


def test_bytes_of_spikes_are_all_read_once() -> None:
    """Tiles of 7 rows of 5 bits are no whole bytes: what is read adds up to a whole row of tiles."""
    task = layer_task(1, 7, 9, 2, planes=1)
    chip = array(tile_columns=5, weight_tile_bytes=65536)
    steps, _ = DATAFLOW.schedule(chip, task, np.ones((1, 7, 9), np.int64), NO_MASK)
    assert steps[:, STREAM].tolist() == [5, 3, 0]


def test_weights_are_read_again_for_each_row_of_tiles() -> None:
    task = layer_task(1, 5, 24, 3, planes=1)
    words = np.zeros((1, 5, 24), np.int64)
    chip = array(tile_rows=2, spike_tile_bytes=0, weight_tile_bytes=71)
    weights = array(tile_rows=2, spike_tile_bytes=0, weight_tile_bytes=72)
    with_weights, without = (DATAFLOW.schedule(one, task, words, NO_MASK).steps[:, STREAM] for one in (chip, weights))
    assert (with_weights - without).tolist() == [0, 0, 0, 48, 24, 48, 24]


@pytest.mark.parametrize("density", [0.02, 0.1, 0.3, 0.6])
def test_the_estimate_is_near_drawn_words(density: float) -> None:
    spikes = np.random.default_rng(1).random((4, 24, 14, 14)) < density
    task = layer_task(14, 14, 24, 64, kernel=3)
    found = DATAFLOW.schedule(array(), task, packed(spikes), NO_MASK).cycles
    assert DATAFLOW.estimate(array(), task, 1 - (1 - density) ** 4, density) == pytest.approx(found, rel=0.1)


def test_what_it_takes_and_refuses() -> None:
    assert find_dataflow("product_sparsity") is DATAFLOW
    assert [pair for pair, reason in DATAFLOW.modes.items() if not reason] == [("bit_serial", "zero_bits")]
    image = layer_task(4, 4, 3, 8, planes=8, step_bits=8)
    assert DATAFLOW.refuses(array(), image) == "words of 8 bits in one time step are no spikes"
    assert (array().pe_shape, array().line_bits) == ((1, 128), 16)
    assert DATAFLOW.whole_map(array()) and DATAFLOW.streams(array())
