"""The pixels between detector and neuron unit, in their order."""

from __future__ import annotations

from amaranth import Array, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from accelsim.rtl.array.shape import ArrayShape
from accelsim.rtl.array.work import ticket_layout


class Pixels(wiring.Component):
    """A queue of pixels that the detector opens, adds words to and closes, and the array lets go at the front.

    It knows how many words of each were passed on, `pushed`, and of the front one how many were taken. `waiting`: the
    front pixel has words; `complete`: it is closed, and has none after this cycle, in which `taking` are taken.
    `fresh`: an array that never waited for a bank would take some of its words in this cycle, as of all those there
    before it would have taken `rows` in each cycle in which any were taken.
    """

    def __init__(self, shape: ArrayShape) -> None:
        self.shape = shape
        slot = range(shape.pixels)
        super().__init__(
            {
                "open": In(1),
                "open_closed": In(1),
                "ticket": In(ticket_layout(shape)),
                "tail": Out(slot),
                "room": Out(1),
                "count": Out(range(shape.pixels + 1)),
                "close": In(1),
                "line": In(slot),  # the pixel that words are added to, or that is closed
                "passed": In(range(shape.rows + 1)),
                "there": Out(1),
                "front": Out(slot),
                "front_ticket": Out(ticket_layout(shape)),
                "pushed": Out(range(shape.largest_words + 1)),
                "taking": In(range(shape.rows + 1)),
                "fresh": Out(1),
                "waiting": Out(1),
                "complete": Out(1),
                "leave": In(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape = self.shape
        places, words = range(shape.pixels), range(shape.largest_words + 1)
        tickets = Array(Signal(ticket_layout(shape), name=f"ticket{i}") for i in places)
        closed = Signal(shape.pixels)
        pushed = [Signal(words, name=f"pushed{i}") for i in places]
        taken, without_waiting = Signal(words), Signal(words)

        def following(place: Signal) -> Mux:
            return Mux(place == shape.pixels - 1, 0, place + 1)

        left = Signal(words)
        ideal = Signal(words)
        m.d.comb += [
            self.room.eq(self.count != shape.pixels),
            self.there.eq(self.count.any()),
            self.front_ticket.eq(tickets[self.front]),
            self.pushed.eq(Array(pushed)[self.front]),
            left.eq(self.pushed - taken),
            ideal.eq(self.pushed - without_waiting),
            self.fresh.eq(ideal.any()),
            self.waiting.eq(self.there & left.any()),
            self.complete.eq(self.there & closed.bit_select(self.front, 1) & (left == self.taking)),
        ]
        m.d.sync += self.count.eq(self.count + self.open - self.leave)
        with m.If(self.leave):
            m.d.sync += [self.front.eq(following(self.front)), taken.eq(0), without_waiting.eq(0)]
        with m.Elif(self.taking.any()):
            m.d.sync += [
                taken.eq(taken + self.taking),
                without_waiting.eq(without_waiting + Mux(ideal < shape.rows, ideal, shape.rows)),
            ]

        for i in places:
            with m.If(self.line == i):
                m.d.sync += pushed[i].eq(pushed[i] + self.passed)
                with m.If(self.close):
                    m.d.sync += closed[i].eq(1)
            with m.If(self.open & (self.tail == i)):
                m.d.sync += [tickets[i].eq(self.ticket), closed[i].eq(self.open_closed), pushed[i].eq(0)]
        with m.If(self.open):
            m.d.sync += self.tail.eq(following(self.tail))
        return m
