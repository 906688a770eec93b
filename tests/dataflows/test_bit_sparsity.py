"""An adder array that takes a spike a cycle: MINT, and Prosperity's bit-sparse form."""

from __future__ import annotations

import numpy as np
import pytest
from dataflow_cases import Case, assert_kernel_equals_twin, cases, layer_task, packed
from hypothesis import given, settings
from hypothesis import strategies as st
from worked_rows import EXAMPLE_A

from accelsim.dataflows import NO_MASK, find_dataflow
from accelsim.dataflows.bit_sparsity import DATAFLOW, BitSparsitySettings
from accelsim.dataflows.task import CYCLES, LINE_WORDS, LINES, MACS, PIXELS, REPEAT, ROW, WEIGHT_READS, WEIGHTS, WORDS


def array(**keys: object) -> BitSparsitySettings:
    return BitSparsitySettings(dataflow="bit_sparsity", **keys)


@settings(deadline=None)
@given(
    cases(),
    st.sampled_from(["nothing", "silent_words", "zero_bits"]),
    st.sampled_from([1, 5, 16, 100]),
)
def test_kernel_equals_twin(case: Case, skip: str, scan_bits: int) -> None:
    assert_kernel_equals_twin(DATAFLOW, array(skip=skip, scan_bits=scan_bits), case)


def test_every_one_takes_a_cycle() -> None:
    """Two channels of a row of four words of 2 bits, 1x3 windows."""
    words = np.array([[[0b11, 0], [0, 0], [0, 0], [0b01, 0b10]]], np.int64)
    task = layer_task(1, 4, 2, 3, kernel=(1, 3), padding=(0, 1), planes=2)
    steps, counts = DATAFLOW.schedule(array(), task, words, NO_MASK)
    assert steps[:, CYCLES].tolist() == [2, 2, 2, 2]
    silent = DATAFLOW.schedule(array(), task, np.zeros_like(words), NO_MASK)
    assert silent.steps[:, [CYCLES, REPEAT, PIXELS]].tolist() == [[0, 1, 1]] * 4
    assert counts[[WORDS, MACS, WEIGHT_READS]].tolist() == [8, 24, 24]
    # Windows of 4, 6, 6 and 4 words of 2 bits inside the map, 16 bits a read.
    assert counts[[LINES, LINE_WORDS]].tolist() == [4, 20]


def test_what_is_not_skipped_takes_its_cycles() -> None:
    words = np.array([[[0b11, 0], [0b01, 0], [0, 0], [0b01, 0b10]]], np.int64)
    task = layer_task(1, 4, 2, 3, kernel=(1, 3), padding=(0, 1), planes=2)
    cycles = {
        skip: DATAFLOW.schedule(array(skip=skip), task, words, NO_MASK).steps[:, CYCLES].tolist()
        for skip in ("zero_bits", "silent_words", "nothing")
    }
    assert cycles == {"zero_bits": [3, 3, 3, 2], "silent_words": [4, 4, 6, 4], "nothing": [12, 12, 12, 12]}


def test_a_pixel_waits_for_the_last_row_under_its_window() -> None:
    task = layer_task(5, 2, 1, 1, kernel=(3, 1), stride=(2, 1), padding=(1, 0), planes=1)
    steps, _ = DATAFLOW.schedule(array(), task, np.ones((5, 2, 1), np.int64), NO_MASK)
    assert steps[:, ROW].tolist() == [1, 1, 3, 3, 4, 4]
    assert set(steps[:, WEIGHTS].tolist()) == {-1}


def test_a_layer_takes_its_ones_times_its_groups_of_channels() -> None:
    """Example of two pixels, four time steps and eight inputs: 16 ones."""
    words = packed(EXAMPLE_A.transpose(1, 2, 0)[:, :, None, :])
    for columns, expected in ((128, 16), (32, 16), (31, 32), (7, 80)):
        chip = array(columns=columns)
        layer = layer_task(1, 2, 8, 32)
        total = 0
        for first in range(0, 32, DATAFLOW.outputs(chip)):
            outs = min(columns, 32 - first)
            task = layer._replace(first_out=first, outs=outs, reach=outs)
            total += DATAFLOW.schedule(chip, task, words, NO_MASK).cycles
        assert total == expected


def test_the_estimate_is_met_by_drawn_words() -> None:
    spikes = np.random.default_rng(1).random((4, 32, 12, 12)) < 0.2
    task = layer_task(12, 12, 32, 64, kernel=3)
    for skip, words, bits in (("zero_bits", 1 - 0.8**4, 0.2), ("silent_words", 1 - 0.8**4, 0.2), ("nothing", 0, 0)):
        found = DATAFLOW.schedule(array(skip=skip), task, packed(spikes), NO_MASK).cycles
        assert DATAFLOW.estimate(array(skip=skip), task, words, bits) == pytest.approx(found, rel=0.05)


def test_what_it_takes_and_refuses() -> None:
    assert find_dataflow("bit_sparsity") is DATAFLOW
    assert {pair for pair, reason in DATAFLOW.modes.items() if not reason} == {
        ("bit_serial", "nothing"),
        ("bit_serial", "silent_words"),
        ("bit_serial", "zero_bits"),
    }
    assert len(DATAFLOW.modes) == 9
    image = layer_task(4, 4, 3, 8, planes=8, step_bits=8)
    assert DATAFLOW.refuses(array(), image) == "words of 8 bits in one time step are no spikes"
    assert DATAFLOW.refuses(array(), layer_task(4, 4, 3, 8)) == ""
    assert (array().pe_shape, array(scan_bits=32).line_bits, array().operand_bits) == ((1, 128), 32, 1)
