"""Integer operators over the words of one image, shape [channels, rows, columns], of the untimed SpikePack model."""

from __future__ import annotations

from accelsim.jit import kernel


@kernel
def convolve(words, weights, row_stride, column_stride, row_padding, column_padding, sums):
    """Add the convolution of `words` with `weights` to `sums`; words outside the picture are zero.

    words: int32 [in_channels, rows, columns]. weights and sums have one dtype, int32 or int64, wide enough for every
    sum: [out_channels, in_channels, kernel rows, kernel columns] and [out_channels, out_rows, out_columns].
    """
    out_channels, in_channels, kernel_rows, kernel_columns = weights.shape
    rows, columns = words.shape[1], words.shape[2]
    out_rows, out_columns = sums.shape[1], sums.shape[2]
    for co in range(out_channels):
        for ci in range(in_channels):
            for kh in range(kernel_rows):
                for kw in range(kernel_columns):
                    weight = weights[co, ci, kh, kw]
                    if weight == 0:
                        continue
                    left = kw - column_padding
                    first = max(0, -(left // column_stride))
                    last = min(out_columns, (columns - 1 - left) // column_stride + 1)
                    for oh in range(out_rows):
                        ih = oh * row_stride + kh - row_padding
                        if ih < 0 or ih >= rows:
                            continue
                        for ow in range(first, last):
                            sums[co, oh, ow] += weight * words[ci, ih, ow * column_stride + left]


@kernel
def pool_max(words, kernel_rows, kernel_columns, row_stride, column_stride, row_padding, column_padding, pooled):
    """Largest word of each window; padding counts as zero. words, pooled: int32 [channels, ., .]; pooled overwritten."""
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
    """Sum of each window; padding counts as zero. words, pooled: int32 [channels, ., .]; pooled is overwritten."""
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
