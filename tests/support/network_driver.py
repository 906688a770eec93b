"""Packets through a network without tiles: when each was injected, and when its head and tail arrived."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from accelsim.engine.replay import NetworkRun, Packets
from accelsim.engine.topology import NetworkShape


class Packet(NamedTuple):
    """A packet to send: `created` is the first cycle in which it may be injected."""

    created: int
    source: int
    destination: int
    flits: int


class Delivery(NamedTuple):
    """What became of a packet, in cycles; `hops` counts the routers on its way."""

    injected: int
    head: int
    tail: int
    hops: int


def as_packets(packets: Sequence[Packet]) -> Packets:
    """The columns of a list of packets."""
    columns = np.array(packets, np.int64).reshape(-1, 4).T
    return Packets(*(np.ascontiguousarray(column) for column in columns))


class NetworkDriver:
    """Sends packets, those of one source in the order of the list, and keeps the run for a look at its state."""

    def __init__(self, shape: NetworkShape) -> None:
        self.shape = shape

    def send_all(self, packets: Sequence[Packet]) -> list[Delivery]:
        """Run until all is quiet; every packet must have arrived at its destination, once."""
        self.run = NetworkRun(self.shape, as_packets(packets))
        self.run.run()
        found = self.run.deliveries
        order = np.argsort(found.packet, kind="stable")
        assert found.packet[order].tolist() == list(range(len(packets)))
        assert found.node[order].tolist() == [packet.destination for packet in packets]
        columns = (found.injected, found.head, found.tail, found.hops)
        return [Delivery(*map(int, row)) for row in zip(*(column[order] for column in columns), strict=True)]
