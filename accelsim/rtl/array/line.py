"""The line that was read, and the words of it that still have to go to the queues."""

from __future__ import annotations

from amaranth import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from accelsim.rtl.array.ranks import matching, ranks, select
from accelsim.rtl.array.shape import ArrayShape


def bank_of(row: Value, banks: int) -> tuple[Value, Value]:
    """Bank of a weight row, and its place there: row i lies in bank (i + i div banks) mod banks, at i div banks."""
    if banks == 1:
        return Const(0, 1), row
    if banks & (banks - 1) == 0:
        place = row >> (banks.bit_length() - 1)
        return (row + place)[: banks.bit_length() - 1], place
    place = row // banks
    return (row + place) % banks, place


def label_layout(shape: ArrayShape) -> data.StructLayout:
    """What all words of a line share: the row of its first weight, where the weights of the pass begin in their banks,
    the slice of the word that was read, the pixel, and whether it is the pixel's last line."""
    return data.StructLayout(
        {
            "weight_row": range(shape.largest_fan_in),
            "weights": range(shape.bank_rows),
            "slice": range(shape.slices),
            "pixel": range(shape.pixels),
            "closes": 1,
        }
    )


def word_layout(shape: ArrayShape) -> data.StructLayout:
    """A word that waits for the array: its value, and where its weights are in the bank whose queue it is in."""
    return data.StructLayout(
        {
            "value": shape.lane_bits,
            "slice": range(shape.slices),
            "weights": range(shape.bank_rows),
            "pixel": range(shape.pixels),
        }
    )


class Line(wiring.Component):
    """Takes the `length` first words of `lanes` when `load`; passes on those that count, in order.

    In a cycle as many go as the array has rows and the queues have `room`: `passed` of them, `bank[n]` and `word[n]`
    of the n-th, and `valid[n]` if it goes. `empty` says that none is left after this cycle; a line without a word that
    counts is `held` for a cycle too.
    """

    def __init__(self, shape: ArrayShape) -> None:
        self.shape = shape
        super().__init__(
            {
                "load": In(1),
                "lanes": In(shape.lane_bits).array(shape.line_words),
                "length": In(range(shape.line_words + 1)),
                "label": In(label_layout(shape)),
                "room": In(range(shape.fifo_words + 1)),
                "held": Out(1),
                "empty": Out(1),
                "closes": Out(1),
                "pixel": Out(range(shape.pixels)),
                "passed": Out(range(shape.rows + 1)),
                "valid": Out(shape.rows),
                "bank": Out(range(shape.weight_banks)).array(shape.rows),
                "word": Out(word_layout(shape)).array(shape.rows),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape = self.shape
        values = [Signal(shape.lane_bits, name=f"value{i}") for i in range(shape.line_words)]
        label = Signal(label_layout(shape))
        waiting = Signal(shape.line_words)

        places, count = ranks(m, waiting)
        fits = Mux(self.room < shape.rows, self.room, shape.rows)
        m.d.comb += [
            self.passed.eq(Mux(count < fits, count, fits)),
            self.empty.eq(self.held & (self.passed == count)),
            self.closes.eq(label.closes),
            self.pixel.eq(label.pixel),
        ]
        for n in range(shape.rows):
            chosen = matching(m, waiting, places, n)
            row = Signal(range(shape.largest_fan_in), name=f"row{n}")
            bank, place = bank_of(row, shape.weight_banks)
            m.d.comb += [
                row.eq(label.weight_row + select(chosen, [Const(i) for i in range(shape.line_words)])),
                self.valid[n].eq(n < self.passed),
                self.bank[n].eq(bank),
                self.word[n].value.eq(select(chosen, values)),
                self.word[n].slice.eq(label.slice),
                self.word[n].weights.eq(label.weights + place),
                self.word[n].pixel.eq(label.pixel),
            ]
        m.d.sync += waiting.eq(waiting & Cat(place >= self.passed for place in places))

        with m.If(self.empty):
            m.d.sync += self.held.eq(0)
        with m.If(self.load):
            counts = [lane.any() if shape.skips else Const(1) for lane in self.lanes]
            m.d.sync += [
                self.held.eq(1),
                label.eq(self.label),
                waiting.eq(Cat(counted & (i < self.length) for i, counted in enumerate(counts))),
                *(value.eq(lane) for value, lane in zip(values, self.lanes, strict=True)),
            ]
        return m
