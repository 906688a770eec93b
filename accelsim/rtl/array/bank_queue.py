"""The words that wait for a bank of the weight buffer."""

from __future__ import annotations

from amaranth import Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from accelsim.rtl.array.line import word_layout
from accelsim.rtl.array.ranks import matching, ranks, select, wire
from accelsim.rtl.array.shape import ArrayShape
from accelsim.units import ceil_div


class BankQueue(wiring.Component):
    """A queue that takes up to `rows` words a cycle, those of `word` whose bit of `push` is set, and gives one.

    Its places are dealt out to `rows` memories in turn, so that each is written once a cycle at most. `front` is the
    oldest word while the queue is `filled`; `pop` removes it. The queue never overflows: the detector sees to it that
    all queues together hold `fifo_words`.
    """

    def __init__(self, shape: ArrayShape) -> None:
        self.shape = shape
        word = word_layout(shape)
        super().__init__(
            {
                "push": In(shape.rows),
                "word": In(word).array(shape.rows),
                "filled": Out(1),
                "front": Out(word),
                "pop": In(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        ways, depth = self.shape.rows, ceil_div(self.shape.fifo_words, self.shape.rows)
        head_way, tail_way = Signal(range(ways)), Signal(range(ways))
        head, tail = Signal(range(depth)), Signal(range(depth))
        fill = Signal(range(ways * depth + 1))

        def following(place: Signal) -> Mux:
            return Mux(place == depth - 1, 0, place + 1)

        places, count = ranks(m, self.push)
        slots = [wire(m, tail_way + place) for place in places]
        words = [word.as_value() for word in self.word]
        fronts = []
        for way in range(ways):
            m.submodules[f"way{way}"] = words_of_way = memory.Memory(
                shape=word_layout(self.shape), depth=depth, init=[]
            )
            write, read = words_of_way.write_port(), words_of_way.read_port(domain="comb")
            near, far = matching(m, self.push, slots, way), matching(m, self.push, slots, way + ways)
            here = wire(m, near | far)
            m.d.comb += [
                write.en.eq(here.any()),
                write.addr.eq(Mux(far.any(), following(tail), tail)),
                write.data.eq(select(here, words)),
                read.addr.eq(head),
            ]
            fronts.append((head_way == way, read.data.as_value()))
        m.d.comb += [
            self.filled.eq(fill.any()),
            self.front.eq(select([chosen for chosen, _ in fronts], [data for _, data in fronts])),
        ]

        end = Signal(range(2 * ways))
        m.d.comb += end.eq(tail_way + count)
        with m.If(end >= ways):
            m.d.sync += [tail_way.eq(end - ways), tail.eq(following(tail))]
        with m.Else():
            m.d.sync += tail_way.eq(end)
        with m.If(self.pop):
            with m.If(head_way == ways - 1):
                m.d.sync += [head_way.eq(0), head.eq(following(head))]
            with m.Else():
                m.d.sync += head_way.eq(head_way + 1)
        m.d.sync += fill.eq(fill + count - self.pop)
        return m
