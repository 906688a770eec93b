"""Systolic array, input stationary: operands stay while weights pass (SCALE-Sim).

A layer is the product of two matrices: M vectors of K operands (a vector a scan of an output pixel: its slices, bit
planes or time steps) times K x N weights. An array of R rows and C columns holds R operands of C vectors at a time, a
*fold*; partial folds pay the whole array, and folds do not overlap.

| cycle of a fold | what happens |
|---|---|
| 0 to R - 1 | R operands of C vectors move down into place, a row a cycle |
| R + n + r | the weight of row r's input and output channel n enters from the left |
| R + n + r + c | processing element (r, c) adds its product to the partial sum that comes from above |
| 2R + C - 2 + n | the sums of output channel n have left all columns |

A fold takes **2R + C + N - 2** cycles, a layer ceil(K/R) ceil(M/C) times as many (as SCALE-Sim 3.0.0: Samajdar et al.,
arXiv 1811.02883, version 3 Raj et al., ISPASS 2025; it prints the index of the last cycle, one less). The folds of C
vectors follow one another; sums between them wait in the accumulator buffer at the lower edge of the array, each
column's apart. The last of them ends with the pixels whose last scan it holds; scans are shifted and added behind the
array.

Held by `test_systolic.a_register_level_array_takes_the_same_cycles_to_the_right_sums`, register by register, and by
`test_systolic.scalesim_counts_one_cycle_less` and `test_systolic.vectors_leave_when_scalesim_writes_them` against
SCALE-Sim.

A fold of new vectors begins when all rows of the input map under their windows are there; weights are waited for where
they enter, while the first vectors pass. Waiting for whole windows and a buffer of sums of one access a cycle that is
never full are estimates: SCALE-Sim leaves both open. A layer of several groups is a product for each of them, one after
the other, as SCALE-Sim takes depthwise layers; in a task of several groups a weight would enter only where its group's
inputs are.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal

from accelsim.dataflows import task as k
from accelsim.dataflows._systolic import (
    Cycle,
    Systolic,
    SystolicSettings,
    append,
    bytes_of_inputs,
    chunks,
    compressed,
    folds_of,
    last_row_read,
    need,
    needed_once,
    new_steps,
    operations,
    row_of_pixel,
    weight_bytes,
)
from accelsim.dataflows.task import Mask, Schedule, Task, Words
from accelsim.jit import kernel


class InputStationarySettings(SystolicSettings):
    """`pe_array` with operands that stay while weights pass."""

    dataflow: Literal["input_stationary"]

    @property
    def line_bits(self) -> int:
        return self.columns * self.operand_bits


@kernel
def plan(task: Task, scans: int, rows: int, columns: int) -> Any:
    """(steps, counts) of a task."""
    inputs = task.kernel_rows * task.kernel_columns * (task.last_channel - task.first_channel)
    pixels = (task.last_row - task.first_row) * task.out_columns
    vectors = pixels * scans
    groups = (vectors + columns - 1) // columns
    folds = (inputs + rows - 1) // rows
    steps = new_steps(3 * folds * groups + 1)
    count = 0
    reached = -1
    for group in range(groups):
        last = min((group + 1) * columns, vectors)
        row = row_of_pixel(task, (last - 1) // scans)
        need(steps, count, row if row > reached else -1, 0)
        reached = max(reached, row)
        for fold in range(folds):
            count = append(steps, count, k.FILL_DRAIN, rows, 0)
            if group == 0:
                need(steps, count, -1, weight_bytes(task, (fold + 1) * rows))
            count = append(steps, count, k.FILL_DRAIN, rows + columns - 2, 0)
            finished = last // scans - group * columns // scans if fold == folds - 1 else 0
            count = append(steps, count, k.BUSY, task.outs, finished)
    counts = operations(task, vectors, inputs)
    counts[k.SUMS] += (vectors * folds - pixels) * task.outs
    counts[k.LINES] = inputs * groups
    counts[k.WEIGHT_READS] = inputs * task.reach * groups
    counts[k.ACCUMULATOR_READS] = counts[k.ACCUMULATOR_WRITES] = vectors * task.outs * (folds - 1)
    return steps[:count].copy(), counts


class InputStationary(Systolic):
    """Folds of K x M, output channels streaming."""

    settings_class = InputStationarySettings
    kernel = plan

    def outputs(self, settings: Any) -> int:
        return 0

    def cycles(self, rows: int, columns: int, vectors: int, inputs: int, outs: int) -> int:
        return -(-inputs // rows) * -(-vectors // columns) * (2 * rows + columns + outs - 2)

    def twin(self, settings: Any, task: Task, words: Words, mask: Mask) -> Schedule:
        rows, columns = settings.rows, settings.columns
        scans, vectors, inputs, outs = folds_of(settings, task)
        cycles: list[Cycle] = []
        counts: Counter[int] = Counter()
        for held in chunks(vectors, columns):
            for taken in chunks(inputs, rows):
                fold = [Cycle(k.FILL_DRAIN) for _ in range(rows + (outs - 1) + (rows - 1) + (columns - 1) + 1)]
                fold[0].row = max(last_row_read(task, vector // scans) for vector in held)
                fold[rows].weights = bytes_of_inputs(task, taken.stop) if held.start == 0 else 0
                for out in range(outs):
                    fold[rows + out + (rows - 1) + (columns - 1)].kind = k.BUSY
                    counts[k.SUMS] += len(held) * (taken.start > 0)
                    counts[k.ACCUMULATOR_READS] += len(held) * (taken.start > 0)
                    counts[k.ACCUMULATOR_WRITES] += len(held) * (taken.stop < inputs)
                counts[k.LINES] += len(taken)
                counts[k.LINE_WORDS] += len(taken) * len(held)
                counts[k.WORDS] += len(taken) * len(held)
                counts[k.WEIGHT_READS] += len(taken) * task.reach
                counts[k.MACS] += len(taken) * len(held) * task.reach
                if taken.stop == inputs:
                    fold[-1].pixels = sum(vector % scans == scans - 1 for vector in held)
                    counts[k.SUMS] += outs * sum(vector % scans > 0 for vector in held)
                cycles += fold
        counts[k.SUMS] += counts[k.MACS]
        needed_once(cycles)
        return compressed(cycles, counts)


DATAFLOW = InputStationary()
