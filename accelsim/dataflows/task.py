"""What a dataflow is asked for, and what it answers: plain arrays and numbers, for kernels and for Python alike."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from accelsim.kernels.steps import BUSY as BUSY
from accelsim.kernels.steps import CYCLES as CYCLES
from accelsim.kernels.steps import FILL_DRAIN as FILL_DRAIN
from accelsim.kernels.steps import KIND as KIND
from accelsim.kernels.steps import PIXELS as PIXELS
from accelsim.kernels.steps import REPEAT as REPEAT
from accelsim.kernels.steps import ROW as ROW
from accelsim.kernels.steps import STEP_COLUMNS as STEP_COLUMNS
from accelsim.kernels.steps import STREAM as STREAM
from accelsim.kernels.steps import WEIGHTS as WEIGHTS


class Task(NamedTuple):
    """A share of a layer that an array works through in one go; all whole numbers.

    `words` go with it, int64 [height, width, channels]: the packed spikes of the whole input map, `planes` bits wide,
    first time step = most significant bit. Bits of one time step lie together, `step_bits` each.
    """

    height: int
    width: int
    channels: int
    kernel_rows: int
    kernel_columns: int
    stride_rows: int
    stride_columns: int
    padding_rows: int
    padding_columns: int
    dilation_rows: int
    dilation_columns: int
    first_channel: int
    """Input channels that are read: [first, last)."""
    last_channel: int
    first_row: int
    """Output rows that are computed: [first, last)."""
    last_row: int
    out_columns: int
    first_out: int
    """Output channels that are computed: [first_out, first_out + outs) of layer_outs."""
    outs: int
    layer_outs: int
    reach: int
    """Output channels that one input word reaches: `outs`, or with groups those of its own group."""
    planes: int
    step_bits: int
    weight_bits: int

    @property
    def pixels(self) -> int:
        return (self.last_row - self.first_row) * self.out_columns

    @property
    def inputs(self) -> int:
        """Weight rows, padding included: kernel rows x kernel columns x channels read, in this order."""
        return self.kernel_rows * self.kernel_columns * (self.last_channel - self.first_channel)

    @property
    def timesteps(self) -> int:
        return -(-self.planes // self.step_bits)


# Columns of the counts.
(
    WORDS,  # operands taken by the array: events, words or windows, whatever its lanes take
    MACS,  # additions or multiplications done, zeros that are not skipped included
    SUMS,  # additions to a sum that is kept from one operand to the next
    LINES,  # reads of the spike buffer
    LINE_WORDS,  # packed words in them
    WEIGHT_READS,  # weights read from the weight buffer
    ACCUMULATOR_READS,  # partial sums read from and written to an accumulator buffer outside the array
    ACCUMULATOR_WRITES,
    COUNTS,
) = range(9)


class Schedule(NamedTuple):
    """What an array does for a task, when nothing is missing: step after step.

    `steps` is int64 [steps, STEP_COLUMNS]; the PIXELS of all repetitions add up to those of the task. `counts` is
    int64 [COUNTS].
    """

    steps: NDArray[np.int64]
    counts: NDArray[np.int64]

    @property
    def cycles(self) -> int:
        """Cycles of all steps: what the task takes when nothing is missing."""
        return int((self.steps[:, CYCLES] * self.steps[:, REPEAT]).sum())


def empty_schedule(steps: int) -> Schedule:
    """Room for so many steps, each to be repeated once, that need all weights and no row."""
    table = np.zeros((steps, STEP_COLUMNS), np.int64)
    table[:, REPEAT] = 1
    table[:, [ROW, WEIGHTS]] = -1
    return Schedule(table, np.zeros(COUNTS, np.int64))


Words = NDArray[np.int64]
Mask = NDArray[np.bool_]
"""[weight rows (kernel row, kernel column, channel read), outs]: which weights are not zero; [0, 0] where all count."""
NO_MASK: NDArray[Any] = np.zeros((0, 0), np.bool_)
