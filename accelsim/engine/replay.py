"""A network without a chip: what happens to a list of packets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from accelsim.engine.network import Tree, make_network
from accelsim.engine.topology import NetworkShape, Words
from accelsim.engine.waiting import describe_waiting
from accelsim.errors import SimulationError
from accelsim.kernels import network_state as n
from accelsim.kernels import replay as kernels

PATIENCE_CYCLES = 64
"""Cycles without any movement, though flits wait, that only a deadlock explains: more than any stage takes."""

MOST_PACKETS = 20_000_000
"""What a run is asked to hold at most: with all that is noted of a packet, some gigabytes."""

ROUTER_CYCLES_AT_ONCE = 1 << 22
"""Cycles times routers of a call of the compiled loop, which cannot be interrupted: a second at most."""


@dataclass(frozen=True, slots=True)
class Packets:
    """Packets to send: int64 arrays of one length. Those of a source are sent in the order of the arrays.

    `created` is the first cycle in which a packet may be injected, and must not decrease among those of a source.
    A packet for several nodes has -1 - i in `destination` and goes to `destination_sets[i]`.
    """

    created: Words
    source: Words
    destination: Words
    flits: Words
    destination_sets: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Packets that have arrived, a row for each node reached, in order of arrival: by cycle, then by node."""

    packet: Words
    """Index into the packets sent."""
    number: Words
    """In the order in which sources began to send: by cycle, then by node."""
    node: Words
    injected: Words
    """Cycle in which the source sent the head."""
    head: Words
    """Cycle in which the head arrived."""
    tail: Words
    hops: Words
    """Routers on the way."""


class NetworkRun:
    """A network of a shape on its way through a list of packets."""

    def __init__(self, shape: NetworkShape, packets: Packets) -> None:
        self.shape = shape
        self.packets = packets
        trees, tree_of = _trees(packets)
        count = len(packets.created)
        self.network = make_network(shape, count, trees=trees)
        table = self.network.packet
        table[:, n.P_SOURCE] = packets.source
        table[:, n.P_TARGET] = np.where(tree_of < 0, packets.destination, n.TREES + tree_of)
        table[:, n.P_FLITS] = packets.flits
        table[:, n.P_CREATED] = packets.created
        sizes = np.array([1, *(len(nodes) for _, nodes in trees)], np.int64)
        self.copies = sizes[tree_of + 1]
        self.order = np.argsort(packets.created, kind="stable").astype(np.int64)
        self.scalars = np.zeros(kernels.REPLAY_SCALARS, np.int64)
        self.heads = np.zeros((shape.nodes, shape.virtual_channels), np.int64)
        self.arrivals = np.zeros((int(self.copies.sum()), kernels.ARRIVAL_COLUMNS), np.int64)

    def run(self, until: int | None = None) -> int:
        """Step to cycle `until`, or until nothing moves any more. Returns the cycle that would be stepped next.

        Raises SimulationError with the packets that wait for each other when nothing moves though flits wait.
        """
        limit = n.FOREVER if until is None else until
        # Between calls Python looks whether it was interrupted.
        steps = max(2 * PATIENCE_CYCLES, ROUTER_CYCLES_AT_ONCE // self.shape.routers)
        outcome = kernels.PAUSED
        while outcome == kernels.PAUSED:
            outcome = kernels.replay(
                self.network, self.scalars, self.order, self.heads, self.arrivals, limit, PATIENCE_CYCLES, steps
            )
        if outcome == kernels.STUCK:
            waiting = describe_waiting(self.shape, self.network)
            raise SimulationError("\n".join([f"deadlock: nothing moves after cycle {self.last_move}", *waiting]))
        return self.now

    @property
    def now(self) -> int:
        """The cycle that is stepped next."""
        return int(self.scalars[kernels.NOW])

    @property
    def last_move(self) -> int:
        """The last cycle in which anything moved."""
        return int(self.network.scalars[n.LAST_MOVE])

    @property
    def deliveries(self) -> Deliveries:
        """What has arrived so far."""
        rows = self.arrivals[: self.scalars[kernels.ARRIVED]]
        packet = rows[:, kernels.A_PACKET]
        return Deliveries(
            packet=packet.copy(),
            number=self.network.packet[packet, n.P_NUMBER],
            node=rows[:, kernels.A_NODE].copy(),
            injected=self.network.packet[packet, n.P_INJECTED],
            head=rows[:, kernels.A_HEAD].copy(),
            tail=rows[:, kernels.A_TAIL].copy(),
            hops=rows[:, kernels.A_HOPS].copy(),
        )

    @property
    def in_flight(self) -> int:
        """Copies of packets that have been created and have not arrived."""
        created = self.order[: self.scalars[kernels.CREATED]]
        return int(self.copies[created].sum() - self.scalars[kernels.ARRIVED])

    @property
    def flit_hops(self) -> int:
        """Flits that have left routers, over all routers."""
        return int(self.network.link_bins.sum())

    @property
    def link_flits(self) -> Words:
        """Flits that have left by each output, [routers, ports]."""
        flits: Words = self.network.link_bins[0].reshape(self.shape.routers, self.shape.ports).copy()
        return flits


def _trees(packets: Packets) -> tuple[list[Tree], Words]:
    """The multicast trees of a list of packets, and the tree of each packet, -1 for none."""
    tree_of = np.full(len(packets.created), -1, np.int64)
    sets = [tuple(sorted(set(nodes))) for nodes in packets.destination_sets]
    trees: dict[Tree, int] = {}
    for index in np.flatnonzero(packets.destination < 0):
        tree = (int(packets.source[index]), sets[-1 - int(packets.destination[index])])
        tree_of[index] = trees.setdefault(tree, len(trees))
    return list(trees), tree_of
