"""Packets through a mesh of RTL routers, and what is on every wire."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from amaranth.sim import Simulator
from network_driver import Packet
from wires import SOURCE, Credit, Flit, Wires

from accelsim.rtl.mesh import Mesh
from accelsim.rtl.shape import MeshShape

LOOP_CYCLES = 5
"""After so many cycles without a valid wire nothing is under way any more: no flit and no credit takes longer."""


def simulate(shape: MeshShape, packets: Sequence[Packet], longest: int = 20_000) -> Wires:
    """Send packets, those of one source in the order of the list, until all have arrived and the wires are quiet.

    The payload of a flit is the index of its packet.
    """
    mesh = Mesh(shape)
    seen = Wires()
    queues: list[deque[tuple[int, dict[str, int]]]] = [deque() for _ in range(shape.nodes)]
    for index, (created, source, destination, flits) in enumerate(packets):
        column, row = shape.place(destination)
        for number in range(flits):
            head, tail = number == 0, number == flits - 1
            flit = {"head": head, "tail": tail, "column": column, "row": row, "payload": index}
            queues[source].append((created, flit))
    links = {(node, SOURCE): source.link for node, source in enumerate(mesh.sources)}
    links |= {(node, port): link for node, router in enumerate(mesh.routers) for port, link in enumerate(router.depart)}

    async def bench(context: Any) -> None:
        t = quiet = 0
        while quiet < LOOP_CYCLES or any(queues):
            assert t < longest, "packets are lost"
            quiet += 1
            for (node, port), link in links.items():
                # What is on a wire in a cycle is in the register behind it in the next.
                if context.get(link.valid):
                    flit = context.get(link.flit)
                    seen.flits.append(Flit(t + 1, node, port, flit.vc, flit.payload, bool(flit.head), bool(flit.tail)))
                    quiet = 0
                if context.get(link.credit):
                    seen.credits.append(Credit(t + 1, node, port, context.get(link.credit_vc)))
                    quiet = 0
            for stream, queue in zip(mesh.inject, queues, strict=True):
                offered = bool(queue) and queue[0][0] <= t
                context.set(stream.valid, offered)
                if offered:
                    context.set(stream.payload, queue[0][1])
                    if context.get(stream.ready):
                        queue.popleft()
                        quiet = 0
            await context.tick()
            t += 1

    simulator = Simulator(mesh)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    seen.sort()
    return seen
