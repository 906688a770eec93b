"""What the array is told: a pass, and what stays known of a pixel of it."""

from __future__ import annotations

from amaranth import signed
from amaranth.lib import data

from accelsim.rtl.array.shape import ArrayShape


def pass_layout(shape: ArrayShape) -> data.StructLayout:
    """A pass: some rows of outputs of a convolution, for a group of `outs` output channels.

    Words of a map lie in the order row, column, channel. The field of the first output begins at row `top` and column
    `left` of the map, outside of it where there is padding, which would be at address `corner` (modulo the buffer's
    size). Scanned are `channels` of `all_channels`, from `first_channel`. `row_words`, `column_words`, `step_words` and
    `turn_words` lie between the addresses of a kernel row and the next, a kernel column and the next, an output's field
    and the next, a row of outputs and the next; `kernel_words` between the weight rows of a kernel row and the next. A
    word reaches all columns: where there are groups of channels, the weights of the others are 0.
    """
    side, kernel = range(shape.largest_side + 1), range(shape.largest_kernel + 1)
    fan_in, address = range(shape.largest_fan_in + 1), range(shape.spike_words)
    return data.StructLayout(
        {
            "corner": address,
            "row_words": address,
            "column_words": address,
            "step_words": address,
            "turn_words": address,
            "kernel_words": fan_in,
            "height": side,
            "width": side,
            "top": signed_side(shape),
            "left": signed_side(shape),
            "all_channels": fan_in,
            "first_channel": fan_in,
            "channels": fan_in,
            "kernel_rows": kernel,
            "kernel_columns": kernel,
            "stride_rows": kernel,
            "stride_columns": kernel,
            "dilation_rows": kernel,
            "dilation_columns": kernel,
            "out_rows": side,
            "out_columns": side,
            "slices": range(shape.slices + 1),
            "weights": range(shape.bank_rows),
            "outs": range(shape.columns + 1),
            "parameters": range(shape.parameter_rows),
            "last": 1,
        }
    )


def signed_side(shape: ArrayShape) -> object:
    """A row or column of a map, or of the padding around it."""
    return signed((shape.largest_side + shape.largest_kernel).bit_length() + 1)


def ticket_layout(shape: ArrayShape) -> data.StructLayout:
    """What goes with a pixel: its place among the outputs of its pass, how many they are, and their thresholds."""
    side = range(shape.largest_side)
    return data.StructLayout(
        {
            "row": side,
            "column": side,
            "outs": range(shape.columns + 1),
            "parameters": range(shape.parameter_rows),
            "first": 1,
        }
    )
