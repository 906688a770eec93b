"""A virtual channel of a router's input."""

from __future__ import annotations

from amaranth import Cat, Module, Mux, Signal
from amaranth.hdl import Assert
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from accelsim.rtl.link import flit_layout
from accelsim.rtl.shape import PORTS, MeshShape


class InputChannel(wiring.Component):
    """A FIFO of `buffer_flits`, and the output VC that the packet at its front holds.

    It holds none while it is idle (empty) or waiting (a head at the front): then it asks VC allocation for every free
    VC of the output that the head wants, and bids speculatively for the switch if one of them has credit. One that
    holds a VC bids for the switch as long as it has a flit and the VC has credit.

    Sets of output VCs are bit vectors over PORTS * V, sets of outputs over PORTS.
    """

    def __init__(self, shape: MeshShape) -> None:
        self.shape = shape
        resources, flit = shape.resources, flit_layout(shape)
        super().__init__(
            {
                "write": In(1),
                "arriving": In(flit),
                "free": In(resources),  # output VCs that no packet holds
                "credit": In(resources),  # output VCs with credit
                "allocated": In(resources),  # the output VC won in this cycle, or none
                "leave": In(1),  # the front flit leaves in this cycle
                "front": Out(flit),
                "wanted": Out(resources),  # requests to VC allocation
                "bids": Out(PORTS),  # outputs bid for by the packet that holds a VC
                "speculative": Out(PORTS),  # outputs bid for by a head that waits for a VC
                "target": Out(resources),  # the output VC held, or won in this cycle
                "ready": Out(1),  # a switch grant of this cycle counts
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        vcs, depth = self.shape.virtual_channels, self.shape.buffer_flits

        m.submodules.fifo = fifo = memory.Memory(shape=flit_layout(self.shape), depth=depth, init=[])
        write, read = fifo.write_port(), fifo.read_port(domain="comb")
        count = Signal(range(depth + 1))
        m.d.comb += [
            write.en.eq(self.write),
            write.data.eq(self.arriving),
            self.front.eq(read.data),
        ]
        with m.If(self.write):
            m.d.sync += write.addr.eq(Mux(write.addr == depth - 1, 0, write.addr + 1))
            m.d.sync += Assert(count != depth, "a flit came for which there was no credit")
        with m.If(self.leave):
            m.d.sync += read.addr.eq(Mux(read.addr == depth - 1, 0, read.addr + 1))
        m.d.sync += count.eq(count + self.write - self.leave)

        held = Signal(self.shape.resources)
        occupied = count.any()
        outputs = Cat(self.front.port == port for port in range(PORTS))
        reach = Cat(output.replicate(vcs) for output in outputs)
        usable = held & self.credit
        m.d.comb += [
            self.wanted.eq(Mux(occupied & ~held.any(), reach & self.free, 0)),
            self.speculative.eq(Mux((self.wanted & self.credit).any(), outputs, 0)),
            self.bids.eq(Cat(occupied & usable.word_select(port, vcs).any() for port in range(PORTS))),
            self.target.eq(held | self.allocated),
            self.ready.eq((self.target & self.credit).any()),
        ]
        m.d.sync += held.eq(Mux(self.leave & self.front.tail, 0, self.target))
        return m
