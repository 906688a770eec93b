"""Packets through a network without tiles: when each was injected, and when its head and tail arrived."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from bare_fabric import fabric

from accelsim.engine.fabric import NetworkShape
from accelsim.engine.groups import GroupTable
from accelsim.kernels import network as kernels
from accelsim.kernels import state as k


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


class NetworkDriver:
    """Steps a network cycle by cycle and looks at every flit that reaches a sink."""

    def __init__(self, shape: NetworkShape) -> None:
        self.shape = shape

    def send_all(self, packets: Sequence[Packet], longest: int = 1_000_000) -> list[Delivery]:
        """Send packets, those of one source in the order of the list; step until all have arrived and all is quiet."""
        groups = GroupTable()
        for _ in packets:
            groups.add("packet", 1)
        self.fabric = held = fabric(groups, network=self.shape)
        network = held.network
        self.waiting: dict[int, list[int]] = {}
        for number in reversed(range(len(packets))):
            self.waiting.setdefault(packets[number].source, []).append(number)
        self.number_of: dict[int, int] = {}
        self.taken: dict[int, list[int]] = {}
        found: dict[int, Delivery] = {}
        t = 0
        while len(found) < len(packets) or network.wheel_mask.any():
            assert t < longest, "packets are lost"
            self._feed(packets, t)
            for slot in self._arriving(t):
                number = self.number_of[slot]
                cycles = self.taken[number]
                if len(cycles) == packets[number].flits:
                    row = network.packet[slot]
                    found[number] = Delivery(int(row[k.P_INJECTED]), cycles[0], t, int(row[k.P_HOPS]))
            busy = kernels.network_cycle(held.clock, network, held.tiles, held.memory, t, 0)
            t += 1
            if not busy and self.waiting and not network.wheel_mask.any():
                t = max(t, min(packets[numbers[-1]].created for numbers in self.waiting.values()))
        return [found[number] for number in range(len(packets))]

    def _feed(self, packets: Sequence[Packet], t: int) -> None:
        """Keep the sources' queues filled with packets that were created."""
        network, clock = self.fabric.network, self.fabric.clock
        for node, numbers in list(self.waiting.items()):
            while numbers:
                created, _, destination, flits = packets[numbers[-1]]
                if created > t or not kernels.has_room(network, node, flits):
                    break
                number = numbers.pop()
                slot = int(network.free[clock.scalars[k.FREE_PACKETS] - 1])
                kernels.send(clock, network, node, destination, flits, number, 1, k.CONTROL, 0, 0, created)
                self.number_of[slot] = number
            if not numbers:
                del self.waiting[node]

    def _arriving(self, t: int) -> list[int]:
        """Packet slots of the flits that sinks take in cycle t; a packet's flits arrive in order, head to tail."""
        network = self.fabric.network
        slots = []
        for node in np.flatnonzero(network.wheel_mask[t % k.WHEEL] & 1 << 10):
            flit = int(network.wheel_sink[t % k.WHEEL, node])
            slot = flit >> 8
            cycles = self.taken.setdefault(self.number_of[slot], [])
            cycles.append(t)
            row = network.packet[slot]
            assert row[k.P_DST] == node
            assert bool(flit & 1) == (len(cycles) == 1)
            assert bool(flit & 2) == (len(cycles) == row[k.P_FLITS])
            slots.append(slot)
        return slots
