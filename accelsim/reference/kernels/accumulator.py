"""Sums of weight times word in a register that is too narrow, addition by addition."""

from __future__ import annotations

from accelsim.jit import kernel

REPORT, SATURATE, WRAP = 0, 1, 2
"""What happens to a sum that leaves the register's range: nothing, the nearest number, two's complement."""


@kernel
def accumulate(
    words,
    weights,
    row_stride,
    column_stride,
    row_padding,
    column_padding,
    row_dilation,
    column_dilation,
    groups,
    bits,
    mode,
    sums,
    left,
):
    """Running sums in a register of `bits` bits, of each output in the order kernel row, kernel column, input channel.

    words: int32 [in_channels, rows, columns]. weights: int64 [kernel rows, kernel columns, in_channels / groups,
    out_channels]. sums: int64 [out_rows, out_columns, out_channels], zero before. left: bool of the same shape, false
    before, set where an addition left the range. Returns the largest magnitude of any sum before it was brought back.
    A silent word adds nothing; so is padding.
    """
    kernel_rows, kernel_columns, group_inputs, out_channels = weights.shape
    rows, columns = words.shape[1:]
    out_rows, out_columns = sums.shape[:2]
    group_outputs = out_channels // groups
    high = (1 << (bits - 1)) - 1
    low = -high - 1
    mask = (1 << bits) - 1
    largest = 0
    for out_row in range(out_rows):
        for out_column in range(out_columns):
            for kernel_row in range(kernel_rows):
                row = out_row * row_stride + kernel_row * row_dilation - row_padding
                if row < 0 or row >= rows:
                    continue
                for kernel_column in range(kernel_columns):
                    column = out_column * column_stride + kernel_column * column_dilation - column_padding
                    if column < 0 or column >= columns:
                        continue
                    for channel in range(group_inputs * groups):
                        word = words[channel, row, column]
                        if word == 0:
                            continue
                        first = channel // group_inputs * group_outputs
                        for out in range(first, first + group_outputs):
                            weight = weights[kernel_row, kernel_column, channel % group_inputs, out]
                            total = sums[out_row, out_column, out] + word * weight
                            largest = max(largest, abs(total))
                            if total < low or total > high:
                                left[out_row, out_column, out] = True
                                if mode == SATURATE:
                                    total = min(max(total, low), high)
                                elif mode == WRAP:
                                    total = ((total - low) & mask) + low
                            sums[out_row, out_column, out] = total
    return largest
