"""The network's state arrays, made empty."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from accelsim.engine.topology import NetworkShape, Words, kernel_shape, node_tables, port_table, power_of_two
from accelsim.errors import InputError, Problem
from accelsim.jit import ROW_WORDS
from accelsim.kernels import network_state as n
from accelsim.kernels.routes import grow_trees

Tree = tuple[int, tuple[int, ...]]
"""A source node and the nodes that a multicast packet goes to, each once."""


def make_network(
    shape: NetworkShape, packets: int, *, trees: Sequence[Tree] = (), bins: int = 1, layers: int | None = None
) -> n.Network:
    """An empty network with room for `packets` packets, whose links are counted in `bins` bins of time.

    With `layers` packets carry something: it has room for cargo, and counts of so many layers and one more. Raises
    InputError for more nodes or trees than the head of a packet can name.
    """
    limits = (("nodes", shape.nodes, n.TREES), ("multicast trees", len(trees), n.MOST_TREES))
    for what, given, most in (*limits, ("packets", packets, n.MOST_PACKETS)):
        if given > most:
            raise InputError(Problem(f"a network has at most {most} {what}", value=given))
    nodes, routers, ports, vcs = shape.nodes, shape.routers, shape.ports, shape.virtual_channels
    queues = routers * ports * vcs
    forks = queues if trees else 1
    slots = wheel_slots(shape)

    def zeros(*dimensions: int) -> Words:
        return np.zeros(dimensions, np.int64)

    def table(rows: int) -> Words:
        return zeros(rows, ROW_WORDS)

    # No stage has started for longer than the longest takes.
    stage = np.full((routers, ROW_WORDS), -slots, np.int64)
    stage[:, n.WANTED] = 0
    stage[:, n.ROW], stage[:, n.COLUMN] = np.divmod(np.arange(routers), shape.extent[0])
    node, node_place = node_tables(shape)
    network = n.Network(
        shape=kernel_shape(shape),
        scalars=zeros(n.NETWORK_SCALARS),
        router=table(routers),
        stage=stage,
        port=port_table(shape),
        entry=table(routers * ports),
        vc=table(queues),
        fifo=zeros(queues * power_of_two(shape.buffer_flits)),
        vc_grant=zeros(queues),
        occupied=zeros(queues),
        fork=table(forks),
        branch=table(forks * ports),
        node=node,
        node_place=node_place,
        source_occupied=zeros(nodes * vcs),
        packet=table(packets),
        cargo=table(1 if layers is None else packets),
        free=np.arange(packets - 1, -1, -1, dtype=np.int64),
        trees=zeros(len(trees) * routers, 2),
        tree_hops=zeros(len(trees)),
        tree_copies=np.array([len(nodes) for _, nodes in trees], np.int64),
        port_of=np.repeat(np.arange(ports, dtype=np.int64), vcs),
        scratch=zeros(ports * vcs + 2 * ports + ports * ports),
        wheel_flit=zeros(slots * routers * ports),
        wheel_flits=zeros(slots * routers),
        wheel_credits=zeros(slots * routers),
        wheel_wake=zeros(slots, -(-routers // 32)),
        wheel_sink=zeros(slots * nodes),
        wheel_source=zeros(slots * nodes),
        wheel_node_wake=zeros(slots, -(-nodes // 32)),
        active=zeros(-(-routers // 32)),
        active_nodes=zeros(-(-nodes // 32)),
        ejected=zeros(nodes, 2),
        link_bins=zeros(bins, routers * ports),
        latency=zeros(1 if layers is None else n.LATENCY_BINS),
        layer_flits=zeros(1 if layers is None else layers + 1, n.LAYER_FLIT_COLUMNS),
    )
    network.scalars[n.FREE_PACKETS] = packets
    if trees:
        members = [(tree, source, node) for tree, (source, nodes_) in enumerate(trees) for node in nodes_]
        grow_trees(network, np.array(members, np.int64))
        network.tree_hops[:] = np.bitwise_count(network.trees[:, 0]).reshape(len(trees), routers).sum(axis=1)
    return network


def wheel_slots(shape: NetworkShape) -> int:
    """Slots of the wheel of delays: more than the longest delay.

    A flit that waits for a traversal, shares it and then its output with others is on its link less than 3 traversals
    after its grant.
    """
    flit = 3 * shape.traversal_cycles - 1 + shape.link_cycles
    credit = 1 + shape.link_cycles + shape.credit_cycles
    return power_of_two(max(flit, credit) + 1)


def with_more_packets(network: n.Network) -> n.Network:
    """The network with room for twice as many packets."""
    packets = len(network.packet)
    new = np.arange(2 * packets - 1, packets - 1, -1, dtype=np.int64)
    network.scalars[n.FREE_PACKETS] += packets
    return network._replace(
        packet=np.concatenate([network.packet, np.zeros_like(network.packet)]),
        cargo=np.concatenate([network.cargo, np.zeros_like(network.cargo)]),
        free=np.concatenate([new, network.free]),
    )
