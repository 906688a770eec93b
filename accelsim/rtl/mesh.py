"""A mesh of routers with a source and a sink at each node."""

from __future__ import annotations

from amaranth import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from accelsim.parts.noc import NocSettings
from accelsim.rtl.link import flit_layout
from accelsim.rtl.router import Router
from accelsim.rtl.shape import LOCAL, MeshShape
from accelsim.rtl.terminal import Sink, Source


class Mesh(wiring.Component):
    """The whole network: node n takes packets at `inject[n]`, flit by flit, and gives them out at `eject[n]`.

    `eject` cannot be held up: its `ready` is not looked at.
    """

    def __init__(self, shape: MeshShape) -> None:
        self.shape = shape
        flits = stream.Signature(flit_layout(shape))
        self.routers = [Router(shape, node) for node in range(shape.nodes)]
        self.sources = [Source(shape, node) for node in range(shape.nodes)]
        self.sinks = [Sink(shape) for _ in range(shape.nodes)]
        super().__init__(
            {
                "inject": In(flits).array(shape.nodes),
                "eject": Out(stream.Signature(flit_layout(shape), always_ready=True)).array(shape.nodes),
            }
        )

    @classmethod
    def from_settings(cls, settings: NocSettings) -> Mesh:
        """An architecture's network. Raises InputError for settings that the RTL has not."""
        return cls(MeshShape.from_settings(settings))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        columns, rows = self.shape.columns, self.shape.rows
        for node, (router, source, sink) in enumerate(zip(self.routers, self.sources, self.sinks, strict=True)):
            m.submodules[f"router{node}"] = router
            m.submodules[f"source{node}"] = source
            m.submodules[f"sink{node}"] = sink
            wiring.connect(m, wiring.flipped(self.inject[node]), source.flits)
            wiring.connect(m, source.link, router.arrive[LOCAL])
            wiring.connect(m, router.depart[LOCAL], sink.link)
            m.d.comb += [self.eject[node].valid.eq(sink.taken), self.eject[node].payload.eq(sink.flit)]
            column, row = self.shape.place(node)
            if column + 1 < columns:
                self._join(m, node, node + 1, 0)
            if row + 1 < rows:
                self._join(m, node, node + columns, 2)
        return m

    def _join(self, m: Module, one: int, other: int, output: int) -> None:
        """Links both ways; a flit that leaves by output o enters the neighbour by input o ^ 1."""
        wiring.connect(m, self.routers[one].depart[output], self.routers[other].arrive[output ^ 1])
        wiring.connect(m, self.routers[other].depart[output ^ 1], self.routers[one].arrive[output])
