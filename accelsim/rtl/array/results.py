"""The finished pixels that wait for the neuron unit."""

from __future__ import annotations

from amaranth import Array, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from accelsim.rtl.array.columns import sums_layout
from accelsim.rtl.array.shape import ArrayShape
from accelsim.rtl.array.work import ticket_layout


def result_layout(shape: ArrayShape) -> data.StructLayout:
    """A finished pixel."""
    return data.StructLayout({"ticket": ticket_layout(shape), "sums": sums_layout(shape)})


class Results(wiring.Component):
    """A queue of `results` pixels.

    A pixel that leaves the array, `reserve`, has a place from then on; its sums come with `push`. `front` and `next`
    are the first two whose sums are there. `pop` removes the front one, and gives its place back. `room` is judged at
    the beginning of the cycle.
    """

    def __init__(self, shape: ArrayShape) -> None:
        self.shape = shape
        result = result_layout(shape)
        super().__init__(
            {
                "reserve": In(1),
                "room": Out(1),
                "held": Out(range(shape.results + 1)),
                "push": In(1),
                "result": In(result),
                "front_there": Out(1),
                "front": Out(result),
                "next_there": Out(1),
                "next": Out(result),
                "pop": In(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        places = self.shape.results
        entries = Array(Signal(result_layout(self.shape), name=f"result{i}") for i in range(places))
        head, tail = Signal(range(places)), Signal(range(places))
        count = Signal(range(places + 1))

        def following(place: Signal) -> Mux:
            return Mux(place == places - 1, 0, place + 1)

        m.d.comb += [
            self.room.eq(self.held != places),
            self.front_there.eq(count >= 1),
            self.front.eq(entries[head]),
            self.next_there.eq(count >= 2),
            self.next.eq(entries[following(head)]),
        ]
        m.d.sync += [
            self.held.eq(self.held + self.reserve - self.pop),
            count.eq(count + self.push - self.pop),
        ]
        with m.If(self.push):
            m.d.sync += [entries[tail].eq(self.result), tail.eq(following(tail))]
        with m.If(self.pop):
            m.d.sync += head.eq(following(head))
        return m
