"""Receptive fields: what lies under the windows of a task, compiled and in plain Python."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.dataflows.task import Task, Words
from accelsim.jit import kernel, popcount


@kernel
def count_at(words: Words, task: Task, ones: bool) -> Any:
    """At each place of the map, int64 [height, width]: the ones, else the nonzero words, of the channels read."""
    counts = np.zeros((task.height, task.width), np.int64)
    for row in range(task.height):
        for column in range(task.width):
            count = 0
            for channel in range(task.first_channel, task.last_channel):
                word = words[row, column, channel]
                if word != 0:
                    count += popcount(word) if ones else 1
            counts[row, column] = count
    return counts


@kernel
def window_sums(values: NDArray[np.int64], task: Task) -> Any:
    """Sums of int64 values [height, width] under each window, int64 [pixels], row by row; padding adds nothing."""
    sums = np.zeros((task.last_row - task.first_row) * task.out_columns, np.int64)
    pixel = 0
    for out_row in range(task.first_row, task.last_row):
        for out_column in range(task.out_columns):
            total = 0
            for tap_row in range(task.kernel_rows):
                row = out_row * task.stride_rows - task.padding_rows + tap_row * task.dilation_rows
                if 0 <= row < task.height:
                    for tap_column in range(task.kernel_columns):
                        column = out_column * task.stride_columns - task.padding_columns
                        column += tap_column * task.dilation_columns
                        if 0 <= column < task.width:
                            total += values[row, column]
            sums[pixel] = total
            pixel += 1
    return sums


@kernel
def last_input_row(task: Task, out_row: int) -> int:
    """The last row of the input map that an output row reads."""
    row = out_row * task.stride_rows - task.padding_rows + (task.kernel_rows - 1) * task.dilation_rows
    return min(max(row, 0), task.height - 1)


def rows_needed(task: Task) -> NDArray[np.int64]:
    """The last row of the input map that each output pixel reads, int64 [pixels]."""
    rows = np.arange(task.first_row, task.last_row) * task.stride_rows - task.padding_rows
    rows += (task.kernel_rows - 1) * task.dilation_rows
    return np.repeat(np.clip(rows, 0, task.height - 1), task.out_columns)


def reaches(task: Task) -> NDArray[np.int64]:
    """Output pixels of the task whose window holds each place of the input map, int64 [height, width]."""

    def along(size: int, first: int, last: int, taps: int, stride: int, padding: int, apart: int) -> NDArray[np.int64]:
        places = np.add.outer(np.arange(first, last) * stride - padding, np.arange(taps) * apart).ravel()
        return np.bincount(places[(places >= 0) & (places < size)], minlength=size)

    rows = along(
        task.height, task.first_row, task.last_row, task.kernel_rows, task.stride_rows, task.padding_rows,
        task.dilation_rows,
    )  # fmt: skip
    columns = along(
        task.width, 0, task.out_columns, task.kernel_columns, task.stride_columns, task.padding_columns,
        task.dilation_columns,
    )  # fmt: skip
    return np.outer(rows, columns)


def unrolled(task: Task, words: Words) -> NDArray[np.int64]:
    """The words under each window, [pixels, kernel rows, kernel columns, channels read], 0 outside the map."""
    found = np.zeros(
        (task.pixels, task.kernel_rows, task.kernel_columns, task.last_channel - task.first_channel), np.int64
    )
    for pixel in range(task.pixels):
        out_row = task.first_row + pixel // task.out_columns
        out_column = pixel % task.out_columns
        for tap_row in range(task.kernel_rows):
            row = out_row * task.stride_rows - task.padding_rows + tap_row * task.dilation_rows
            for tap_column in range(task.kernel_columns):
                column = out_column * task.stride_columns - task.padding_columns + tap_column * task.dilation_columns
                if 0 <= row < task.height and 0 <= column < task.width:
                    found[pixel, tap_row, tap_column] = words[row, column, task.first_channel : task.last_channel]
    return found


def ones_under(task: Task, words: Words) -> int:
    """Ones in all words under all windows of a task: a word counts once for each window that it lies under."""
    return int(window_sums(count_at(words, task, True), task).sum())
