"""What the three systolic dataflows share: settings, scans, the array's latencies, and the table of steps."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from accelsim.config import Count
from accelsim.dataflows import task as k
from accelsim.dataflows._windows import last_input_row
from accelsim.dataflows.dataflow import Dataflow, ScheduledSettings, Skip, SpikeMode
from accelsim.dataflows.task import Mask, Schedule, Task, Words
from accelsim.jit import kernel

LOCKSTEP = "operands move through a systolic array in step, so that a zero takes its turn like any other"


class SystolicSettings(ScheduledSettings):
    """A systolic array of `rows` x `columns` processing elements, each with a multiplier."""

    rows: Count = Field(le=1024, description="processing elements in a column")
    columns: Count = Field(le=1024, description="processing elements in a row")
    lane_bits: Count = Field(
        8, le=16, description="bits of an operand; wider ones are scanned slice by slice; bit_serial takes one bit"
    )

    @property
    def pe_shape(self) -> tuple[int, int]:
        return self.rows, self.columns

    @property
    def operand_bits(self) -> int:
        return 1 if self.spike_mode == "bit_serial" else self.lane_bits


class Folds(NamedTuple):
    """The GEMM of a task: vectors x inputs times inputs x outs. Whole numbers."""

    scans: int
    """Operand vectors a pixel: a word's slices, bit planes or time steps."""
    vectors: int
    inputs: int
    outs: int


def folds_of(settings: SystolicSettings, task: Task) -> Folds:
    """The GEMM that a task is to a systolic array: each scan of a pixel is a vector of its own."""
    if settings.spike_mode == "time_serial":
        scans = task.timesteps * -(-task.step_bits // settings.operand_bits)
    else:
        scans = -(-task.planes // settings.operand_bits)
    return Folds(scans, task.pixels * scans, task.inputs, task.outs)


class Systolic(Dataflow):
    """A systolic dataflow: dense, so that its cycles are known from sizes alone."""

    compared_with = "SCALE-Sim 3, whose cycles it has"

    modes: ClassVar[dict[tuple[SpikeMode, Skip], str]] = {
        (mode, skip): "" if skip == "nothing" else LOCKSTEP
        for mode in ("packed", "bit_serial", "time_serial")
        for skip in ("nothing", "silent_words", "zero_bits")
    }
    kernel: ClassVar[Callable[..., Any]]
    """(task, scans, rows, columns) -> steps, counts."""

    def schedule(self, settings: Any, task: Task, words: Words, mask: Mask) -> Schedule:
        steps, counts = type(self).kernel(task, folds_of(settings, task).scans, settings.rows, settings.columns)
        return Schedule(steps, counts)

    @abstractmethod
    def cycles(self, rows: int, columns: int, vectors: int, inputs: int, outs: int) -> int:
        """Closed form: cycles of the GEMM vectors x inputs times inputs x outs."""

    def estimate(self, settings: Any, task: Task, word_density: float, bit_density: float) -> float:
        _, *gemm = folds_of(settings, task)
        return self.cycles(settings.rows, settings.columns, *gemm)


@kernel
def new_steps(count: int) -> Any:
    """Room for so many steps, int64 [count, STEP_COLUMNS], that need nothing."""
    steps = np.zeros((count, k.STEP_COLUMNS), np.int64)
    steps[:, k.REPEAT] = 1
    steps[:, k.ROW] = -1
    return steps


@kernel
def need(steps: NDArray[np.int64], count: int, row: int, weights: int) -> Any:
    """The step that comes next waits for an input row (-1: none) and for bytes of weights (0: none, -1: all)."""
    steps[count, k.ROW] = max(steps[count, k.ROW], row)
    if weights < 0 or steps[count, k.WEIGHTS] < 0:
        steps[count, k.WEIGHTS] = -1
    else:
        steps[count, k.WEIGHTS] = max(steps[count, k.WEIGHTS], weights)


@kernel
def append(steps: NDArray[np.int64], count: int, kind: int, cycles: int, pixels: int) -> Any:
    """Append cycles at whose end so many pixels leave; returns the number of steps.

    No cycles leave what they need to the next. Cycles without needs join those before them of the same kind that no
    pixel ended; a step without needs that is like the one before it becomes its repetition.
    """
    if cycles == 0:
        return count
    last = count - 1
    free = count > 0 and steps[count, k.ROW] < 0 and steps[count, k.WEIGHTS] == 0
    if free and steps[last, k.KIND] == kind and steps[last, k.PIXELS] == 0:
        steps[last, k.CYCLES] += cycles
        steps[last, k.PIXELS] = pixels
        return count - joined(steps, last)
    steps[count, k.KIND] = kind
    steps[count, k.CYCLES] = cycles
    steps[count, k.PIXELS] = pixels
    return count + 1 - joined(steps, count)


@kernel
def joined(steps: NDArray[np.int64], last: int) -> Any:
    """1 if the last step, of pixels and no needs, became a repetition of the one before it; its row is free then."""
    if last == 0 or steps[last, k.PIXELS] == 0 or steps[last, k.ROW] >= 0 or steps[last, k.WEIGHTS] != 0:
        return 0
    for column in (k.CYCLES, k.PIXELS, k.KIND):
        if steps[last, column] != steps[last - 1, column]:
            return 0
    steps[last - 1, k.REPEAT] += 1
    steps[last, k.CYCLES] = 0
    steps[last, k.PIXELS] = 0
    return 1


@kernel
def row_of_pixel(task: Task, pixel: int) -> Any:
    """The last row of the input map under the window of a pixel."""
    return last_input_row(task, task.first_row + pixel // task.out_columns)


@kernel
def operations(task: Task, vectors: int, inputs: int) -> Any:
    """Counts that all three have in common: each operand of each vector is read and taken once a group of columns."""
    counts = np.zeros(k.COUNTS, np.int64)
    counts[k.WORDS] = counts[k.LINE_WORDS] = vectors * inputs
    counts[k.MACS] = counts[k.SUMS] = vectors * inputs * task.reach
    return counts


@kernel
def weight_bytes(task: Task, inputs: int) -> int:
    """Bytes of the weights of the first `inputs` rows; -1, all, where these are all rows."""
    if inputs >= task.kernel_rows * task.kernel_columns * (task.last_channel - task.first_channel):
        return -1
    return (inputs * task.reach * task.weight_bits + 7) // 8


@dataclass
class Cycle:
    """What a cycle of the array is, in the twins."""

    kind: int = k.BUSY
    pixels: int = 0
    row: int = -1
    weights: int = 0


def last_row_read(task: Task, pixel: int) -> int:
    """The last row of the input map under the window of a pixel, the padding's counted as the nearest."""
    out_row = task.first_row + pixel // task.out_columns
    reached = [
        out_row * task.stride_rows - task.padding_rows + tap * task.dilation_rows for tap in range(task.kernel_rows)
    ]
    return max(0, min(reached[-1], task.height - 1))


def bytes_of_inputs(task: Task, inputs: int) -> int:
    """The twin of `weight_bytes`."""
    return -1 if inputs >= task.inputs else -(-inputs * task.reach * task.weight_bits // 8)


def chunks(total: int, size: int) -> Iterator[range]:
    """0 ... total - 1 in runs of `size`, the last of which may be shorter."""
    for start in range(0, total, size):
        yield range(start, min(start + size, total))


def needed_once(cycles: list[Cycle]) -> None:
    """Leave out input rows that an earlier cycle has waited for."""
    reached = -1
    for cycle in cycles:
        if cycle.row <= reached:
            cycle.row = -1
        reached = max(reached, cycle.row)


def compressed(cycles: list[Cycle], counts: dict[int, int]) -> Schedule:
    """The schedule of a list of cycles: a step ends with pixels, before a need, and where the kind changes."""
    steps: list[list[int]] = []
    begins = True
    for cycle in cycles:
        if begins or cycle.row >= 0 or cycle.weights or cycle.kind != steps[-1][k.KIND]:
            step = [0] * k.STEP_COLUMNS
            step[k.REPEAT], step[k.KIND], step[k.ROW], step[k.WEIGHTS] = 1, cycle.kind, cycle.row, cycle.weights
            steps.append(step)
        steps[-1][k.CYCLES] += 1
        steps[-1][k.PIXELS] = cycle.pixels
        begins = cycle.pixels > 0
        if begins and len(steps) > 1:
            before, last = steps[-2:]
            alike = all(before[column] == last[column] for column in (k.CYCLES, k.PIXELS, k.KIND))
            if alike and last[k.ROW] < 0 and not last[k.WEIGHTS]:
                before[k.REPEAT] += 1
                steps.pop()
    table = np.zeros(k.COUNTS, np.int64)
    table[list(counts)] = list(counts.values())
    return Schedule(np.array(steps, np.int64).reshape(-1, k.STEP_COLUMNS), table)
