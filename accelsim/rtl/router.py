"""The router of docs/timing.md as hardware: look-ahead routes, speculative switch allocation."""

from __future__ import annotations

from functools import reduce
from operator import or_

from amaranth import Cat, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from accelsim.parts.noc import NocSettings
from accelsim.rtl.allocator import Allocator
from accelsim.rtl.input_port import InputPort
from accelsim.rtl.link import Link
from accelsim.rtl.output_port import OutputPort
from accelsim.rtl.shape import PORTS, MeshShape


class Router(wiring.Component):
    """The router of a node of a mesh, x-y routed.

    `arrive` are the links into it, `depart` those out of it, in the order of its ports: x+1, x-1, y+1, y-1, local. A
    head that enters an empty input VC is seen by VC and switch allocation in the cycle after it was on the link; a flit
    that wins the switch in cycle t is in the switch traversal register in t + 1, on the link in t + 2, in the next
    router's input VC in t + 3; its credit is on the link in t + 1 and counts in t + 2.
    """

    def __init__(self, shape: MeshShape, node: int) -> None:
        self.shape = shape
        self.node = node
        super().__init__({"arrive": In(Link(shape)).array(PORTS), "depart": Out(Link(shape)).array(PORTS)})

    @classmethod
    def from_settings(cls, settings: NocSettings, node: int) -> Router:
        """The router of a node of an architecture's network. Raises InputError for settings that the RTL has not."""
        return cls(MeshShape.from_settings(settings), node)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        vcs, resources = self.shape.virtual_channels, self.shape.resources
        column, row = self.shape.place(self.node)
        inputs = [InputPort(self.shape) for _ in range(PORTS)]
        outputs = [OutputPort(self.shape, column, row, port) for port in range(PORTS)]
        m.submodules.vc_allocator = vc_allocator = Allocator(resources, resources)
        m.submodules.switch_allocator = switch_allocator = Allocator(PORTS, PORTS)

        free = Cat(output.free for output in outputs)
        credit = Cat(output.credit for output in outputs)
        for port, this in enumerate(inputs):
            m.submodules[f"input{port}"] = this
            wiring.connect(m, wiring.flipped(self.arrive[port]), this.link)
            m.d.comb += [
                this.free.eq(free),
                this.credit.eq(credit),
                switch_allocator.requests[port].eq(this.bids),
                this.granted.eq(switch_allocator.accepted[port]),
            ]
            for vc in range(vcs):
                m.d.comb += [
                    vc_allocator.requests[port * vcs + vc].eq(this.wanted[vc]),
                    this.allocated[vc].eq(vc_allocator.accepted[port * vcs + vc]),
                ]

        sent = reduce(or_, (this.sent for this in inputs))
        released = reduce(or_, (this.released for this in inputs))
        for port, this in enumerate(outputs):
            m.submodules[f"output{port}"] = this
            wiring.connect(m, this.link, wiring.flipped(self.depart[port]))
            m.d.comb += [
                this.allocated.eq(vc_allocator.taken.word_select(port, vcs)),
                this.sent.eq(sent.word_select(port, vcs)),
                this.released.eq(released.word_select(port, vcs)),
                this.select.eq(Cat(source.outputs[port] for source in inputs)),
            ]
            for i, source in enumerate(inputs):
                m.d.comb += this.crossing[i].eq(source.crossing)
        return m
