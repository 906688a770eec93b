"""What the three systolic dataflows have in common, against a register-level array and against SCALE-Sim."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import systolic_array
from dataflow_cases import Case, assert_kernel_equals_twin, cases, layer_task
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from accelsim.dataflows import NO_MASK, Schedule, Task, find_dataflow
from accelsim.dataflows._systolic import LOCKSTEP
from accelsim.dataflows._windows import unrolled
from accelsim.dataflows.task import (
    ACCUMULATOR_WRITES,
    CYCLES,
    LINE_WORDS,
    MACS,
    PIXELS,
    REPEAT,
    ROW,
    WEIGHT_READS,
    WEIGHTS,
)

NAMES = ("output_stationary", "weight_stationary", "input_stationary")
SHORT = {"os": "output_stationary", "ws": "weight_stationary", "is": "input_stationary"}
SCALESIM = Path(__file__).resolve().parents[1] / "golden" / "scalesim"
SIZES = st.integers(1, 9)
MODES = st.sampled_from(["packed", "bit_serial", "time_serial"])


def array(name: str, rows: int, columns: int, **more: Any) -> Any:
    given = {"spike_mode": "packed", "skip": "nothing", "lane_bits": 8} | more
    return find_dataflow(name).settings_class(dataflow=name, rows=rows, columns=columns, **given)


def gemm(m: int, n: int, k: int, planes: int = 8, step_bits: int = 8) -> Task:
    return layer_task(m, 1, k, n, planes=planes, step_bits=step_bits)


def tasks_of(task: Task, outs: int) -> Iterator[Task]:
    """A layer's tasks of at most so many output channels; 0: of all."""
    for first in range(0, task.outs, outs or task.outs):
        count = min(outs or task.outs, task.outs - first)
        yield task._replace(first_out=first, outs=count, reach=count)


def layer_schedules(settings: Any, task: Task) -> list[Schedule]:
    dataflow = find_dataflow(settings.dataflow)
    silent = np.zeros((task.height, task.width, task.channels), np.int64)
    return [dataflow.schedule(settings, share, silent, NO_MASK) for share in tasks_of(task, dataflow.outputs(settings))]


@pytest.mark.parametrize("name", NAMES)
@given(case=cases(max_outs=12), rows=SIZES, columns=SIZES, mode=MODES, lane_bits=st.integers(1, 8))
@settings(deadline=None)
def test_kernel_equals_twin(name: str, case: Case, rows: int, columns: int, mode: str, lane_bits: int) -> None:
    dataflow = find_dataflow(name)
    given = array(name, rows, columns, spike_mode=mode, lane_bits=lane_bits)
    if dataflow.outputs(given):
        given = array(name, rows, max(columns, case.task.outs), spike_mode=mode, lane_bits=lane_bits)
    schedule = assert_kernel_equals_twin(dataflow, given, case)
    assert schedule.cycles == dataflow.estimate(given, case.task, 0.3, 0.1)


@pytest.mark.parametrize("name", NAMES)
def test_one_version_is_compiled(name: str) -> None:
    kernel = find_dataflow(name).kernel  # type: ignore[attr-defined]
    layer_schedules(array(name, 4, 4), gemm(3, 5, 7))
    assert len(kernel.signatures) <= 1


def scanned(task: Task, words: NDArray[np.int64], given: Any) -> tuple[NDArray[np.int64], list[int]]:
    """The vectors that enter the array [pixels * scans, inputs], and how far each scan is shifted to be added."""
    flat = unrolled(task, words).reshape(task.pixels, task.inputs).astype(np.int64)
    step_bits = task.step_bits if given.spike_mode == "time_serial" else task.planes
    shifts, widths = [], []
    for step in range(-(-task.planes // step_bits)):
        above = task.planes - step * step_bits
        below = max(0, above - step_bits)
        slices = -(-step_bits // given.operand_bits)
        for part in range(slices):
            low = below + (slices - 1 - part) * given.operand_bits
            shifts.append(low)
            widths.append(max(0, min(given.operand_bits, above - low)))
    vectors = [(flat >> low) & ((1 << width) - 1) for low, width in zip(shifts, widths, strict=True)]
    return np.stack(vectors, axis=1).reshape(-1, task.inputs), shifts


def finished_pixels(schedule: Schedule) -> list[int]:
    """After how many cycles each pixel leaves."""
    now, found = 0, []
    for step in schedule.steps.tolist():
        for _ in range(step[REPEAT]):
            now += step[CYCLES]
            found += [now] * step[PIXELS]
    return found


@pytest.mark.parametrize("name", NAMES)
@given(
    case=cases(max_channels=5, max_outs=7, groups=False),
    rows=st.integers(1, 6),
    columns=st.integers(1, 7),
    mode=MODES,
    lane_bits=st.integers(1, 4),
)
@settings(deadline=None, max_examples=40)
def test_a_register_level_array_takes_the_same_cycles_to_the_right_sums(
    name: str, case: Case, rows: int, columns: int, mode: str, lane_bits: int
) -> None:
    task = case.task
    if find_dataflow(name).outputs(array(name, rows, columns)):
        columns = max(columns, task.outs)
    given = array(name, rows, columns, spike_mode=mode, lane_bits=lane_bits)
    weights = np.arange(task.inputs * task.outs).reshape(task.inputs, task.outs) % 13 - 6
    vectors, shifts = scanned(task, case.words, given)
    run = getattr(systolic_array, name)(vectors, weights, rows, columns)
    scans = len(shifts)
    sums = sum(run.product[scan::scans] << shift for scan, shift in enumerate(shifts))
    flat = unrolled(task, case.words).reshape(task.pixels, task.inputs)
    np.testing.assert_array_equal(sums, flat.astype(np.int64) @ weights)
    schedule = find_dataflow(name).schedule(given, task, case.words, NO_MASK)
    assert schedule.cycles == run.cycles
    assert finished_pixels(schedule) == [cycle for cycle, row in run.finished if row % scans == scans - 1]


@pytest.mark.parametrize("name", NAMES)
@given(m=st.integers(1, 30), n=st.integers(1, 30), k=st.integers(1, 30), rows=SIZES, columns=SIZES)
@settings(deadline=None)
def test_tasks_add_up_to_the_closed_form(name: str, m: int, n: int, k: int, rows: int, columns: int) -> None:
    down, across, along = {"output": (m, n, k), "weight": (k, n, m), "input": (k, m, n)}[name.split("_")[0]]
    fold = (1 if name == "output_stationary" else 2) * rows + columns + along - 2
    schedules = layer_schedules(array(name, rows, columns), gemm(m, n, k))
    assert sum(schedule.cycles for schedule in schedules) == -(-down // rows) * -(-across // columns) * fold


def golden(name: str) -> list[dict[str, str]]:
    with open(SCALESIM / name, newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.mark.parametrize("row", golden("gemm_cycles.csv"), ids=lambda row: "-".join(list(row.values())[:6]))
def test_scalesim_counts_one_cycle_less(row: dict[str, str]) -> None:
    m, n, k, rows, columns = (int(row[key]) for key in ("M", "N", "K", "rows", "cols"))
    given = array(SHORT[row["dataflow"]], rows, columns)
    schedules = layer_schedules(given, gemm(m, n, k))
    counts = np.sum([schedule.counts for schedule in schedules], axis=0)
    assert sum(schedule.cycles for schedule in schedules) == int(row["rep_total_cycles"]) + 1
    assert counts[LINE_WORDS] == int(row["ifs_reads"])
    assert counts[WEIGHT_READS] == int(row["fs_reads"])
    # SCALE-Sim writes finished sums to a buffer too; its output stationary arrays count rows + columns a fold besides.
    slip = -(-m // rows) * -(-n // columns) * (rows + columns) if row["dataflow"] == "os" else 0
    assert counts[ACCUMULATOR_WRITES] + m * n == int(row["os_writes"]) - slip
    assert counts[MACS] == m * n * k


@pytest.mark.parametrize("row", golden("demands.csv"), ids=lambda row: "-".join(list(row.values())[:6]))
def test_vectors_leave_when_scalesim_writes_them(row: dict[str, str]) -> None:
    """It writes each column's sum as it comes; here all columns' sums leave together, at the last column's time.

    Its output stationary arrays write a fold's rows while the last columns are still busy; here a fold's end counts.
    """
    m, n, k, rows, columns = (int(row[key]) for key in ("M", "N", "K", "rows", "cols"))
    given = array(SHORT[row["dataflow"]], rows, columns)
    schedules = layer_schedules(given, gemm(m, n, k))
    counts = np.sum([schedule.counts for schedule in schedules], axis=0)
    assert sum(schedule.cycles for schedule in schedules) == int(row["cycles"])
    assert counts[LINE_WORDS] == int(row["ifs_reads"])
    assert counts[WEIGHT_READS] == int(row["fs_reads"])
    before = sum(schedule.cycles for schedule in schedules[:-1])
    leave = [before + cycle for cycle in finished_pixels(schedules[-1])]
    written = [int(cycle) for cycle in row["last_written"].split()]
    if row["dataflow"] == "ws":
        idle = -n % columns
        assert written == [cycle - idle for cycle in leave]
    elif row["dataflow"] == "is":
        assert written == [cycle - (columns - 1 - vector % columns) for vector, cycle in enumerate(leave)]
    else:
        fold = rows + columns + k - 2
        assert all(cycle - fold < at <= cycle for at, cycle in zip(written, leave, strict=True))


def test_scalesim_takes_2519815_cycles_for_resnet18() -> None:
    total = 0
    for row in golden("resnet18.csv"):
        size, kernel, channels, filters, stride = (
            int(row[key]) for key in ("size", "kernel", "channels", "filters", "stride")
        )
        side = -(-(size - kernel) // stride) + 1
        schedules = layer_schedules(
            array("weight_stationary", 32, 32), gemm(side * side, filters, kernel * kernel * channels)
        )
        cycles = sum(schedule.cycles for schedule in schedules)
        assert cycles == int(row["compute_cycles"]) + 1, row["layer"]
        total += cycles - 1
    assert total == 2_519_815


@pytest.mark.parametrize("name", NAMES)
def test_a_fixed_bit_budget_is_flat_plane_by_plane(name: str) -> None:
    """Bit Budget (arXiv 2311.10802): time steps x spike bits = 4 planes, however they are divided."""

    def cycles(mode: str, step_bits: int, steps: int, lane_bits: int) -> int:
        task = layer_task(
            9, 9, 16, 24, kernel=3, padding=1, planes=steps * step_bits, step_bits=step_bits, weight_bits=8
        )
        given = array(name, 16, 16, spike_mode=mode, lane_bits=lane_bits)
        return sum(schedule.cycles for schedule in layer_schedules(given, task))

    settings = [(1, 4), (2, 2), (4, 1)]
    assert len({cycles("bit_serial", bits, steps, 8) for bits, steps in settings}) == 1
    by_step = [cycles("time_serial", bits, steps, 4) for bits, steps in settings]
    assert by_step[0] > by_step[1] > by_step[2]


def test_each_plane_is_a_vector_of_its_own() -> None:
    for planes in (1, 3, 8):
        serial = array("weight_stationary", 8, 8, spike_mode="bit_serial")
        (schedule,) = layer_schedules(serial, gemm(10, 8, 8, planes=planes, step_bits=1))
        assert schedule.cycles == 2 * 8 + 8 + 10 * planes - 2


def test_words_wider_than_a_lane_are_scanned_once_a_slice() -> None:
    for lane_bits, scans in ((1, 8), (3, 3), (4, 2), (8, 1), (16, 1)):
        (schedule,) = layer_schedules(array("weight_stationary", 8, 8, lane_bits=lane_bits), gemm(10, 8, 8))
        assert schedule.cycles == 2 * 8 + 8 + 10 * scans - 2


@pytest.mark.parametrize("name", NAMES)
def test_nothing_can_be_skipped(name: str) -> None:
    modes = find_dataflow(name).modes
    assert len(modes) == 9
    assert {key: why for key, why in modes.items() if key[1] == "nothing"} == dict.fromkeys(
        [(mode, "nothing") for mode in ("packed", "bit_serial", "time_serial")], ""
    )
    assert {why for key, why in modes.items() if key[1] != "nothing"} == {LOCKSTEP}


@pytest.mark.parametrize("name", NAMES)
def test_a_schedule_waits_for_every_row_and_all_weights(name: str) -> None:
    task = layer_task(9, 5, 8, 8, kernel=3, padding=1, weight_bits=4)
    (schedule,) = layer_schedules(array(name, 8, 8), task)
    rows = [row for row in schedule.steps[:, ROW].tolist() if row >= 0]
    assert rows == sorted(set(rows)) and rows[-1] == 8
    assert schedule.steps[:, WEIGHTS].tolist().count(-1) == 1


def test_lines_are_as_wide_as_the_side_that_operands_enter() -> None:
    assert array("weight_stationary", 4, 6).line_bits == 4 * 8
    assert array("output_stationary", 4, 6, spike_mode="bit_serial").line_bits == 4
    assert array("input_stationary", 4, 6, lane_bits=2).line_bits == 6 * 2
    assert array("input_stationary", 4, 6).pe_shape == (4, 6)
