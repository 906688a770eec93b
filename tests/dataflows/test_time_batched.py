"""PTB: windows of time steps, lines that share slots."""

from __future__ import annotations

import numpy as np
import pytest
from dataflow_cases import Case, assert_kernel_equals_twin, cases, layer_task, packed
from hypothesis import given, settings
from hypothesis import strategies as st
from simulator_rules import ptb_cycles, ptb_slots, ptb_total, stsap_slots, unroll
from worked_rows import EXAMPLE_A, EXAMPLE_B

from accelsim.dataflows import NO_MASK, find_dataflow
from accelsim.dataflows.task import (
    CYCLES,
    KIND,
    LINE_WORDS,
    LINES,
    MACS,
    PIXELS,
    ROW,
    WEIGHT_READS,
    WEIGHTS,
    WORDS,
)
from accelsim.dataflows.time_batched import DATAFLOW, TimeBatchedSettings, disjoint_patterns, slots_of

LAYER_OF_B = layer_task(1, 1, 8, 32, planes=32)
WORDS_OF_B = packed(np.kron(EXAMPLE_B, [[0, 1, 1, 0]]).T[:, :, None, None])
"""Each window of a line that fires does so in its two middle steps."""


def array(**keys: object) -> TimeBatchedSettings:
    return TimeBatchedSettings(dataflow="time_batched", **keys)


def slots(lines: list[int], columns: int) -> int:
    taken = np.array([line for line in lines if line], np.int64)
    return slots_of(taken, columns, disjoint_patterns(columns))


@settings(deadline=None)
@given(
    cases(max_channels=12, planes=st.integers(1, 20)),
    st.integers(1, 8),
    st.integers(1, 5),
    st.booleans(),
    st.sampled_from(["nothing", "silent_words"]),
)
def test_kernel_equals_twin(case: Case, columns: int, window_steps: int, pairing: bool, skip: str) -> None:
    chip = array(columns=columns, window_steps=window_steps, pairing=pairing, skip=skip, fill_drain_cycles=7)
    assert_kernel_equals_twin(DATAFLOW, chip, case)


@settings(deadline=None)
@given(st.integers(1, 8), st.lists(st.integers(0, 255), max_size=60))
def test_kernel_equals_twin_of_the_pairing(columns: int, drawn: list[int]) -> None:
    """Against the search that looks through all later lines for each."""
    lines = [line & ((1 << columns) - 1) for line in drawn]
    bits = np.array([[line >> column & 1 for column in range(columns)] for line in lines], np.int64)
    assert slots(lines, columns) == stsap_slots(bits.reshape(-1, columns))


def test_worked_block() -> None:
    """Lines 11000000 0 11111111 01100000 00001111 00010000 10000001 00110000, 8 windows of 4 steps, 32 outputs.

    The second is dropped, the third stands alone; 1 takes 5, as 4 overlaps, 4 takes 6, 7 takes 8: four slots. Two
    groups of 16 outputs take 4 * 2 * 4 + 32 = 64 cycles in the simulator, which pays one fill, and 65 with memory.
    """
    tasks = [LAYER_OF_B._replace(first_out=first, outs=16, reach=16) for first in (0, 16)]
    for task in tasks:
        steps, counts = DATAFLOW.schedule(array(), task, WORDS_OF_B, NO_MASK)
        assert steps[:, [CYCLES, KIND, PIXELS]].tolist() == [[16, 0, 0], [32, 1, 1]]
        ones = int(EXAMPLE_B.sum())
        assert counts[[WORDS, MACS, WEIGHT_READS]].tolist() == [ones, ones * 4 * 16, 7 * 16]
        assert counts[[LINES, LINE_WORDS]].tolist() == [8, 8]
    rows = unroll(np.kron(EXAMPLE_B, [[0, 0, 0, 1]]).T[:, :, None, None], 1)
    assert ptb_slots(rows) == 4
    assert ptb_cycles(4, 1, 32) == 64
    assert ptb_total(rows, 32, 4) == 65


def test_windows_of_a_pixel_stand_side_by_side() -> None:
    """Two pixels of one window each: lines 11 and 01 fill two columns of eight; no two of the six can pair."""
    words = packed(EXAMPLE_A.transpose(1, 2, 0)[:, :, None, :])
    task = layer_task(1, 2, 8, 16)
    steps, _ = DATAFLOW.schedule(array(), task, words, NO_MASK)
    assert steps[:, [CYCLES, PIXELS]].tolist() == [[24, 0], [32, 2]]
    # Two windows of two steps each, a block a pixel: 11 11 10, and 10 11 10 01 11 10, of which 10 and 01 share a slot.
    narrow, _ = DATAFLOW.schedule(array(window_steps=2, columns=2), task, words, NO_MASK)
    assert narrow[:, [CYCLES, PIXELS]].tolist() == [[6, 0], [32, 1], [10, 0], [32, 1]]


def test_a_line_takes_the_first_partner_that_is_left() -> None:
    # 1100 takes 0010 and not the better 0011; 0001 is left, and takes 1000.
    assert slots([0b1100, 0b0010, 0b0011, 0b1000], 4) == 2
    assert slots([0b1100, 0b1010, 0b0001, 0b0011], 4) == 3
    # A full line is never a partner, and takes none.
    assert slots([0b1111, 0b1111, 0b0001], 4) == 3
    assert slots([], 4) == 0


def test_without_skipping_each_line_takes_a_slot() -> None:
    task = LAYER_OF_B._replace(outs=16, reach=16)
    found = {
        keys: DATAFLOW.schedule(array(skip=keys[0], pairing=keys[1]), task, WORDS_OF_B, NO_MASK).cycles
        for keys in (("nothing", True), ("nothing", False), ("silent_words", False))
    }
    assert found == {("nothing", True): 64, ("nothing", False): 64, ("silent_words", False): 60}


def test_pixels_leave_with_the_block_of_their_last_window() -> None:
    """Five pixels of 12 steps, three windows each, in blocks of four: 15 windows."""
    task = layer_task(1, 5, 2, 4, planes=12)
    steps, _ = DATAFLOW.schedule(array(columns=4), task, np.ones((1, 5, 2), np.int64), NO_MASK)
    assert steps[1::2, PIXELS].tolist() == [1, 1, 2, 1]


def test_every_group_of_outputs_takes_the_same() -> None:
    words = packed(np.random.default_rng(3).random((4, 6, 4, 4)) < 0.3)
    layer = layer_task(4, 4, 6, 40, kernel=3, padding=1)
    found = [
        DATAFLOW.schedule(array(), layer._replace(first_out=first, outs=outs, reach=outs), words, NO_MASK).cycles
        for first, outs in ((0, 16), (16, 16), (32, 8))
    ]
    assert found == [found[0]] * 3


def test_a_block_waits_for_its_last_row() -> None:
    """Pixels of three columns, blocks of four windows: each block but the last reaches the next output row."""
    task = layer_task(6, 3, 1, 4, kernel=(3, 1), stride=(2, 1), padding=(1, 0))
    steps, _ = DATAFLOW.schedule(array(columns=4), task, np.ones((6, 3, 1), np.int64), NO_MASK)
    assert steps[::2, ROW].tolist() == [3, 5, 5]
    assert set(steps[1::2, ROW].tolist()) == {-1} and set(steps[:, WEIGHTS].tolist()) == {-1}


@settings(deadline=None)
@given(st.integers(1, 30), st.sampled_from([0.05, 0.2, 0.6]), st.integers(0, 99))
def test_slots_are_the_simulators_where_a_pixel_fills_a_block(channels: int, density: float, seed: int) -> None:
    """At T = 32 its blocks are ours: one pixel, eight windows."""
    spikes = (np.random.default_rng(seed).random((32, channels, 4, 4)) < density).astype(int)
    expected = ptb_slots(unroll(spikes, 3, 1, 1))
    task = layer_task(4, 4, channels, 16, kernel=3, padding=1, planes=32)
    words = packed(spikes)
    assert expected is not None
    assert DATAFLOW.schedule(array(), task, words, NO_MASK).cycles == expected * 4 + 16 * 32


@pytest.mark.parametrize("planes", [4, 16])
@pytest.mark.parametrize("density", [0.02, 0.1, 0.4])
def test_the_estimate_is_near_drawn_words(density: float, planes: int) -> None:
    spikes = np.random.default_rng(1).random((planes, 24, 14, 14)) < density
    task = layer_task(14, 14, 24, 16, kernel=3, planes=planes)
    word_density = 1 - (1 - density) ** planes
    for keys in ({}, {"pairing": False}, {"skip": "nothing"}):
        found = DATAFLOW.schedule(array(**keys), task, packed(spikes), NO_MASK).cycles
        assert DATAFLOW.estimate(array(**keys), task, word_density, density) == pytest.approx(found, rel=0.08)


def test_what_it_takes_and_refuses() -> None:
    assert find_dataflow("time_batched") is DATAFLOW
    assert {pair for pair, reason in DATAFLOW.modes.items() if not reason} == {
        ("bit_serial", "nothing"),
        ("bit_serial", "silent_words"),
    }
    image = layer_task(4, 4, 3, 8, planes=8, step_bits=8)
    assert DATAFLOW.refuses(array(), image) == "words of 8 bits in one time step are no spikes"
    assert (array().pe_shape, array().line_bits) == ((8, 16), 32)
