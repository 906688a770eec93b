"""Spike detector: cycles by hand, by twin and by closed form."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from dataflow_cases import Case, assert_kernel_equals_twin, cases, layer_task
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from accelsim.dataflows import NO_MASK, find_dataflow
from accelsim.dataflows.spike_detector import MODES, SpikeDetectorSettings
from accelsim.dataflows.task import CYCLES, LINES, MACS, SUMS, WORDS

DETECTOR = find_dataflow("spike_detector")


def array(**keys: Any) -> SpikeDetectorSettings:
    chosen = {"spike_mode": "time_serial", "skip": "zero_bits", "group": 16, "per_cycle": 4, "columns": 16} | keys
    return SpikeDetectorSettings(dataflow="spike_detector", **chosen)


def words_of(*bits: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """One pixel with these words."""
    return np.array(bits, np.int64).reshape(1, 1, -1)


@pytest.mark.parametrize(("ones", "cycles"), [(0, 1), (1, 1), (4, 1), (5, 2), (8, 2), (9, 3), (16, 4)])
def test_a_word_takes_its_ones_by_the_first_m_of_them(ones: int, cycles: int) -> None:
    """max(1, ceil(popcount / 4)): FireFly-T's decoder."""
    found = DETECTOR.schedule(
        array(), layer_task(1, 1, 16, 16, planes=1), words_of(*[1] * ones, *[0] * (16 - ones)), NO_MASK
    )
    assert found.cycles == cycles
    assert found.counts[[WORDS, MACS]].tolist() == [ones, 16 * ones]


def test_each_time_step_is_scanned_by_itself() -> None:
    """20 channels in groups of 16 and 4; ones of the two steps: 6 and 0, 0 and 1."""
    words = words_of(*[2] * 6, *[0] * 13, 1)
    found = DETECTOR.schedule(array(), layer_task(1, 1, 20, 16, planes=2), words, NO_MASK)
    assert found.cycles == (2 + 1) + (1 + 1)
    assert found.counts[[WORDS, LINES]].tolist() == [7, 4]


def test_silent_words_cost_nothing_in_any_slice() -> None:
    """6 words of 4 bits count, over lanes of 2 bits: 2 slices of ceil(6 / 4) cycles."""
    chip = array(spike_mode="packed", skip="silent_words", lane_bits=2)
    found = DETECTOR.schedule(chip, layer_task(1, 1, 16, 8), words_of(*[9] * 6, *[0] * 10), NO_MASK)
    assert found.cycles == 2 * 2
    assert found.counts[[WORDS, MACS, SUMS]].tolist() == [12, 12 * 8, 4 * 8]


def test_the_slowest_of_detectors_side_by_side_counts() -> None:
    chip = array(group=4, per_cycle=1, detectors=2)
    words = words_of(1, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0)
    found = DETECTOR.schedule(chip, layer_task(1, 1, 16, 16, planes=1), words, NO_MASK)
    assert found.cycles == 3 + 2


def test_an_operand_counts_where_its_weight_is_not_zero() -> None:
    """One match a cycle; of two output channels the one with more matches counts."""
    chip = array(per_cycle=1, weight_mask=True)
    mask = np.zeros((16, 2), np.bool_)
    mask[[0, 1, 2], 0] = True
    mask[[0, 8, 9, 10], 1] = True
    found = DETECTOR.schedule(chip, layer_task(1, 1, 16, 2, planes=1), words_of(*[1] * 9, *[0] * 7), mask)
    assert found.cycles == 3
    assert found.counts[[WORDS, MACS]].tolist() == [5, 5]


def test_padding_is_a_group_of_zeros_or_left_out() -> None:
    words = np.ones((2, 2, 16), np.int64)
    task = layer_task(2, 2, 16, 16, kernel=3, padding=1, planes=1)
    scanned = DETECTOR.schedule(array(), task, words, NO_MASK)
    skipped = DETECTOR.schedule(array(padding="skipped"), task, words, NO_MASK)
    assert scanned.steps[:, CYCLES].tolist() == [4 * 4 + 5] * 4
    assert skipped.steps[:, CYCLES].tolist() == [4 * 4] * 4
    assert scanned.counts.tolist() == skipped.counts.tolist()


def test_only_lanes_of_several_bits_take_more_than_spikes() -> None:
    task = layer_task(1, 1, 1, 1, planes=8, step_bits=8)
    assert DETECTOR.refuses(array(), task) == "words of 8 bits in one time step are no spikes"
    assert DETECTOR.refuses(array(spike_mode="packed", skip="silent_words", lane_bits=4), task) == ""


def test_impossible_detectors_are_refused() -> None:
    with pytest.raises(ValidationError, match=re.escape("operands without zero bits have one bit")):
        array(lane_bits=2)
    with pytest.raises(ValidationError, match=re.escape("a group has fewer words")):
        array(per_cycle=17)


@st.composite
def arrays(draw: st.DrawFn) -> SpikeDetectorSettings:
    mode, skip = draw(st.sampled_from([pair for pair, reason in MODES.items() if not reason]))
    group = draw(st.integers(1, 12))
    return array(
        spike_mode=mode,
        skip=skip,
        group=group,
        per_cycle=draw(st.integers(1, group)),
        detectors=draw(st.integers(1, 3)),
        lane_bits=1 if skip == "zero_bits" else draw(st.integers(1, 3)),
        weight_mask=draw(st.booleans()),
        padding=draw(st.sampled_from(["scanned", "skipped"])),
    )


@settings(deadline=None, max_examples=60)
@given(chip=arrays(), case=cases(masks=True, max_outs=12))
def test_kernel_equals_twin(chip: SpikeDetectorSettings, case: Case) -> None:
    assert_kernel_equals_twin(DETECTOR, chip, case)


@settings(deadline=None, max_examples=40)
@given(chip=arrays(), case=cases(), ones=st.booleans())
def test_words_all_alike_take_what_is_estimated(chip: SpikeDetectorSettings, case: Case, ones: bool) -> None:
    words = np.full_like(case.words, ones * ((1 << case.task.planes) - 1))
    found = DETECTOR.schedule(chip, case.task, words, NO_MASK)
    assert DETECTOR.estimate(chip, case.task, float(ones), float(ones)) == pytest.approx(found.cycles)


def test_random_words_take_about_what_is_estimated() -> None:
    random = np.random.default_rng(1)
    task = layer_task(16, 16, 64, 16, kernel=3, padding=1, planes=1)
    words = (random.random((16, 16, 64)) < 0.3).astype(np.int64)
    chip = array(detectors=2)
    found = DETECTOR.schedule(chip, task, words, NO_MASK)
    assert DETECTOR.estimate(chip, task, 0.3, 0.3) == pytest.approx(found.cycles, rel=0.02)
