"""The network as plain objects, stepped cycle by cycle: slow, and written to be read beside docs/timing.md.

Every cycle visits every node and every router and does there what the timing contract says, phase by phase. It shares
nothing with the compiled network but the description of a shape, of packets and of deliveries.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np
from network_routes import topology_of
from twin_parts import Departure, Flit, OutputVc, Packet, Wire
from twin_router import Router

from accelsim.engine.replay import Packets
from accelsim.engine.topology import NetworkShape


class Delivery(NamedTuple):
    """A packet, or a copy of one, whose tail has reached a sink."""

    packet: int
    number: int
    node: int
    injected: int
    head: int
    tail: int
    hops: int


class Source:
    """Sends the packets of a node in order, a flit a cycle."""

    def __init__(self, network: NetworkTwin, node: int, packets: list[int]) -> None:
        self.network = network
        self.node = node
        self.packets = deque(packets)
        self.current: Packet | None = None
        self.sent = 0
        self.last_vc = -1
        self.vcs = [OutputVc(network.shape.buffer_flits) for _ in range(network.shape.virtual_channels)]
        self.flits_out = Wire(1 + network.shape.link_cycles)
        self.credits_in = Wire(1 + network.shape.link_cycles)

    def receive(self, now: int) -> None:
        for vc in self.credits_in.due(now):
            self.vcs[vc].take_credit()

    def step(self, now: int) -> None:
        if self.current is None and self.packets and self.network.created(self.packets[0]) <= now:
            self.current = self.network.fetch(self.packets.popleft())
            self.sent = 0
        if self.current is not None:
            self.send(now, self.current)

    def send(self, now: int, packet: Packet) -> None:
        vc = self.choose_vc() if self.sent == 0 else self.last_vc
        if vc is None or not self.vcs[vc].has_credit:
            return
        if self.sent == 0:
            packet.injected = now
        self.last_vc = vc
        self.vcs[vc].spend_credit()
        destinations = self.network.destinations(packet.index)
        self.flits_out.send(now, Flit(packet, self.sent, destinations, hops=0, vc=vc))
        self.network.moved(now)
        self.sent += 1
        if self.sent == packet.flits:
            self.current = None

    def choose_vc(self) -> int | None:
        """The first with credit after the last one used, which is tried last."""
        count = len(self.vcs)
        tries = [(self.last_vc + 1 + n) % count for n in range(count)]
        return next((vc for vc in tries if self.vcs[vc].has_credit), None)


class Sink:
    """Takes a flit a cycle and gives its credit back at once."""

    def __init__(self, network: NetworkTwin, node: int, flits_in: Wire, credits_out: Wire) -> None:
        self.network = network
        self.node = node
        self.flits_in = flits_in
        self.credits_out = credits_out
        self.heads: dict[int, int] = {}
        """Packet number to the cycle in which its head came."""

    def step(self, now: int) -> None:
        for flit in self.flits_in.due(now):
            assert flit.destinations == {self.node}
            self.credits_out.send(now, flit.vc)
            packet = flit.packet
            if flit.is_head:
                self.heads[packet.number] = now
            if flit.is_tail:
                head = self.heads.pop(packet.number)
                self.network.delivered(
                    Delivery(packet.index, packet.number, self.node, packet.injected, head, now, flit.hops)
                )


class TwinDeadlock(Exception):
    """Flits are in the network, and none has moved for longer than any wire or stage takes."""


class NetworkTwin:
    """The whole network, with the packets that are to go through it.

    `shape` is a NetworkShape and `packets` are Packets. What became of them stands in `log`, a row a packet (a copy, of
    a multicast) in order of arrival, and in `departures`, a row a flit that left a router.
    """

    router = Router
    source = Source
    sink = Sink
    patience_cycles = 500

    def __init__(self, shape: NetworkShape, packets: Packets) -> None:
        self.shape = shape
        self.packets = packets
        self.topology = topology_of(shape)
        self.now = 0
        self.fetched = 0
        self.last_move = 0
        self.log: list[Delivery] = []
        self.departures: list[Departure] = []
        self.routers = [self.router(self, number) for number in range(shape.routers)]
        queues: list[list[int]] = [[] for _ in range(shape.nodes)]
        for index, node in enumerate(packets.source.tolist()):
            queues[node].append(index)
        self.sources = [self.source(self, node, queue) for node, queue in enumerate(queues)]
        self.sinks: list[Sink] = []
        self.connect()
        self.expected = sum(len(self.destinations(index)) for index in range(len(packets.source)))

    def connect(self) -> None:
        link = 1 + self.shape.link_cycles
        credit = link + self.shape.credit_cycles
        for router in self.routers:
            for output in range(self.shape.ports):
                other = self.topology.neighbour(router.number, output)
                if other is not None:
                    end, entry = self.routers[other[0]], other[1]
                    router.flits_out[output] = end.flits_in[entry] = Wire(link)
                    router.credits_in[output] = end.credits_out[entry] = Wire(credit)
        for node, source in enumerate(self.sources):
            number, port = self.topology.place(node)
            router = self.routers[number]
            router.flits_in[port] = source.flits_out
            router.credits_out[port] = source.credits_in
            router.flits_out[port] = Wire(link)
            router.credits_in[port] = Wire(credit)
            self.sinks.append(self.sink(self, node, router.flits_out[port], router.credits_in[port]))

    def destinations(self, index: int) -> frozenset[int]:
        node = int(self.packets.destination[index])
        return frozenset([node] if node >= 0 else self.packets.destination_sets[-1 - node])

    def created(self, index: int) -> int:
        return int(self.packets.created[index])

    def fetch(self, index: int) -> Packet:
        number = self.fetched
        self.fetched += 1
        return Packet(index, number, int(self.packets.source[index]), int(self.packets.flits[index]))

    def delivered(self, delivery: Delivery) -> None:
        self.log.append(delivery)

    def departed(self, departure: Departure) -> None:
        self.departures.append(departure)
        self.moved(departure.cycle)

    def moved(self, now: int) -> None:
        self.last_move = now

    def step(self) -> None:
        """One cycle. Nothing crosses between nodes in it, so their order does not matter but for numbers and rows."""
        for sink in self.sinks:
            sink.step(self.now)
        for source in self.sources:
            source.receive(self.now)
        for source in self.sources:
            source.step(self.now)
        for router in self.routers:
            router.step(self.now)
        self.now += 1

    @property
    def idle(self) -> bool:
        """Whether nothing is under way and no packet is due."""
        waiting = any(source.current is not None for source in self.sources)
        return not waiting and self.flits_inside == 0

    @property
    def flits_inside(self) -> int:
        inside = 0
        for router in self.routers:
            inside += sum(len(held.fifo) for _, _, held in router.input_vcs())
        return inside

    def run(self, until: int | None = None) -> int:
        """Step to cycle `until`, or until all has arrived; the cycle that would be next."""
        while len(self.log) < self.expected and (until is None or self.now < until):
            self.step()
            if self.now - self.last_move > self.patience_cycles and not self.idle:
                raise TwinDeadlock(f"nothing has moved since cycle {self.last_move}")
        return self.now

    @property
    def deliveries(self) -> np.ndarray:
        """int64 [deliveries, 7], the columns of `Delivery`."""
        return np.array(self.log, np.int64).reshape(-1, len(Delivery._fields))

    @property
    def link_flits(self) -> np.ndarray:
        """int64 [routers, ports], flits that left by each output."""
        counts = np.zeros((self.shape.routers, self.shape.ports), np.int64)
        for departure in self.departures:
            counts[departure.router, departure.output] += 1
        return counts

    @property
    def flit_hops(self) -> int:
        return len(self.departures)
