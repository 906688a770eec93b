"""The multipliers, the trees of adders and the accumulators of the array."""

from __future__ import annotations

from amaranth import Cat, Module, Mux, Shape, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from accelsim.rtl.array.line import word_layout
from accelsim.rtl.array.ranks import matching, ranks, select, wire
from accelsim.rtl.array.shape import ArrayShape
from accelsim.rtl.array.weight_bank import weights_layout
from accelsim.rtl.array.work import ticket_layout


def sums_layout(shape: ArrayShape) -> data.ArrayLayout:
    """The sums of all columns, signed, as bits."""
    return data.ArrayLayout(shape.accumulator_bits, shape.columns)


def tree(values: list[Value]) -> Value:
    """Their sum."""
    if len(values) == 1:
        return values[0]
    half = len(values) // 2
    return tree(values[:half]) + tree(values[half:])


class Columns(wiring.Component):
    """Adds up the taken words times their weights.

    `taken` are the banks of which a word was taken in the cycle before, `word` these words, and `weights` theirs, out
    of the banks in this cycle; `leave` says that the pixel left, with `ticket`. Each of `rows` lanes multiplies one
    word by the weights of all columns. Registers stand behind the multipliers and behind the trees, as many as
    `pipeline_cycles` are more than one. Then a cycle adds to the accumulators; `done`, in the cycle of the last of a
    pixel, says that `sums` with `finished` are its own, and the accumulators begin anew.
    """

    def __init__(self, shape: ArrayShape) -> None:
        self.shape = shape
        super().__init__(
            {
                "taken": In(shape.weight_banks),
                "word": In(word_layout(shape)).array(shape.weight_banks),
                "weights": In(weights_layout(shape)).array(shape.weight_banks),
                "leave": In(1),
                "ticket": In(ticket_layout(shape)),
                "done": Out(1),
                "sums": Out(sums_layout(shape)),
                "finished": Out(ticket_layout(shape)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape = self.shape
        delay = shape.pipeline_cycles - 1
        lanes = self._lanes(m)
        terms = []
        for column in range(shape.columns):
            products = [
                delayed(m, (value * weights[column].as_signed()) << shift, min(delay, 1))
                for value, shift, weights in lanes
            ]
            terms.append(delayed(m, tree(products), max(delay - 1, 0)))
        leaving = delayed(m, Cat(self.leave, self.ticket.as_value()), delay)
        m.d.comb += [self.done.eq(leaving[0]), self.finished.eq(leaving[1:])]
        for column, term in enumerate(terms):
            accumulator = Signal(signed(shape.accumulator_bits), name=f"accumulator{column}")
            m.d.comb += self.sums[column].eq(accumulator + term)
            m.d.sync += accumulator.eq(Mux(self.done, 0, self.sums[column]))
        return m

    def _lanes(self, m: Module) -> list[tuple[Value, Value, data.View]]:
        """Value, shift and weights of the word of each lane; a lane without a word has the value 0."""
        shape = self.shape
        values = [wire(m, Mux(taken, word.value, 0)) for taken, word in zip(self.taken, self.word, strict=True)]
        shifts = [wire(m, word.slice * shape.lane_bits) for word in self.word]
        if shape.weight_banks <= shape.rows:
            return list(zip(values, shifts, self.weights, strict=True))
        places, _ = ranks(m, self.taken)
        lanes = []
        for lane in range(shape.rows):
            bank = matching(m, self.taken, places, lane)
            weights = Signal(weights_layout(shape), name=f"weights_of_lane{lane}")
            m.d.comb += weights.eq(select(bank, [weights.as_value() for weights in self.weights]))
            lanes.append((wire(m, select(bank, values)), wire(m, select(bank, shifts)), weights))
        return lanes


def delayed(m: Module, value: Value, cycles: int) -> Value:
    """The value as many cycles ago."""
    for _ in range(cycles):
        register = Signal(Shape.cast(value.shape()))
        m.d.sync += register.eq(value)
        value = register
    return value
