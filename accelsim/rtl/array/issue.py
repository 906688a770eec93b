"""Which words the array takes in a cycle."""

from __future__ import annotations

from amaranth import Cat, Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from accelsim.rtl.array.ranks import ranks, wire
from accelsim.rtl.array.shape import ArrayShape


class Issue(wiring.Component):
    """Takes the front words of up to `rows` queues, of those that are `filled` with a word of the front pixel.

    A bank that is `refused`, as another master has it in this cycle, gives none. Where there are more banks than rows,
    lower banks go first. `taken` is the set of banks, `count` their number.
    """

    def __init__(self, shape: ArrayShape) -> None:
        self.shape = shape
        slot = range(shape.pixels)
        super().__init__(
            {
                "filled": In(shape.weight_banks),
                "pixel": In(slot).array(shape.weight_banks),
                "refused": In(shape.weight_banks),
                "there": In(1),
                "front": In(slot),
                "taken": Out(shape.weight_banks),
                "count": Out(range(shape.rows + 1)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        ready = wire(
            m,
            Cat(
                self.there & filled & ~refused & (pixel == self.front)
                for filled, refused, pixel in zip(self.filled, self.refused, self.pixel, strict=True)
            ),
        )
        places, count = ranks(m, ready)
        m.d.comb += [
            self.taken.eq(Cat(bit & (place < self.shape.rows) for bit, place in zip(ready, places, strict=True))),
            self.count.eq(Mux(count < self.shape.rows, count, self.shape.rows)),
        ]
        return m
