"""Integer operators over the words of one image, shape [channels, rows, columns], of the untimed SpikePack model."""

from __future__ import annotations

from accelsim.jit import kernel


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
    Output channels are innermost so that a silent word is skipped once for all of its group.
    """
    group_inputs, kernel_rows, kernel_columns, out_channels = weights.shape
    in_channels, rows, columns = words.shape
    out_rows, out_columns = sums.shape[0], sums.shape[1]
    group_outputs = out_channels // groups
    for oh in range(out_rows):
        for kh in range(kernel_rows):
            ih = oh * row_stride + kh * row_dilation - row_padding
            if ih < 0 or ih >= rows:
                continue
            for ow in range(out_columns):
                for kw in range(kernel_columns):
                    iw = ow * column_stride + kw * column_dilation - column_padding
                    if iw < 0 or iw >= columns:
                        continue
                    for ci in range(in_channels):
                        word = words[ci, ih, iw]
                        if word == 0:
                            continue
                        first = ci // group_inputs * group_outputs
                        for co in range(first, first + group_outputs):
                            sums[oh, ow, co] += word * weights[ci % group_inputs, kh, kw, co]


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
