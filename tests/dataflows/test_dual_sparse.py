"""Dual-sparse join: cycles by hand, by twin, and without what is estimated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from dataflow_cases import Case, assert_kernel_equals_twin, cases, layer_task, packed
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.dataflows import NO_MASK, find_dataflow
from accelsim.dataflows.dual_sparse import DualSparseSettings
from accelsim.dataflows.task import CYCLES, LINES, MACS, WORDS

JOIN = find_dataflow("dual_sparse")


def array(**keys: Any) -> DualSparseSettings:
    chosen = {"spike_mode": "packed", "skip": "silent_words", "columns": 16} | keys
    return DualSparseSettings(dataflow="dual_sparse", **chosen)


BARE = {"laggard_cycles": 0, "chunk_cycles": 0}
"""Matches alone count."""


def one_pixel(*words: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.array(words, np.int64).reshape(1, 1, -1)


def test_a_neuron_that_is_silent_in_all_steps_costs_nothing() -> None:
    """Two pixels of 8 inputs, of which 3 and 6 fire; 32 outputs are two tasks of 16, so 9 cycles each."""
    spikes = np.zeros((4, 2, 8), int)
    spikes[:, 0] = [[1, 0, 1, 0, 0, 0, 0, 0], [1, 0, 1, 1, 0, 0, 0, 0], [1, 0, 1, 0, 0, 0, 0, 0], [0] * 8]
    spikes[:, 1] = [[0, 0, 1, 0, 0, 0, 0, 0], [1, 0, 1, 1, 0, 1, 0, 1], [0, 0, 0, 0, 1, 1, 0, 0], [0, 0, 1] + [0] * 5]
    words = packed(spikes.transpose(0, 2, 1)[:, :, None, :])
    found = JOIN.schedule(array(**BARE), layer_task(1, 2, 8, 16), words, NO_MASK)
    assert found.steps[:, CYCLES].tolist() == [3, 6]
    # Silent steps of words that fired are taken off again: of 36 steps of 9 words 16 fired.
    assert found.counts[[WORDS, MACS]].tolist() == [16 * 9, 16 * (9 + 36 - 16)]


def test_the_element_with_most_matches_counts() -> None:
    mask = np.array([[1, 1, 0], [1, 0, 0], [1, 0, 1], [0, 1, 0]], np.bool_)
    found = JOIN.schedule(array(**BARE), layer_task(1, 1, 4, 3), one_pixel(1, 0, 9, 3), mask)
    assert (found.cycles, found.counts[WORDS]) == (2, 2 + 2 + 1)


def test_laggard_and_corrections_overlap_with_the_next_chunk() -> None:
    """Chunks of 4 inputs with 3, 0, 1 and 2 matches; a laggard of 8 cycles.

    The joins take cycles 0 to 2 and 3 (empty), then 4; the fourth chunk waits until the first is corrected, 8 + 3 = 11,
    and is joined in 11 and 12. Laggards end after 8, 16 and 24 cycles, corrections after 11, 17 and 26.
    """
    words = one_pixel(1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 8, 0, 15, 15, 0, 0)
    found = JOIN.schedule(array(chunk=4), layer_task(1, 1, 16, 1), words, NO_MASK)
    assert found.cycles == 26
    assert found.counts[LINES] == 4
    hidden = JOIN.schedule(array(chunk=4, laggard_cycles=0), layer_task(1, 1, 16, 1), words, NO_MASK)
    assert hidden.cycles == 3 + 1 + 1 + 2


def test_corrections_lag_into_the_next_pixel() -> None:
    """Two pixels of 10 matches: joined after 10 and 20 cycles, corrected after 8 + 10 and 8 + 20."""
    words = np.full((1, 2, 10), 7, np.int64)
    found = JOIN.schedule(array(), layer_task(1, 2, 10, 16), words, NO_MASK)
    assert found.steps[:, CYCLES].tolist() == [18, 10]


def test_steps_beyond_the_parallel_ones_are_joined_anew() -> None:
    found = JOIN.schedule(array(**BARE), layer_task(1, 1, 3, 1, planes=6), one_pixel(0b100001, 0b000001, 0), NO_MASK)
    assert found.cycles == 2 + 1


def test_only_spikes_are_taken_as_they_are() -> None:
    text = JOIN.refuses(array(), layer_task(1, 1, 1, 1, planes=8, step_bits=8))
    assert text == "words of 8 bits in one time step are no spikes"


ARRAYS = st.builds(
    array,
    parallel_steps=st.integers(1, 6),
    chunk=st.sampled_from([1, 3, 7, 64, 65, 128]),
    chunk_cycles=st.integers(0, 2),
    laggard_cycles=st.integers(0, 9),
)


@settings(deadline=None, max_examples=60)
@given(chip=ARRAYS, case=cases(masks=True, max_outs=12))
def test_kernel_equals_twin(chip: DualSparseSettings, case: Case) -> None:
    assert_kernel_equals_twin(JOIN, chip, case)


@settings(deadline=None, max_examples=40)
@given(case=cases(), chunk=st.integers(1, 200))
def test_dense_weights_without_latency_take_the_nonzero_words(case: Case, chunk: int) -> None:
    found = JOIN.schedule(array(chunk=chunk, parallel_steps=8, **BARE), case.task, case.words, NO_MASK)
    assert found.counts[WORDS] == found.cycles * case.task.reach


def test_random_words_take_about_what_is_estimated() -> None:
    random = np.random.default_rng(1)
    words = (random.random((12, 12, 128)) < 0.3).astype(np.int64)
    task = layer_task(12, 12, 128, 16, kernel=3, padding=1)
    found = JOIN.schedule(array(), task, words, NO_MASK)
    assert JOIN.estimate(array(), task, 0.3, 0.1) == pytest.approx(found.cycles, rel=0.02)
