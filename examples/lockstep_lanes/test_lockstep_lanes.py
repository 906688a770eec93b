"""The dataflow against its twin, its bounds, and cases by hand."""

from __future__ import annotations

import numpy as np
import pytest
from dataflow_cases import Case, assert_kernel_equals_twin, cases, layer_task, packed
from hypothesis import given, settings
from hypothesis import strategies as st
from lockstep_lanes import DATAFLOW, LockstepLanesSettings

from accelsim.dataflows import NO_MASK
from accelsim.dataflows.task import CYCLES, PIXELS, ROW


def array(**keys: object) -> LockstepLanesSettings:
    return LockstepLanesSettings(dataflow="lockstep_lanes", **({"lanes": 4, "columns": 16} | keys))


@settings(deadline=None)
@given(cases(), st.sampled_from(["nothing", "zero_bits"]), st.sampled_from([1, 3, 8, 100]))
def test_kernel_equals_twin(case: Case, skip: str, lanes: int) -> None:
    assert_kernel_equals_twin(DATAFLOW, array(skip=skip, lanes=lanes), case)


@settings(deadline=None)
@given(cases(), st.sampled_from([1, 3, 8]))
def test_never_slower_than_one_lane_and_never_faster_than_all(case: Case, lanes: int) -> None:
    one = DATAFLOW.schedule(array(lanes=1), case.task, case.words, NO_MASK).cycles
    found = DATAFLOW.schedule(array(lanes=lanes), case.task, case.words, NO_MASK).cycles
    dense = DATAFLOW.schedule(array(lanes=lanes, skip="nothing"), case.task, case.words, NO_MASK).cycles
    assert one / lanes <= found <= min(one, dense)


def test_a_block_takes_its_busiest_window() -> None:
    """A row of five words of 2 bits, 1x1 windows, four lanes: 2 ones at most, then 1; an empty block takes a cycle."""
    words = np.array([[[0b11], [0], [0b01], [0b10], [0b01]]], np.int64)
    task = layer_task(1, 5, 1, 3, planes=2)
    steps, _ = DATAFLOW.schedule(array(), task, words, NO_MASK)
    assert steps[:, [CYCLES, PIXELS, ROW]].tolist() == [[2, 4, 0], [1, 1, 0]]
    silent, _ = DATAFLOW.schedule(array(), task, np.zeros_like(words), NO_MASK)
    assert silent[:, CYCLES].tolist() == [1, 1]


def test_without_skipping_there_is_a_closed_form() -> None:
    task = layer_task(9, 7, 5, 3, kernel=3, padding=1, planes=4)
    words = np.zeros((9, 7, 5), np.int64)
    for lanes in (1, 8, 63, 64):
        chip = array(lanes=lanes, skip="nothing")
        found = DATAFLOW.schedule(chip, task, words, NO_MASK).cycles
        assert found == -(-63 // lanes) * 45 * 4 == DATAFLOW.estimate(chip, task, 0.5, 0.2)


def test_the_estimate_is_met_by_drawn_words() -> None:
    spikes = np.random.default_rng(1).random((4, 32, 16, 16)) < 0.2
    task = layer_task(16, 16, 32, 64, kernel=1)
    for lanes in (1, 4, 16, 64):
        found = DATAFLOW.schedule(array(lanes=lanes), task, packed(spikes), NO_MASK).cycles
        assert DATAFLOW.estimate(array(lanes=lanes), task, 1 - 0.8**4, 0.2) == pytest.approx(found, rel=0.05)
