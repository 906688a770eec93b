"""An output of a router: who holds its virtual channels, its credits, and its column of the crossbar."""

from __future__ import annotations

from functools import reduce
from operator import or_

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from accelsim.rtl.credits import Credits
from accelsim.rtl.link import Link, flit_layout, route
from accelsim.rtl.shape import PORTS, MeshShape


class OutputPort(wiring.Component):
    """The VCs of output `port` of the router at (column, row).

    A VC is held from the cycle after it was allocated to the cycle in which the tail leaves. The flit that crosses goes
    into the link register, with the route at the router behind the link (Galles 1997: looked ahead).
    """

    def __init__(self, shape: MeshShape, column: int, row: int, port: int) -> None:
        self.shape = shape
        self.port = port
        across, along = ((1, 0), (-1, 0), (0, 1), (0, -1), (0, 0))[port]
        self.next_column, self.next_row = column + across, row + along
        vcs = shape.virtual_channels
        super().__init__(
            {
                "allocated": In(vcs),
                "sent": In(vcs),
                "released": In(vcs),
                "free": Out(vcs),
                "credit": Out(vcs),
                "select": In(PORTS),  # the input whose flit crosses to here, or none
                "crossing": In(flit_layout(shape)).array(PORTS),
                "link": Out(Link(shape)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.credits = credits = Credits(self.shape)
        m.d.comb += [
            credits.sent.eq(self.sent),
            credits.credit.eq(self.link.credit),
            credits.credit_vc.eq(self.link.credit_vc),
            self.credit.eq(credits.available),
        ]

        held = Signal(self.shape.virtual_channels)
        m.d.sync += held.eq((held | self.allocated) & ~self.released)
        m.d.comb += self.free.eq(~held)

        link = self.link
        m.d.sync += link.valid.eq(self.select.any())
        with m.If(self.select.any()):
            flit = Signal(flit_layout(self.shape))
            m.d.comb += flit.eq(
                reduce(or_, (Mux(self.select[i], self.crossing[i].as_value(), 0) for i in range(PORTS)))
            )
            m.d.sync += [
                link.flit.eq(flit),
                link.flit.port.eq(route(self.next_column, self.next_row, flit.column, flit.row)),
            ]
        return m
