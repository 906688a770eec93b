"""Dense sums of weight times word: every product is computed, silent or not, on words as narrow as they come."""

from __future__ import annotations

import numpy as np

from accelsim.jit import kernel
from accelsim.reference.kernels.tile import PANEL, ROWS, UNIT_BYTES, tile

BLOCK_ROWS = 16 * ROWS
"""Output pixels whose patches are gathered at once: 64 kB of them for a fan-in of 576 bytes."""


@kernel
def measure(words):
    """The smallest and the largest of int32 words [n], at least 0 both if there are none, and how many are not 0."""
    smallest = 0
    largest = 0
    spikes = 0
    for index in range(len(words)):
        word = words[index]
        smallest = min(smallest, word)
        largest = max(largest, word)
        spikes += word != 0
    return smallest, largest, spikes


@kernel
def spread(words, row_padding, column_padding, padded):
    """Words [channels, rows, columns] as [rows, columns, channels] of narrow words with zeros around, overwritten.

    words: int32. padded: uint8 or int16 [rows + 2 row_padding, columns + 2 column_padding, channels]; words must fit.
    """
    channels, rows, columns = words.shape
    padded[:] = 0
    for row in range(rows):
        for column in range(columns):
            for channel in range(channels):
                padded[row + row_padding, column + column_padding, channel] = words[channel, row, column]


@kernel
def convolve_dense(
    padded,
    weights,
    kernel_rows,
    kernel_columns,
    row_stride,
    column_stride,
    row_dilation,
    column_dilation,
    groups,
    out_columns,
    begin,
    end,
    sums,
):
    """Sums of the output pixels `begin` to `end` (not included), in row-major order; overwrites those of `sums`.

    padded: uint8 or int16 [rows, columns, channels], zeros around the picture included. weights: int8 or int16, in
    panels for each group, as `tile` takes them, the fan-in in the order kernel row, kernel column, input channel and
    filled up with zeros. sums: int64 [out_channels, pixels]. Every sum must fit 32 bits.
    """
    columns, channels = padded.shape[1:]
    words = padded.reshape(-1)
    group_inputs = channels // groups
    group_outputs = len(sums) // groups
    panels = len(weights) // groups
    unit = UNIT_BYTES // padded.itemsize
    runs, run, apart = kernel_columns, group_inputs, column_dilation * channels
    if groups == 1 and column_dilation == 1:
        runs, run = 1, kernel_columns * channels
    fan_in = kernel_rows * runs * run
    patches = np.zeros((BLOCK_ROWS, (fan_in + unit - 1) // unit * unit), padded.dtype)
    block = np.empty((BLOCK_ROWS, panels * PANEL), np.int32)
    for first in range(begin, end, BLOCK_ROWS):
        count = min(BLOCK_ROWS, end - first)
        for group in range(groups):
            for index in range(count):
                out_row = (first + index) // out_columns
                corner = (first + index - out_row * out_columns) * column_stride * channels + group * group_inputs
                place = 0
                for kernel_row in range(kernel_rows):
                    start = (out_row * row_stride + kernel_row * row_dilation) * columns * channels + corner
                    for _ in range(runs):
                        # Views start at 0, so that no index need be looked at for being negative.
                        source = words[start : start + run]
                        target = patches[index, place : place + run]
                        for offset in range(run):
                            target[offset] = source[offset]
                        place += run
                        start += apart
            for panel in range(panels):
                for index in range(0, count, ROWS):
                    tile(patches, index, weights, group * panels + panel, block, panel * PANEL)
            for out in range(group_outputs):
                of_block = sums[group * group_outputs + out, first : first + count]
                for index in range(count):
                    of_block[index] = block[index, out]


@kernel
def convolve_depthwise(
    words, weights, row_stride, column_stride, row_padding, column_padding, row_dilation, column_dilation, sums
):
    """Convolution in which an output channel sees one input channel; overwrites `sums`.

    words: int32 [channels, rows, columns]. weights: [out_channels, kernel rows, kernel columns], out_channels a
    multiple m of the channels: output channel c sees channel c // m. sums: [out_channels, out_rows, out_columns], of
    the weights' type, int32 or int64, wide enough for every sum.
    """
    channels, rows, columns = words.shape
    out_channels, kernel_rows, kernel_columns = weights.shape
    out_rows, out_columns = sums.shape[1:]
    sums[:] = 0
    for out in range(out_channels):
        channel = out // (out_channels // channels)
        for out_row in range(out_rows):
            for kernel_row in range(kernel_rows):
                row = out_row * row_stride + kernel_row * row_dilation - row_padding
                if row < 0 or row >= rows:
                    continue
                for kernel_column in range(kernel_columns):
                    shift = kernel_column * column_dilation - column_padding
                    first = max(0, (-shift + column_stride - 1) // column_stride)
                    last = min(out_columns, (columns - 1 - shift) // column_stride + 1)
                    weight = weights[out, kernel_row, kernel_column]
                    if first >= last:
                        continue
                    # Views start at 0, so that no index need be looked at for being negative.
                    reached = sums[out, out_row, first:last]
                    start = first * column_stride + shift
                    if column_stride == 1:
                        side_by_side = words[channel, row, start : start + last - first]
                        for index in range(last - first):
                            reached[index] += weight * side_by_side[index]
                    else:
                        apart = words[channel, row, start::column_stride]
                        for index in range(last - first):
                            reached[index] += weight * apart[index]
