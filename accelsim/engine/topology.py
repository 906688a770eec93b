"""Topologies of the network on chip: which ports are linked, where nodes sit, and the trees of multicast packets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accelsim.jit import ROW_WORDS
from accelsim.kernels import network_state as n

TOPOLOGIES = {"mesh": n.MESH, "torus": n.TORUS, "ring": n.RING, "crossbar": n.CROSSBAR, "none": n.NONE}
ROUTINGS = {"xy": n.XY, "yx": n.YX, "west_first": n.WEST_FIRST, "odd_even": n.ODD_EVEN}
DIRECTIONS = {
    "mesh": ("+x", "-x", "+y", "-y"),
    "torus": ("+x", "-x", "+y", "-y"),
    "ring": ("+", "-"),
    "crossbar": (),
    "none": (),
}
"""Names of a router's ports that lead to other routers; its nodes' ports follow."""

Words = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class NetworkShape:
    """Integer settings of the network on chip (see `accelsim.parts.noc` for their meaning and ranges).

    With topology `none` there are nodes and no routers: what the nodes send each other takes no network (see `direct`).
    """

    topology: str
    columns: int
    rows: int
    concentration: int
    routing: str
    virtual_channels: int
    buffer_flits: int
    routing_cycles: int
    vc_allocation_cycles: int
    switch_allocation_cycles: int
    traversal_cycles: int
    credit_cycles: int
    speculative: bool
    link_cycles: int
    queue_flits: int

    @property
    def nodes(self) -> int:
        """Sources and sinks; node n is at router n // concentration, of a crossbar at the only one."""
        return self.columns * self.rows * self.concentration

    @property
    def routers(self) -> int:
        if self.topology == "none":
            return 0
        return 1 if self.topology == "crossbar" else self.columns * self.rows

    @property
    def directions(self) -> tuple[str, ...]:
        return DIRECTIONS[self.topology]

    @property
    def nodes_per_router(self) -> int:
        return self.nodes // self.routers if self.routers else 0

    @property
    def ports(self) -> int:
        return len(self.directions) + self.nodes_per_router

    @property
    def extent(self) -> tuple[int, int]:
        """Routers along each dimension: a ring is one row, a crossbar a point."""
        if self.topology in ("ring", "crossbar"):
            return self.routers, 1
        return self.columns, self.rows

    @property
    def wraps(self) -> bool:
        """Whether links lead from the last router of a row or column to its first."""
        return self.topology in ("torus", "ring")

    def port_name(self, port: int) -> str:
        """Name of a router's port: a direction, or `local`, with a number where there are several."""
        if port < len(self.directions):
            return self.directions[port]
        return "local" if self.nodes_per_router == 1 else f"local{port - len(self.directions)}"


def direct(nodes: int) -> NetworkShape:
    """No network: that many nodes, wired to each other."""
    return NetworkShape(
        topology="none",
        columns=nodes,
        rows=1,
        concentration=1,
        routing="xy",
        virtual_channels=0,
        buffer_flits=0,
        routing_cycles=0,
        vc_allocation_cycles=0,
        switch_allocation_cycles=0,
        traversal_cycles=0,
        credit_cycles=0,
        speculative=False,
        link_cycles=0,
        queue_flits=0,
    )


def neighbours(shape: NetworkShape) -> Iterator[tuple[int, int, int, int]]:
    """Every link between routers: router, output port, router behind it, input port there."""
    extent = shape.extent
    for router in range(shape.routers):
        place = (router % extent[0], router // extent[0])
        for port in range(len(shape.directions)):
            dimension = port // 2
            there = list(place)
            there[dimension] += 1 - 2 * (port % 2)
            if shape.wraps and extent[dimension] > 1:
                there[dimension] %= extent[dimension]
            if 0 <= there[dimension] < extent[dimension]:
                yield router, port, there[1] * extent[0] + there[0], port ^ 1


def home_of(shape: NetworkShape, node: int) -> tuple[int, int]:
    """Router and port of a node."""
    router, local = divmod(node, shape.nodes_per_router)
    return router, len(shape.directions) + local


def peer(shape: NetworkShape, router: int, port: int) -> int:
    """A router's port as the kernels write what is at the other end of a link."""
    return (router * shape.ports + port) << n.PEER_INDEX | port << n.PEER_PORT | router


def port_table(shape: NetworkShape) -> Words:
    """Idle ports, [routers * ports, 8]."""
    table = np.zeros((shape.routers, shape.ports, ROW_WORDS), np.int64)
    table[:, :, [n.FREE, n.CREDIT]] = (1 << shape.virtual_channels) - 1
    table[:, :, n.PEER] = n.FOREVER
    for router, port, there, entry in neighbours(shape):
        table[router, port, n.PEER] = peer(shape, there, entry)
    for node in range(shape.nodes if shape.routers else 0):
        table[*home_of(shape, node), n.PEER] = ~node
    return table.reshape(-1, ROW_WORDS)


def node_tables(shape: NetworkShape) -> tuple[Words, Words]:
    """Idle sources, and the places of their nodes, [nodes, 8] both."""
    source = np.zeros((shape.nodes, ROW_WORDS), np.int64)
    place = np.zeros_like(source)
    source[:, [n.QUEUE_FIRST, n.QUEUE_LAST, n.CURRENT]] = -1
    source[:, n.SOURCE_VC] = shape.virtual_channels - 1
    for node in range(shape.nodes if shape.routers else 0):
        router, port = home_of(shape, node)
        source[node, n.HOME] = peer(shape, router, port)
        row, column = divmod(router, shape.extent[0])
        place[node, [n.NODE_COLUMN, n.NODE_ROW, n.LOCAL_PORT]] = column, row, port
    return source, place


def link_exists(shape: NetworkShape) -> NDArray[np.bool_]:
    """Which router ports lead somewhere, [routers * ports]."""
    exists: NDArray[np.bool_] = port_table(shape)[:, n.PEER] != n.FOREVER
    return exists


def kernel_shape(shape: NetworkShape) -> n.Shape:
    """The shape as kernels read it."""
    columns, rows = shape.extent
    return n.Shape(
        topology=TOPOLOGIES[shape.topology],
        routing=ROUTINGS[shape.routing],
        columns=columns,
        rows=rows,
        ports=shape.ports,
        first_local=len(shape.directions),
        vcs=shape.virtual_channels,
        depth=shape.buffer_flits,
        routing_cycles=shape.routing_cycles,
        vc_allocation_cycles=shape.vc_allocation_cycles,
        switch_allocation_cycles=shape.switch_allocation_cycles,
        traversal_cycles=shape.traversal_cycles,
        credit_cycles=shape.credit_cycles,
        link_cycles=shape.link_cycles,
        speculative=int(shape.speculative),
        queue_flits=shape.queue_flits,
        places=power_of_two(shape.buffer_flits) - 1,
        half=shape.virtual_channels // 2 if shape.wraps else 0,
        routers=shape.routers,
        nodes=shape.nodes,
    )


def power_of_two(least: int) -> int:
    """The smallest power of two that is not below `least`."""
    return 1 << (least - 1).bit_length()
