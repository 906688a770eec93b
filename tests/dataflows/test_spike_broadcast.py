"""Spike broadcast: cycles by hand, by twin, and of layers of a real network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from dataflow_cases import Case, assert_kernel_equals_twin, cases, layer_task, packed
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.dataflows import NO_MASK, find_dataflow
from accelsim.dataflows.spike_broadcast import SpikeBroadcastSettings
from accelsim.dataflows.task import (
    ACCUMULATOR_WRITES,
    BUSY,
    CYCLES,
    FILL_DRAIN,
    KIND,
    MACS,
    PIXELS,
    ROW,
    STREAM,
    WEIGHT_READS,
    WORDS,
)

BROADCAST = find_dataflow("spike_broadcast")


def array(**keys: Any) -> SpikeBroadcastSettings:
    chosen = {"spike_mode": "time_serial", "skip": "zero_bits", "columns": 128} | keys
    return SpikeBroadcastSettings(dataflow="spike_broadcast", **chosen)


SPIKES = np.array(
    [
        # Two pixels of 8 inputs, four time steps.
        [[1, 0, 1, 0, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0, 0, 0]],
        [[1, 0, 1, 1, 0, 0, 0, 0], [1, 0, 1, 1, 0, 1, 0, 1]],
        [[1, 0, 1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1, 0, 0]],
        [[0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0, 0, 0]],
    ]
)
WORDS_OF_TWO_PIXELS = packed(SPIKES.transpose(0, 2, 1)[:, :, None, :])


def test_two_pixels_take_their_events_and_the_fill() -> None:
    """7 and 9 events and 2 cycles each: what a cycle-stepped re-implementation of SpinalFlow takes for these spikes."""
    found = BROADCAST.schedule(array(), layer_task(1, 2, 8, 32), WORDS_OF_TWO_PIXELS, NO_MASK)
    assert found.cycles == (7 + 2) + (9 + 2)
    assert found.steps[:, CYCLES].tolist() == [2, 7, 2, 9]
    assert found.steps[:, KIND].tolist() == [FILL_DRAIN, BUSY] * 2
    assert found.steps[:, PIXELS].tolist() == [0, 1, 0, 1]
    assert found.steps[:, STREAM].tolist() == [56, 0, 72, 0]
    assert found.counts[[WORDS, MACS, WEIGHT_READS]].tolist() == [16, 16 * 32, 16 * 32]


def test_a_window_without_events_takes_a_cycle() -> None:
    words = WORDS_OF_TWO_PIXELS.copy()
    words[0, 0] = 0
    found = BROADCAST.schedule(array(), layer_task(1, 2, 8, 32), words, NO_MASK)
    assert found.steps[:, CYCLES].tolist() == [1, 2, 9]
    assert found.steps[:, PIXELS].tolist() == [1, 0, 1]


def test_groups_of_columns_and_lookup_are_paid_for_each_event() -> None:
    """The membranes of 40 output channels over 16 processing elements: 3 cycles, and 5 before them."""
    chip = array(columns=16, outputs="all", event_cycles=5, fill_cycles=0, input="buffer")
    found = BROADCAST.schedule(chip, layer_task(1, 2, 8, 40), WORDS_OF_TWO_PIXELS, NO_MASK)
    assert found.cycles == 16 * (5 + 3)
    assert not found.steps[:, STREAM].any()
    assert (BROADCAST.outputs(chip), BROADCAST.streams(chip)) == (0, False)


def test_a_scattered_event_is_looked_up_once_and_reaches_all_its_pixels() -> None:
    """3x3 window, 3x3 map: the middle reaches 9 pixels, a corner 4; 10 outputs over 8 synapses a cycle."""
    words = np.zeros((3, 3, 1), np.int64)
    words[1, 1] = 0b101
    words[2, 2] = 0b010
    chip = array(order="scattered", columns=8, outputs="all", event_cycles=1, fill_cycles=3, input="buffer")
    found = BROADCAST.schedule(chip, layer_task(3, 3, 1, 10, kernel=3, padding=1), words, NO_MASK)
    middle, corner = 1 + 12, 1 + 5
    assert found.steps[:, CYCLES].tolist() == [2 * middle, corner, 3]
    assert found.steps[:, ROW].tolist() == [1, 2, 2]
    assert found.steps[:, PIXELS].tolist() == [0, 0, 9]
    assert found.counts[[MACS, ACCUMULATOR_WRITES]].tolist() == [2 * 90 + 40] * 2


def test_only_spikes_are_taken_as_they_are() -> None:
    assert BROADCAST.refuses(array(), layer_task(1, 1, 1, 1, step_bits=1)) == ""
    text = BROADCAST.refuses(array(), layer_task(1, 1, 1, 1, planes=8, step_bits=8))
    assert text == "words of 8 bits in one time step are no spikes"


ARRAYS = st.builds(
    array,
    columns=st.integers(1, 20),
    outputs=st.sampled_from(["columns", "all"]),
    order=st.sampled_from(["gathered", "scattered"]),
    event_cycles=st.integers(0, 3),
    fill_cycles=st.integers(0, 3),
    input=st.sampled_from(["stream", "buffer"]),
)


@settings(deadline=None, max_examples=60)
@given(chip=ARRAYS, case=cases())
def test_kernel_equals_twin(chip: SpikeBroadcastSettings, case: Case) -> None:
    found = assert_kernel_equals_twin(BROADCAST, chip, case)
    busy = found.steps[found.steps[:, KIND] == BUSY, CYCLES].sum()
    assert busy >= found.counts[WORDS] * (chip.event_cycles + 1)


@settings(deadline=None, max_examples=40)
@given(chip=ARRAYS, case=cases())
def test_whole_words_take_what_is_estimated(chip: SpikeBroadcastSettings, case: Case) -> None:
    """All bits set, a fan-out that fills the columns: the expected cycles are those of the spikes."""
    words = np.full_like(case.words, (1 << case.task.planes) - 1)
    found = BROADCAST.schedule(chip, case.task, words, NO_MASK)
    estimate = BROADCAST.estimate(chip, case.task, 1.0, 1.0)
    inside = found.counts[WORDS] > 0 and chip.order == "scattered"
    if inside or not (found.steps[:, [CYCLES, PIXELS]] == (1, 1)).all(axis=1).any():
        assert estimate == pytest.approx(found.cycles)
