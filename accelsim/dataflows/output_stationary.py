"""Systolic array, output stationary: sums stay while operands and weights pass (SCALE-Sim).

A layer is the product of two matrices: M vectors of K operands (a vector a scan of an output pixel: its slices, bit
planes or time steps) times K x N weights. An array of R rows and C columns holds R x C sums at a time, of R vectors and
C output channels, a *fold*; partial folds pay the whole array, and folds do not overlap.

| cycle of a fold | what happens |
|---|---|
| k + r | operand k of the vector of row r enters from the left |
| k + c | the weight of input k and column c enters from above |
| k + r + c | processing element (r, c) adds their product to its sum |
| R + C + K - 3 | the last element takes its last product; all sums of the fold are complete |

A fold takes **R + C + K - 2** cycles, a layer ceil(M/R) ceil(N/C) times as many (as SCALE-Sim 3.0.0: Samajdar et al.,
arXiv 1811.02883, version 3 Raj et al., ISPASS 2025; it prints the index of the last cycle, one less). Sums leave while
the next fold enters, in no cycles of their own: every element has a second register to move them down by. A pixel
leaves with the fold that holds its last scan; scans are shifted and added on the way out.

Held by `test_systolic.a_register_level_array_takes_the_same_cycles_to_the_right_sums`, register by register, and by
`test_systolic.scalesim_counts_one_cycle_less` and `test_systolic.vectors_leave_when_scalesim_writes_them` against
SCALE-Sim.

A fold begins when all rows of the input map under its windows are there, the first one also all weights of its columns;
that is an estimate on the safe side, as the last of both are needed K - 1 cycles later. A layer of several groups is a
product for each of them, one after the other, as SCALE-Sim takes depthwise layers; a task of several groups would have
them side by side, without the products across groups.
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
    chunks,
    compressed,
    folds_of,
    last_row_read,
    need,
    needed_once,
    new_steps,
    operations,
    row_of_pixel,
)
from accelsim.dataflows.task import Mask, Schedule, Task, Words
from accelsim.jit import kernel


class OutputStationarySettings(SystolicSettings):
    """`pe_array` with sums that stay while operands and weights pass."""

    dataflow: Literal["output_stationary"]


@kernel
def plan(task: Task, scans: int, rows: int, columns: int) -> Any:
    """(steps, counts) of a task of at most `columns` output channels."""
    inputs = task.kernel_rows * task.kernel_columns * (task.last_channel - task.first_channel)
    pixels = (task.last_row - task.first_row) * task.out_columns
    vectors = pixels * scans
    folds = (vectors + rows - 1) // rows
    steps = new_steps(2 * folds + 1)
    count = 0
    reached = -1
    for fold in range(folds):
        last = min((fold + 1) * rows, vectors)
        row = row_of_pixel(task, (last - 1) // scans)
        need(steps, count, row if row > reached else -1, -1 if fold == 0 else 0)
        reached = max(reached, row)
        count = append(steps, count, k.FILL_DRAIN, rows + columns - 2, 0)
        count = append(steps, count, k.BUSY, inputs, last // scans - fold * rows // scans)
    counts = operations(task, vectors, inputs)
    counts[k.SUMS] += (vectors - pixels) * task.outs
    counts[k.LINES] = inputs * folds
    counts[k.WEIGHT_READS] = inputs * task.reach * folds
    return steps[:count].copy(), counts


class OutputStationary(Systolic):
    """Folds of M x N, inputs streaming."""

    settings_class = OutputStationarySettings
    kernel = plan

    def cycles(self, rows: int, columns: int, vectors: int, inputs: int, outs: int) -> int:
        return -(-vectors // rows) * -(-outs // columns) * (rows + columns + inputs - 2)

    def twin(self, settings: Any, task: Task, words: Words, mask: Mask) -> Schedule:
        rows, columns = settings.rows, settings.columns
        scans, vectors, inputs, outs = folds_of(settings, task)
        cycles: list[Cycle] = []
        counts: Counter[int] = Counter()
        for held in chunks(vectors, rows):
            fold = [Cycle(k.FILL_DRAIN) for _ in range((inputs - 1) + (rows - 1) + (columns - 1) + 1)]
            fold[0].weights = -1 if held.start == 0 else 0
            fold[0].row = max(last_row_read(task, vector // scans) for vector in held)
            for operand in range(inputs):
                fold[operand + (rows - 1) + (columns - 1)].kind = k.BUSY
                counts[k.LINES] += 1
                counts[k.LINE_WORDS] += len(held)
                counts[k.WORDS] += len(held)
                counts[k.MACS] += len(held) * task.reach
                counts[k.WEIGHT_READS] += task.reach
            fold[-1].pixels = sum(vector % scans == scans - 1 for vector in held)
            counts[k.SUMS] += outs * sum(vector % scans > 0 for vector in held)
            cycles += fold
        counts[k.SUMS] += counts[k.MACS]
        needed_once(cycles)
        return compressed(cycles, counts)


DATAFLOW = OutputStationary()
