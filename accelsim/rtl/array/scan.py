"""The walk of the detector through the receptive fields of a pass."""

from __future__ import annotations

from amaranth import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from accelsim.rtl.array.ranks import ranks
from accelsim.rtl.array.shape import ArrayShape
from accelsim.rtl.array.work import pass_layout, signed_side


def inside(m: Module, first: Value, step: Value, kernel: Value, size: Value, most: int) -> tuple[Value, Value]:
    """The kernel rows (or columns) that lie in a map of `size`, [begin, end): they begin at `first`, `step` apart."""
    places = [first + step * number for number in range(most)]
    counts = []
    for limit in (Const(0), size):
        _, count = ranks(m, Cat((place < limit) & (number < kernel) for number, place in enumerate(places)))
        counts.append(count)
    return counts[0], counts[1]


def is_run(work: data.View) -> Value:
    """Whether a kernel row is one run of words: all channels of the map are scanned, and no column is left out."""
    return (work.channels == work.all_channels) & (work.dilation_columns == 1)


class Scan(wiring.Component):
    """Where the next line is.

    Fields are scanned in the order of the outputs; each once a slice, in the order kernel row, kernel column, channel.
    What is not in the map is left out without taking a cycle. A kernel row is one run of words when all channels of the
    map are scanned and no column is left out, else each kernel column is one; a line ends with its run.

    `open` loads the beginning of `work`; `step` goes on behind the line, or behind an output without any. `found` says
    that the output has a line at all, `closes` that nothing of it comes after the line, `first` and `ends` that it is
    the first and the last output of the pass.
    """

    def __init__(self, shape: ArrayShape) -> None:
        self.shape = shape
        side = range(shape.largest_side)
        super().__init__(
            {
                "work": In(pass_layout(shape)),
                "open": In(1),
                "step": In(1),
                "found": Out(1),
                "address": Out(range(shape.spike_words)),
                "map_row": Out(side),
                "length": Out(range(shape.line_words + 1)),
                "weight_row": Out(range(shape.largest_fan_in)),
                "slice": Out(range(shape.slices)),
                "closes": Out(1),
                "first": Out(1),
                "ends": Out(1),
                "row": Out(side),
                "column": Out(side),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape, work = self.shape, self.work
        kernel = range(shape.largest_kernel + 1)
        top, left = Signal(signed_side(shape)), Signal(signed_side(shape))
        corner, row_corner = Signal(range(shape.spike_words)), Signal(range(shape.spike_words))
        at_row, at_column = Signal(kernel), Signal(kernel)
        position = Signal(range(shape.largest_fan_in + 1))

        most = shape.largest_kernel
        first_row, end_row = inside(m, top, work.dilation_rows, work.kernel_rows, work.height, most)
        first_column, end_column = inside(m, left, work.dilation_columns, work.kernel_columns, work.width, most)
        kernel_row, kernel_column = Signal(kernel), Signal(kernel)
        whole = is_run(work)
        run = Signal(range(shape.largest_fan_in + 1))
        rest = Signal(range(shape.largest_fan_in + 1))
        m.d.comb += [
            kernel_row.eq(Mux(at_row < first_row, first_row, at_row)),
            kernel_column.eq(Mux(at_column < first_column, first_column, at_column)),
            run.eq(Mux(whole, (end_column - kernel_column) * work.channels, work.channels)),
            rest.eq(run - position),
            self.found.eq((first_row < end_row) & (first_column < end_column)),
            self.map_row.eq(top + kernel_row * work.dilation_rows),
            self.address.eq(corner + kernel_row * work.row_words + kernel_column * work.column_words + position),
            self.weight_row.eq(
                kernel_row * work.kernel_words + kernel_column * work.all_channels + work.first_channel + position
            ),
            self.length.eq(Mux(rest < shape.line_words, rest, shape.line_words)),
        ]

        more_words = rest > shape.line_words
        more_columns = ~whole & (kernel_column + 1 < end_column)
        more_rows = kernel_row + 1 < end_row
        more_slices = self.slice + 1 < work.slices
        m.d.comb += [
            self.closes.eq(~self.found | ~(more_words | more_columns | more_rows | more_slices)),
            self.first.eq((self.row == 0) & (self.column == 0)),
            self.ends.eq((self.row + 1 == work.out_rows) & (self.column + 1 == work.out_columns)),
        ]

        with m.If(self.step):
            m.d.sync += position.eq(0)
            with m.If(self.closes):
                m.d.sync += [at_row.eq(0), at_column.eq(0), self.slice.eq(0)]
                with m.If(self.column + 1 == work.out_columns):
                    m.d.sync += [
                        self.column.eq(0),
                        self.row.eq(self.row + 1),
                        left.eq(work.left),
                        top.eq(top + work.stride_rows),
                        corner.eq(row_corner + work.turn_words),
                        row_corner.eq(row_corner + work.turn_words),
                    ]
                with m.Else():
                    m.d.sync += [
                        self.column.eq(self.column + 1),
                        left.eq(left + work.stride_columns),
                        corner.eq(corner + work.step_words),
                    ]
            with m.Elif(more_words):
                m.d.sync += position.eq(position + shape.line_words)
            with m.Elif(more_columns):
                m.d.sync += at_column.eq(kernel_column + 1)
            with m.Elif(more_rows):
                m.d.sync += [at_row.eq(kernel_row + 1), at_column.eq(0)]
            with m.Else():
                m.d.sync += [at_row.eq(0), at_column.eq(0), self.slice.eq(self.slice + 1)]

        with m.If(self.open):
            m.d.sync += [
                top.eq(work.top),
                left.eq(work.left),
                corner.eq(work.corner),
                row_corner.eq(work.corner),
                self.row.eq(0),
                self.column.eq(0),
                self.slice.eq(0),
                at_row.eq(0),
                at_column.eq(0),
                position.eq(0),
            ]
        return m
