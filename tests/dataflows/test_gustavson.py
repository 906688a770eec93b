"""Products row by row: cycles by hand, by twin, and with the shortcut of the model that they come from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from dataflow_cases import Case, assert_kernel_equals_twin, cases, layer_task, packed
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.dataflows import NO_MASK, Task, find_dataflow
from accelsim.dataflows._windows import unrolled
from accelsim.dataflows.gustavson import GustavsonSettings
from accelsim.dataflows.task import CYCLES, LINES, PIXELS, ROW, WEIGHT_READS, WORDS, Words

ROWS = find_dataflow("gustavson")


def array(**keys: Any) -> GustavsonSettings:
    return GustavsonSettings(dataflow="gustavson", **({"rows": 8, "columns": 8} | keys))


def lines_of_a_row(task: Task, words: Words) -> list[int]:
    """The shortcut of the model, of a map of one row: inputs that spike anywhere in the row cost a cycle each."""
    windows = unrolled(task, words).reshape(task.out_columns, -1)
    return [int(((windows >> plane) & 1).any(axis=0).sum()) for plane in reversed(range(task.planes))]


def two_pixels() -> Words:
    spikes = np.zeros((4, 2, 8), int)
    spikes[:, 0] = [[1, 0, 1, 0, 0, 0, 0, 0], [1, 0, 1, 1, 0, 0, 0, 0], [1, 0, 1, 0, 0, 0, 0, 0], [0] * 8]
    spikes[:, 1] = [[0, 0, 1, 0, 0, 0, 0, 0], [1, 0, 1, 1, 0, 1, 0, 1], [0, 0, 0, 0, 1, 1, 0, 0], [0, 0, 1] + [0] * 5]
    return packed(spikes.transpose(0, 2, 1)[:, :, None, :])


def test_a_row_takes_its_ones_and_fetches_the_weights_of_its_inputs_once() -> None:
    """A row of two pixels. One cycle an input would be 2 + 5 + 4 + 1 = 12: so many weights are fetched."""
    task = layer_task(1, 2, 8, 8)
    assert lines_of_a_row(task, two_pixels()) == [2, 5, 4, 1]
    found = ROWS.schedule(array(), task, two_pixels(), NO_MASK)
    assert found.cycles == 3 + 8 + 4 + 1
    assert found.counts[[WORDS, LINES, WEIGHT_READS]].tolist() == [16, 12, 12 * 8]


def test_a_wave_takes_as_long_as_its_slowest_row() -> None:
    """5 rows in blocks of 3 rows, two elements: waves of rows 0 and 1, 2, then 3 and 4."""
    words = np.zeros((5, 3, 4), np.int64)
    for row, ones in enumerate([1, 4, 2, 0, 3]):
        words[row, 0, :ones] = 1
    chip = array(rows=2, block_rows=3, block_columns=2)
    found = ROWS.schedule(chip, layer_task(5, 3, 4, 8, planes=1), words, NO_MASK)
    assert found.steps[:, CYCLES].tolist() == [4 + 2, 0, 3, 0]
    assert found.steps[:, PIXELS].tolist() == [0, 9, 0, 6]
    assert found.steps[:, ROW].tolist() == [2, 2, 4, 4]


def test_only_spikes_are_taken_as_they_are() -> None:
    text = ROWS.refuses(array(), layer_task(1, 1, 1, 1, planes=8, step_bits=8))
    assert text == "words of 8 bits in one time step are no spikes"


ARRAYS = st.builds(array, rows=st.integers(1, 5), block_rows=st.integers(1, 6), block_columns=st.integers(1, 6))


@settings(deadline=None, max_examples=60)
@given(chip=ARRAYS, case=cases())
def test_kernel_equals_twin(chip: GustavsonSettings, case: Case) -> None:
    found = assert_kernel_equals_twin(ROWS, chip, case)
    assert found.counts[LINES] <= found.counts[WORDS] <= chip.rows * found.cycles


def test_random_words_take_about_what_is_estimated() -> None:
    random = np.random.default_rng(1)
    words = np.packbits(random.random((32, 32, 64, 8)) < 0.2, axis=3)[..., 0].astype(np.int64)
    task = layer_task(32, 32, 64, 8, kernel=3, padding=1, planes=8)
    found = ROWS.schedule(array(), task, words, NO_MASK)
    assert ROWS.estimate(array(), task, 0.8, 0.2) == pytest.approx(found.cycles, rel=0.05)
