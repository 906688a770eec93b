"""Integer operators over the words of one image, shape [channels, rows, columns], of the untimed SpikePack model."""

from __future__ import annotations

import numpy as np

from accelsim.jit import kernel


@kernel
def targets(size, taps, stride, padding, dilation, out_size):
    """Along one axis, the output that an input reaches through a tap, or -1: int64 [size, taps]."""
    found = np.full((size, taps), -1, np.int64)
    for tap in range(taps):
        for out in range(out_size):
            place = out * stride + tap * dilation - padding
            if 0 <= place < size:
                found[place, tap] = out
    return found


@kernel
def convolve(
    words,
    weights,
    row_stride,
    column_stride,
    row_padding,
    column_padding,
    row_dilation,
    column_dilation,
    groups,
    sums,
):
    """Add the convolution of `words` with `weights` to `sums`; words outside the picture are zero.

    words: int32 [in_channels, rows, columns]. weights and sums have one dtype, int32 or int64, wide enough for every
    sum: [in_channels / groups, kernel rows, kernel columns, out_channels] and [out_rows, out_columns, out_channels].
    Every word is looked at once; one that is not silent goes to all outputs that it reaches.
    """
    group_inputs, kernel_rows, kernel_columns, out_channels = weights.shape
    in_channels, rows, columns = words.shape
    group_outputs = out_channels // groups
    out_rows = targets(rows, kernel_rows, row_stride, row_padding, row_dilation, sums.shape[0])
    out_columns = targets(columns, kernel_columns, column_stride, column_padding, column_dilation, sums.shape[1])
    for channel in range(in_channels):
        first = channel // group_inputs * group_outputs
        of_channel = weights[channel % group_inputs]
        for row in range(rows):
            for column in range(columns):
                word = words[channel, row, column]
                if word == 0:
                    continue
                for kernel_row in range(kernel_rows):
                    out_row = out_rows[row, kernel_row]
                    if out_row < 0:
                        continue
                    for kernel_column in range(kernel_columns):
                        out_column = out_columns[column, kernel_column]
                        if out_column < 0:
                            continue
                        # Views start at 0, so that no index need be looked at for being negative.
                        reached = sums[out_row, out_column, first : first + group_outputs]
                        of_tap = of_channel[kernel_row, kernel_column, first : first + group_outputs]
                        for out in range(group_outputs):
                            reached[out] += word * of_tap[out]


@kernel
def pool_max(words, kernel_rows, kernel_columns, row_stride, column_stride, row_padding, column_padding, pooled):
    """Largest word of each window, padding counting as zero. words: int32 [channels, rows, columns]; pooled: int32
    [channels, out_rows, out_columns], overwritten."""
    channels, rows, columns = words.shape
    for c in range(channels):
        for oh in range(pooled.shape[1]):
            for ow in range(pooled.shape[2]):
                largest = 0
                for kh in range(kernel_rows):
                    for kw in range(kernel_columns):
                        ih = oh * row_stride + kh - row_padding
                        iw = ow * column_stride + kw - column_padding
                        if 0 <= ih < rows and 0 <= iw < columns:
                            largest = max(largest, words[c, ih, iw])
                pooled[c, oh, ow] = largest


@kernel
def pool_sum(words, kernel_rows, kernel_columns, row_stride, column_stride, row_padding, column_padding, pooled):
    """Sum of each window, padding counting as zero. words: int32 [channels, rows, columns]; pooled: int32
    [channels, out_rows, out_columns], overwritten."""
    channels, rows, columns = words.shape
    for c in range(channels):
        for oh in range(pooled.shape[1]):
            for ow in range(pooled.shape[2]):
                total = 0
                for kh in range(kernel_rows):
                    for kw in range(kernel_columns):
                        ih = oh * row_stride + kh - row_padding
                        iw = ow * column_stride + kw - column_padding
                        if 0 <= ih < rows and 0 <= iw < columns:
                            total += words[c, ih, iw]
                pooled[c, oh, ow] = total


@kernel
def add(first, second, total):
    """Residual add of packed words. All int32 [channels, rows, columns]; total is overwritten."""
    channels, rows, columns = first.shape
    for c in range(channels):
        for h in range(rows):
            for w in range(columns):
                total[c, h, w] = first[c, h, w] + second[c, h, w]
