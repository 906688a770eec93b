"""SATO: rows of spikes to the processing element that is free."""

from __future__ import annotations

import numpy as np
import pytest
from dataflow_cases import Case, assert_kernel_equals_twin, cases, layer_task, packed
from hypothesis import given, settings
from hypothesis import strategies as st
from worked_rows import EXAMPLE_A

from accelsim.dataflows import NO_MASK, find_dataflow
from accelsim.dataflows.row_dispatch import DATAFLOW, RowDispatchSettings, dispatch
from accelsim.dataflows.task import CYCLES, LINE_WORDS, LINES, MACS, PIXELS, ROW, WEIGHT_READS, WEIGHTS, WORDS

WORDS_OF_A = packed(EXAMPLE_A.transpose(1, 2, 0)[:, :, None, :])


def array(**keys: object) -> RowDispatchSettings:
    return RowDispatchSettings(dataflow="row_dispatch", **keys)


@settings(deadline=None)
@given(cases(), st.sampled_from([1, 2, 3, 8, 128]))
def test_kernel_equals_twin(case: Case, elements: int) -> None:
    assert_kernel_equals_twin(DATAFLOW, array(elements=elements), case)


@settings(deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 9), min_size=6, max_size=6), min_size=1, max_size=4),
    st.integers(1, 9),
)
def test_kernel_equals_twin_which_free_element_takes_a_row_changes_nothing(loads: list[list[int]], many: int) -> None:
    """The least of a list, wherever it stands, against the kernel's heap."""
    table = np.array(loads)
    busy, done = [0] * many, [0] * 6
    for row in loads:
        for pixel, load in enumerate(row):
            element = max(range(many), key=lambda one: (-busy[one], one))
            busy[element] += load
            done[pixel] = max(done[pixel], busy[element]) if load else done[pixel]
    assert dispatch(table, many).tolist() == done
    assert max(dispatch(table, many)) == max(busy)


@pytest.mark.parametrize(("elements", "cycles"), [(128, 160), (2, 256), (1, 512)])
def test_worked_example(elements: int, cycles: int) -> None:
    """Loads 2 1 3 5 2 2 0 1: the largest row is 5; on two elements 8 and 8; times 32 outputs.

    The simulator of Prosperity gives the same for SATO's 128 elements.
    """
    schedule = DATAFLOW.schedule(array(elements=elements), layer_task(1, 2, 8, 32), WORDS_OF_A, NO_MASK)
    assert schedule.cycles == cycles
    assert schedule.counts[[WORDS, MACS, WEIGHT_READS]].tolist() == [16, 512, 512]
    assert schedule.counts[[LINES, LINE_WORDS]].tolist() == [4, 16]


def test_rows_go_to_the_element_that_is_free() -> None:
    """Rows of 4, 1, 1, 0, 3: the second element takes 1, 1 and then 3, as it is free before the first."""
    assert dispatch(np.array([[4, 1, 1, 0, 3]]), 2).tolist() == [4, 1, 2, 0, 5]


def test_pixels_leave_in_order() -> None:
    """The first pixel's row takes 4 spikes, the others', on the second element, are done before it leaves."""
    words = np.array([[[0b1] * 4, [1, 0, 0, 0], [1, 1, 1, 1], [1, 1, 0, 0]]], np.int64)
    task = layer_task(1, 4, 4, 1, planes=1)
    steps, _ = DATAFLOW.schedule(array(elements=2), task, words, NO_MASK)
    assert steps[:, CYCLES].tolist() == [4, 0, 1, 1]
    assert steps[:, PIXELS].tolist() == [1, 1, 1, 1]


def test_work_waits_for_the_whole_map() -> None:
    task = layer_task(5, 2, 1, 1, kernel=(3, 1), planes=1)
    steps, _ = DATAFLOW.schedule(array(), task, np.ones((5, 2, 1), np.int64), NO_MASK)
    assert set(steps[:, ROW].tolist()) == {4} and set(steps[:, WEIGHTS].tolist()) == {-1}
    strip, _ = DATAFLOW.schedule(array(), task._replace(last_row=1), np.ones((5, 2, 1), np.int64), NO_MASK)
    assert set(strip[:, ROW].tolist()) == {2}


@pytest.mark.parametrize("resident", [1, 5, 8, 32])
def test_resident_outputs_change_no_cycle(resident: int) -> None:
    chip = array(elements=2, resident_outputs=resident)
    assert DATAFLOW.outputs(array()) == 0
    layer = layer_task(1, 2, 8, 32)
    total = 0
    for first in range(0, 32, DATAFLOW.outputs(chip)):
        outs = min(resident, 32 - first)
        task = layer._replace(first_out=first, outs=outs, reach=outs)
        total += DATAFLOW.schedule(chip, task, WORDS_OF_A, NO_MASK).cycles
    assert total == 256


@pytest.mark.parametrize(("size", "elements"), [(16, 128), (16, 32), (6, 128)])
def test_the_estimate_is_near_drawn_words(size: int, elements: int) -> None:
    spikes = np.random.default_rng(1).random((4, 32, size, size)) < 0.2
    task = layer_task(size, size, 32, 10, kernel=3)
    found = DATAFLOW.schedule(array(elements=elements), task, packed(spikes), NO_MASK).cycles
    assert DATAFLOW.estimate(array(elements=elements), task, 1 - 0.8**4, 0.2) == pytest.approx(found, rel=0.25)


def test_what_it_takes_and_refuses() -> None:
    assert find_dataflow("row_dispatch") is DATAFLOW
    assert [pair for pair, reason in DATAFLOW.modes.items() if not reason] == [("bit_serial", "zero_bits")]
    assert len(DATAFLOW.modes) == 9
    image = layer_task(4, 4, 3, 8, planes=8, step_bits=8)
    assert DATAFLOW.refuses(array(), image) == "words of 8 bits in one time step are no spikes"
    assert (array().pe_shape, array(scan_bits=32).line_bits) == ((128, 1), 32)
