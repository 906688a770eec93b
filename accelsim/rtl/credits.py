"""What a sender knows of the room at the receiver."""

from __future__ import annotations

from amaranth import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from accelsim.rtl.shape import MeshShape


class Credits(wiring.Component):
    """Places that are free in the receiver's virtual channels, `buffer_flits` each at first.

    `sent` is the set of VCs (one at most) that a flit is sent to in this cycle, `credit` and `credit_vc` come from the
    link; `available` is the set of VCs with a free place, on what was known at the beginning of the cycle.
    """

    def __init__(self, shape: MeshShape) -> None:
        self.shape = shape
        vcs = shape.virtual_channels
        super().__init__({"sent": In(vcs), "credit": In(1), "credit_vc": In(range(vcs)), "available": Out(vcs)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        depth = self.shape.buffer_flits
        places = [Signal(range(depth + 1), name=f"places{vc}", init=depth) for vc in range(self.shape.virtual_channels)]
        for vc, free in enumerate(places):
            m.d.sync += free.eq(free + (self.credit & (self.credit_vc == vc)) - self.sent[vc])
        m.d.comb += self.available.eq(Cat(free.any() for free in places))
        return m
