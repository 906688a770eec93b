"""Systolic array, weight stationary: weights stay while vectors of operands pass (SCALE-Sim).

A layer is the product of two matrices: M vectors of K operands (a vector a scan of an output pixel: its slices, bit
planes or time steps) times K x N weights. An array of R rows and C columns holds R x C weights at a time, a *fold*;
partial folds pay the whole array, and folds do not overlap.

| cycle of a fold | what happens |
|---|---|
| 0 to R - 1 | the weights of R inputs and C output channels move down into place, a row a cycle |
| R + m + r | operand r of vector m enters row r from the left |
| R + m + r + c | processing element (r, c) adds its product to the partial sum that comes from above |
| 2R + C - 2 + m | the sum of vector m leaves the last column, the others having been delayed to meet it |

A fold takes **2R + C + M - 2** cycles, a layer ceil(K/R) ceil(N/C) times as many (as SCALE-Sim 3.0.0: Samajdar et al.,
arXiv 1811.02883, version 3 Raj et al., ISPASS 2025; it prints the index of the last cycle, one less). The folds of a
group of C channels follow one another, so that the last of them gives finished sums, a vector a cycle; those of the
others are added up in the accumulator buffer at the lower edge of the array. The scans of a pixel follow one another,
and are shifted and added at that edge too.

Held by `test_systolic.a_register_level_array_takes_the_same_cycles_to_the_right_sums`, register by register, and by
`test_systolic.scalesim_counts_one_cycle_less` and `test_systolic.vectors_leave_when_scalesim_writes_them` against
SCALE-Sim.

A fold begins when its weights are there; the first one waits for rows of the input map as its vectors enter. The array
stops as a whole when a row is missing. Keeping the scans of a pixel together, and sums between folds in a buffer of one
access a cycle that is never full, are estimates: SCALE-Sim leaves both open. A layer of several groups is a product for
each of them, one after the other, as SCALE-Sim takes depthwise layers; a task of several groups would hold them side by
side, its other elements without a weight.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

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
    weight_bytes,
)
from accelsim.dataflows._windows import last_input_row
from accelsim.dataflows.task import Mask, Schedule, Task, Words
from accelsim.jit import kernel


class WeightStationarySettings(SystolicSettings):
    """`pe_array` with weights that stay while vectors pass."""

    dataflow: Literal["weight_stationary"]


@kernel
def stream(steps: NDArray[np.int64], count: int, task: Task, scans: int, delay: int, first: int, last: int) -> Any:
    """Append the cycles of a fold whose weights are in place; returns the number of steps.

    `delay` is the time between a vector's entry and its sum's exit. The first fold waits for rows; the last one
    finishes pixels.
    """
    pixel_cycles = task.out_columns * scans
    end = (task.last_row - task.first_row) * pixel_cycles + delay
    now = 0
    reached = -1
    out_row = task.first_row
    while now < end:
        cut = end
        if first and out_row < task.last_row:
            row = last_input_row(task, out_row)
            if row > reached:
                need(steps, count, row, 0)
                reached = row
            out_row += 1
            while out_row < task.last_row and last_input_row(task, out_row) <= reached:
                out_row += 1
            if out_row < task.last_row:
                cut = (out_row - task.first_row) * pixel_cycles
        if now < delay:
            until = min(cut, delay)
            count = append(steps, count, k.FILL_DRAIN, until - now, 0)
            now = until
        while last and now < cut:
            until = now + scans - (now - delay) % scans
            count = append(steps, count, k.BUSY, min(until, cut) - now, 1 if until <= cut else 0)
            now = min(until, cut)
        count = append(steps, count, k.BUSY, cut - now, 0)
        now = cut
    return count


@kernel
def plan(task: Task, scans: int, rows: int, columns: int) -> Any:
    """(steps, counts) of a task of at most `columns` output channels."""
    inputs = task.kernel_rows * task.kernel_columns * (task.last_channel - task.first_channel)
    pixels = (task.last_row - task.first_row) * task.out_columns
    vectors = pixels * scans
    folds = (inputs + rows - 1) // rows
    steps = new_steps(3 * folds + 8 * (task.last_row - task.first_row) + 8)
    count = 0
    for fold in range(folds):
        need(steps, count, -1, weight_bytes(task, (fold + 1) * rows))
        count = append(steps, count, k.FILL_DRAIN, rows, 0)
        count = stream(steps, count, task, scans, rows + columns - 2, fold == 0, fold == folds - 1)
    counts = operations(task, vectors, inputs)
    counts[k.SUMS] += (vectors * folds - pixels) * task.outs
    counts[k.LINES] = vectors * folds
    counts[k.WEIGHT_READS] = inputs * task.reach
    counts[k.ACCUMULATOR_READS] = counts[k.ACCUMULATOR_WRITES] = pixels * task.outs * (folds - 1)
    return steps[:count].copy(), counts


class WeightStationary(Systolic):
    """Folds of K x N, vectors streaming."""

    settings_class = WeightStationarySettings
    kernel = plan

    def cycles(self, rows: int, columns: int, vectors: int, inputs: int, outs: int) -> int:
        return -(-inputs // rows) * -(-outs // columns) * (2 * rows + columns + vectors - 2)

    def twin(self, settings: Any, task: Task, words: Words, mask: Mask) -> Schedule:
        rows, columns = settings.rows, settings.columns
        scans, vectors, inputs, outs = folds_of(settings, task)
        cycles: list[Cycle] = []
        counts = Counter({k.WEIGHT_READS: inputs * task.reach})
        for held in chunks(inputs, rows):
            fold = [Cycle(k.FILL_DRAIN) for _ in range(rows + (vectors - 1) + (rows - 1) + (columns - 1) + 1)]
            fold[0].weights = bytes_of_inputs(task, held.stop)
            for vector in range(vectors):
                pixel, scan = divmod(vector, scans)
                fold[rows + vector].row = last_row_read(task, pixel)
                leaves = fold[rows + vector + (rows - 1) + (columns - 1)]
                leaves.kind = k.BUSY
                leaves.pixels = int(held.stop == inputs and scan == scans - 1)
                stored = held.start > 0 and scan == 0
                counts[k.LINES] += 1
                counts[k.LINE_WORDS] += len(held)
                counts[k.WORDS] += len(held)
                counts[k.MACS] += len(held) * task.reach
                counts[k.SUMS] += len(held) * task.reach + outs * ((scan > 0) + stored)
                counts[k.ACCUMULATOR_READS] += outs * stored
                counts[k.ACCUMULATOR_WRITES] += outs * (held.stop < inputs and scan == 0)
            cycles += fold
        needed_once(cycles)
        return compressed(cycles, counts)


DATAFLOW = WeightStationary()
