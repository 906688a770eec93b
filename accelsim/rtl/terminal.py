"""The two ends of a network at a node: a source that injects packets, a sink that takes them."""

from __future__ import annotations

from amaranth import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from accelsim.rtl.arbiter import after, first_from, number
from accelsim.rtl.credits import Credits
from accelsim.rtl.link import Link, flit_layout, route
from accelsim.rtl.shape import MeshShape


class Source(wiring.Component):
    """Injects the flits of `flits`, packet after packet, into the local input of the router of a node.

    Of a flit it reads head, tail, destination and payload. A head takes the first VC with credit after that of the
    packet before, at first VC 0; the rest of the packet follows on it. What is accepted in t is on the link in t + 1.
    """

    def __init__(self, shape: MeshShape, node: int) -> None:
        self.shape = shape
        self.node = node
        super().__init__({"flits": In(stream.Signature(flit_layout(shape))), "link": Out(Link(shape))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        vcs, link, flit = self.shape.virtual_channels, self.link, self.flits.payload
        m.submodules.credits = credits = Credits(self.shape)
        m.d.comb += [credits.credit.eq(link.credit), credits.credit_vc.eq(link.credit_vc)]

        last = Signal(vcs, init=1 << (vcs - 1))
        target = Signal(vcs)
        m.d.comb += [
            target.eq(Mux(flit.head, first_from(credits.available, after(last)), last & credits.available)),
            self.flits.ready.eq(target.any()),
        ]
        m.d.sync += link.valid.eq(0)
        with m.If(self.flits.valid & self.flits.ready):
            m.d.comb += credits.sent.eq(target)
            m.d.sync += [
                last.eq(target),
                link.valid.eq(1),
                link.flit.eq(flit),
                link.flit.vc.eq(number(target)),
                link.flit.port.eq(route(*self.shape.place(self.node), flit.column, flit.row)),
            ]
        return m


class Sink(wiring.Component):
    """Takes a flit a cycle: what is on the link in t - 1 is `taken` in t, and its credit is on the link in t + 1."""

    def __init__(self, shape: MeshShape) -> None:
        self.shape = shape
        super().__init__({"link": In(Link(shape)), "taken": Out(1), "flit": Out(flit_layout(shape))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.sync += [
            self.taken.eq(self.link.valid),
            self.flit.eq(self.link.flit),
            self.link.credit.eq(self.taken),
            self.link.credit_vc.eq(self.flit.vc),
        ]
        return m
