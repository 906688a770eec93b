"""An input of a router: its virtual channels, and what they say with one voice."""

from __future__ import annotations

from functools import reduce
from operator import or_

from amaranth import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from accelsim.rtl.arbiter import after, first_from, number
from accelsim.rtl.input_channel import InputChannel
from accelsim.rtl.link import Link, flit_layout
from accelsim.rtl.shape import PORTS, MeshShape


class InputPort(wiring.Component):
    """The VCs of an input, the choice among those that bid for the same output, and the switch traversal register.

    A packet that holds an output VC goes before heads that speculate; among equals it is round robin, from the VC after
    the one that last won the switch. The flit that leaves in a cycle stands in `crossing` in the next, with the output
    it crosses to in `outputs`; its credit is on the link in the next cycle too.
    """

    def __init__(self, shape: MeshShape) -> None:
        self.shape = shape
        resources, vcs = shape.resources, shape.virtual_channels
        super().__init__(
            {
                "link": In(Link(shape)),
                "free": In(resources),
                "credit": In(resources),
                "wanted": Out(resources).array(vcs),
                "allocated": In(resources).array(vcs),
                "bids": Out(PORTS),
                "granted": In(PORTS),
                "sent": Out(resources),  # the output VC that a flit leaves for in this cycle, or none
                "released": Out(resources),  # the same, if it is a tail
                "crossing": Out(flit_layout(shape)),
                "outputs": Out(PORTS),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        vcs, link = self.shape.virtual_channels, self.link
        channels = [InputChannel(self.shape) for _ in range(vcs)]
        for vc, channel in enumerate(channels):
            m.submodules[f"channel{vc}"] = channel
            m.d.comb += [
                channel.write.eq(link.valid & (link.flit.vc == vc)),
                channel.arriving.eq(link.flit),
                channel.free.eq(self.free),
                channel.credit.eq(self.credit),
                channel.allocated.eq(self.allocated[vc]),
                self.wanted[vc].eq(channel.wanted),
            ]

        preferred = Signal(vcs, init=Const(-1, vcs).value)
        labels = [Signal(vcs, name=f"label{output}") for output in range(PORTS)]
        for output, label in enumerate(labels):
            bids = Cat(channel.bids[output] for channel in channels)
            speculative = Cat(channel.speculative[output] for channel in channels)
            m.d.comb += [
                label.eq(first_from(Mux(bids.any(), bids, speculative), preferred)),
                self.bids[output].eq(label.any()),
            ]

        winner = Signal(vcs)
        m.d.comb += winner.eq(reduce(or_, (Mux(self.granted[output], labels[output], 0) for output in range(PORTS))))
        with m.If(winner.any()):
            m.d.sync += preferred.eq(after(winner))

        leaving = Signal(flit_layout(self.shape))
        leaves = Signal(vcs)
        for vc, channel in enumerate(channels):
            m.d.comb += [leaves[vc].eq(winner[vc] & channel.ready), channel.leave.eq(leaves[vc])]
            with m.If(winner[vc]):
                m.d.comb += leaving.eq(channel.front)
        m.d.comb += [
            self.sent.eq(reduce(or_, (Mux(channel.leave, channel.target, 0) for channel in channels))),
            self.released.eq(Mux(leaving.tail, self.sent, 0)),
        ]
        out_vc = Cat(Cat(self.sent[vc::vcs]).any() for vc in range(vcs))
        m.d.sync += [
            self.crossing.eq(leaving),
            self.crossing.vc.eq(number(out_vc)),
            self.outputs.eq(Mux(leaves.any(), self.granted, 0)),
            link.credit.eq(leaves.any()),
            link.credit_vc.eq(number(leaves)),
        ]
        return m
