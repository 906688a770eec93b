"""The network as plain objects, stepped cycle by cycle: slow, and written to be read beside docs/timing.md.

Every cycle visits every node and every router and does there what the timing contract says, phase by phase. It shares
nothing with the compiled network but the description of a shape, of packets and of deliveries.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, NamedTuple

import numpy as np
from network_routes import Route, topology_of


@dataclass(eq=False)
class Packet:
    """A packet under way; `number` in order of fetching, `index` into the packets to send."""

    index: int
    number: int
    source: int
    flits: int
    injected: int = -1


@dataclass(frozen=True)
class Flit:
    """One flit of one copy of a packet: the nodes that it is still for, and the routers it has been through."""

    packet: Packet
    index: int
    destinations: frozenset[int]
    hops: int
    vc: int

    @property
    def is_head(self) -> bool:
        return self.index == 0

    @property
    def is_tail(self) -> bool:
        return self.index == self.packet.flits - 1


class Departure(NamedTuple):
    """A flit that left a router: the cycle of its switch grant's effect, and where it went."""

    cycle: int
    router: int
    output: int
    vc: int
    packet: int
    flit: int


class Delivery(NamedTuple):
    """A packet, or a copy of one, whose tail has reached a sink."""

    packet: int
    number: int
    node: int
    injected: int
    head: int
    tail: int
    hops: int


class Wire:
    """Carries things for a fixed number of cycles."""

    def __init__(self, cycles: int) -> None:
        self.cycles = cycles
        self.under_way: deque[tuple[int, Any]] = deque()

    def send(self, now: int, thing: Any) -> None:
        self.under_way.append((now + self.cycles, thing))

    def due(self, now: int) -> list[Any]:
        """What arrives in this cycle: at most one thing."""
        arrived = []
        while self.under_way and self.under_way[0][0] == now:
            arrived.append(self.under_way.popleft()[1])
        assert len(arrived) <= 1
        return arrived


class Stage:
    """A pipeline stage of a whole router that is not pipelined itself: it takes a batch and then is busy with it."""

    def __init__(self, cycles: int) -> None:
        self.cycles = cycles
        self.next_start = 0
        self.last_cycle = -1
        self.batch: Any = None

    def is_free(self, now: int) -> bool:
        return now >= self.next_start

    def start(self, now: int, batch: Any) -> None:
        assert self.is_free(now)
        self.batch = batch
        self.last_cycle = now + self.cycles - 1
        self.next_start = now + self.cycles

    def finished(self, now: int) -> list[Any]:
        """The batch, in the last cycle of the stage."""
        return list(self.batch) if now == self.last_cycle else []


class Islip:
    """Separable round-robin allocator, one iteration (McKeown 1999)."""

    def __init__(self, requesters: int, resources: int) -> None:
        self.grant_pointer = [0] * resources
        self.accept_pointer = [0] * requesters

    def allocate(self, requests: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
        """Match (requester, resource) pairs, each at most once; in order of requesters."""
        wanted_by: dict[int, list[int]] = {}
        for requester, resource in sorted(requests):
            wanted_by.setdefault(resource, []).append(requester)
        granted_to: dict[int, list[int]] = {}
        for resource, requesters in sorted(wanted_by.items()):
            winner = first_from(self.grant_pointer[resource], requesters, len(self.accept_pointer))
            granted_to.setdefault(winner, []).append(resource)
        matched = []
        for requester, resources in sorted(granted_to.items()):
            resource = first_from(self.accept_pointer[requester], resources, len(self.grant_pointer))
            self.move_pointers(requester, resource)
            matched.append((requester, resource))
        return matched

    def move_pointers(self, requester: int, resource: int) -> None:
        self.grant_pointer[resource] = (requester + 1) % len(self.accept_pointer)
        self.accept_pointer[requester] = (resource + 1) % len(self.grant_pointer)


def first_from(pointer: int, candidates: list[int], count: int) -> int:
    """The first candidate at or after the pointer, going up and wrapping round."""
    return min(candidates, key=lambda candidate: (candidate - pointer) % count)


class VcState(Enum):
    IDLE = 0
    ROUTE = 1
    WAITVC = 2
    ACTIVE = 3


@dataclass
class Branch:
    """One output that the packet at the front of an input VC has to go to, and how far it has come there."""

    route: Route
    destinations: frozenset[int]
    vc: int | None = None
    sent: int = 0


@dataclass
class InputVc:
    """A FIFO of flits, and what its front packet is waiting for. A unicast packet is a tree of one branch."""

    depth: int
    state: VcState = VcState.IDLE
    fifo: deque[Flit] = field(default_factory=deque)
    branches: list[Branch] = field(default_factory=list)
    packet: Packet | None = None
    """The front packet; some of its flits may have left, and others not have come yet."""
    freed: int = 0
    """Flits of the front packet that have left the FIFO."""

    def put(self, flit: Flit) -> None:
        self.fifo.append(flit)
        assert len(self.fifo) <= self.depth, "a credit was given twice"

    def flit_for(self, branch: Branch) -> Flit | None:
        """The next flit of the front packet that the branch has to send, if it is there already."""
        place = branch.sent - self.freed
        return self.fifo[place] if place < len(self.fifo) and self.fifo[place].packet is self.packet else None

    def has_sent_all(self, branch: Branch) -> bool:
        assert self.packet is not None
        return branch.sent == self.packet.flits

    def release(self) -> Flit | None:
        """Remove the front flit if every branch has sent it."""
        if all(branch.sent > self.freed for branch in self.branches):
            self.freed += 1
            return self.fifo.popleft()
        return None


@dataclass
class OutputVc:
    """`occupied` counts flits sent and not yet credited: what may be in the buffer at the other end."""

    depth: int
    owned: bool = False
    occupied: int = 0

    @property
    def has_credit(self) -> bool:
        return self.occupied < self.depth

    def take_credit(self) -> None:
        self.occupied -= 1
        assert self.occupied >= 0

    def spend_credit(self) -> None:
        self.occupied += 1
        assert self.occupied <= self.depth


class Bid(NamedTuple):
    """What an input asks of the switch for one output."""

    vc: int
    speculative: bool


class Router:
    """An input-queued router with virtual channels and credits."""

    allocator = Islip

    def __init__(self, network: NetworkTwin, number: int) -> None:
        shape = network.shape
        self.network = network
        self.number = number
        self.shape = shape
        self.ports = shape.ports
        self.vcs = shape.virtual_channels
        self.inputs = [[InputVc(shape.buffer_flits) for _ in range(self.vcs)] for _ in range(self.ports)]
        self.outputs = [[OutputVc(shape.buffer_flits) for _ in range(self.vcs)] for _ in range(self.ports)]
        self.vc_allocator = self.allocator(self.ports * self.vcs, self.ports * self.vcs)
        self.switch_allocator = self.allocator(self.ports, self.ports)
        self.first_vc = [0] * self.ports
        """Of each input: the VC that is preferred among equal bids for one output (rr)."""
        self.route_stage = Stage(shape.routing_cycles)
        self.vc_stage = Stage(shape.vc_allocation_cycles)
        self.switch_stage = Stage(shape.switch_allocation_cycles)
        self.traversal_stage = Stage(shape.traversal_cycles)
        self.granted: list[tuple[int, Flit]] = []
        """(output, flit) that have left their FIFO and wait for the crossbar, in order of grant."""
        self.output_fifos: list[deque[Flit]] = [deque() for _ in range(self.ports)]
        self.flits_in: dict[int, Wire] = {}
        self.credits_out: dict[int, Wire] = {}
        self.flits_out: dict[int, Wire] = {}
        self.credits_in: dict[int, Wire] = {}

    def step(self, now: int) -> None:
        self.traverse(now)
        self.receive(now)
        self.select_outputs()
        self.evaluate_vc_allocation(now)
        self.evaluate_switch_allocation(now)
        self.complete_routes(now)
        self.take_vcs(now)
        self.take_switch(now)

    def input_vcs(self) -> Iterable[tuple[int, int, InputVc]]:
        return ((i, v, held) for i, vcs in enumerate(self.inputs) for v, held in enumerate(vcs))

    # Traversal sees what was granted up to the cycle before.

    def traverse(self, now: int) -> None:
        if self.granted and self.traversal_stage.is_free(now):
            self.traversal_stage.start(now, self.granted)
            self.granted = []
        for output, flit in self.traversal_stage.finished(now):
            self.output_fifos[output].append(flit)
        for output, fifo in enumerate(self.output_fifos):
            if fifo:
                self.flits_out[output].send(now, fifo.popleft())

    # Phase a

    def receive(self, now: int) -> None:
        for port, wire in self.flits_in.items():
            for flit in wire.due(now):
                held = self.inputs[port][flit.vc]
                held.put(flit)
                if held.state is VcState.IDLE:
                    self.begin_packet(held)
        for port, wire in self.credits_in.items():
            for vc in wire.due(now):
                self.outputs[port][vc].take_credit()

    def begin_packet(self, held: InputVc) -> None:
        """A head has come to the front."""
        assert held.fifo[0].is_head
        held.packet = held.fifo[0].packet
        held.branches = []
        held.freed = 0
        held.state = VcState.ROUTE if self.shape.routing_cycles else VcState.WAITVC

    # Phase b, before the evaluations

    def select_outputs(self) -> None:
        for _, _, held in self.input_vcs():
            if held.state is VcState.WAITVC and not held.branches:
                held.branches = self.branches_of(held.fifo[0])

    def branches_of(self, head: Flit) -> list[Branch]:
        """Where the front packet goes: one output, chosen by credits if the route is adaptive, or those of a tree."""
        topology = self.network.topology
        destinations: dict[int, set[int]] = {}
        routes: dict[int, Route] = {}
        for node in sorted(head.destinations):
            permitted = topology.routes(self.number, node, head.packet.source)
            # The output in x stands first, and max keeps the first of equals.
            route = max(permitted, key=lambda route: self.credits(route.output))
            destinations.setdefault(route.output, set()).add(node)
            # Of a tree's VC classes the lower one stands for a dateline that some destination has yet to cross.
            routes[route.output] = min(routes.get(route.output, route), route, key=lambda route: route.vcs.start)
        return [Branch(routes[output], frozenset(destinations[output])) for output in sorted(routes)]

    def credits(self, output: int) -> int:
        return sum(vc.depth - vc.occupied for vc in self.outputs[output])

    def evaluate_vc_allocation(self, now: int) -> None:
        waiting = [place for place in self.input_vcs() if place[2].state is VcState.WAITVC]
        if not waiting or not self.vc_stage.is_free(now):
            return
        requests = [
            (i * self.vcs + v, branch.route.output * self.vcs + w)
            for i, v, held in waiting
            for branch in held.branches
            if branch.vc is None
            for w in self.requested_vcs(branch)
        ]
        self.vc_stage.start(now, self.vc_allocator.allocate(requests))

    def requested_vcs(self, branch: Branch) -> list[int]:
        """Credits do not matter."""
        return [w for w in branch.route.vcs if not self.outputs[branch.route.output][w].owned]

    # Phase c

    def evaluate_switch_allocation(self, now: int) -> None:
        if not self.switch_stage.is_free(now) or not any(self.wants_switch(held) for _, _, held in self.input_vcs()):
            return
        bids = self.bids()
        matched = self.switch_allocator.allocate(bids)
        for i, o in matched:
            self.move_first_vc(i, bids[i, o].vc)
        self.switch_stage.start(now, [(i, bids[i, o].vc, o) for i, o in matched])

    def wants_switch(self, held: InputVc) -> bool:
        """Whether the VC keeps the stage busy; without credit it does so, though it asks for nothing."""
        if held.state is VcState.WAITVC and self.shape.speculative:
            return True
        under_way = [branch for branch in held.branches if branch.vc is not None and not held.has_sent_all(branch)]
        return bool(held.fifo and under_way)

    def bids(self) -> dict[tuple[int, int], Bid]:
        """The one bid of each (input, output)."""
        bids: dict[tuple[int, int], list[Bid]] = {}
        for i, v, held in self.input_vcs():
            for branch in held.branches:
                speculative = branch.vc is None
                if self.bids_speculatively(branch) if speculative else self.bids_normally(held, branch):
                    bids.setdefault((i, branch.route.output), []).append(Bid(v, speculative))
        return {(i, o): min(among, key=lambda bid: self.preference(i, bid)) for (i, o), among in bids.items()}

    def bids_normally(self, held: InputVc, branch: Branch) -> bool:
        assert branch.vc is not None
        if held.flit_for(branch) is None:
            return False
        return self.outputs[branch.route.output][branch.vc].has_credit

    def bids_speculatively(self, branch: Branch) -> bool:
        """The VC that is free and has credit need not be the one that the allocation will give."""
        vcs = [self.outputs[branch.route.output][w] for w in branch.route.vcs]
        return self.shape.speculative and any(vc.has_credit and not vc.owned for vc in vcs)

    def preference(self, i: int, bid: Bid) -> tuple[bool, int]:
        return bid.speculative, (bid.vc - self.first_vc[i]) % self.vcs

    def move_first_vc(self, i: int, vc: int) -> None:
        self.first_vc[i] = (vc + 1) % self.vcs

    # Phase d

    def complete_routes(self, now: int) -> None:
        waiting = [held for _, _, held in self.input_vcs() if held.state is VcState.ROUTE]
        if waiting and self.route_stage.is_free(now):
            self.route_stage.start(now, waiting)
        for held in self.route_stage.finished(now):
            held.state = VcState.WAITVC

    # Phase e

    def take_vcs(self, now: int) -> None:
        for requester, resource in self.vc_stage.finished(now):
            held = self.inputs[requester // self.vcs][requester % self.vcs]
            output, vc = divmod(resource, self.vcs)
            (branch,) = [branch for branch in held.branches if branch.route.output == output]
            assert branch.vc is None and not self.outputs[output][vc].owned
            branch.vc = vc
            self.outputs[output][vc].owned = True
            if all(branch.vc is not None for branch in held.branches):
                held.state = VcState.ACTIVE

    # Phase f

    def take_switch(self, now: int) -> None:
        for i, v, output in self.switch_stage.finished(now):
            held = self.inputs[i][v]
            (branch,) = [branch for branch in held.branches if branch.route.output == output]
            if branch.vc is not None and self.may_leave(self.outputs[output][branch.vc]):
                self.send(now, i, v, branch)

    def may_leave(self, vc: OutputVc) -> bool:
        return vc.has_credit

    def send(self, now: int, i: int, v: int, branch: Branch) -> None:
        held = self.inputs[i][v]
        output = branch.route.output
        flit = held.flit_for(branch)
        assert flit is not None and branch.vc is not None
        self.outputs[output][branch.vc].spend_credit()
        if flit.is_tail:
            self.outputs[output][branch.vc].owned = False
        branch.sent += 1
        copy = replace(flit, destinations=branch.destinations, hops=flit.hops + 1, vc=branch.vc)
        self.granted.append((output, copy))
        self.network.departed(Departure(now, self.number, output, branch.vc, flit.packet.index, flit.index))
        released = held.release()
        if released is None:
            return
        self.return_credit(now, i, v)
        if released.is_tail:
            self.end_packet(held)

    def return_credit(self, now: int, i: int, v: int) -> None:
        self.credits_out[i].send(now, v)

    def end_packet(self, held: InputVc) -> None:
        held.packet = None
        held.branches = []
        held.state = VcState.IDLE
        if held.fifo:
            self.begin_packet(held)


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

    def __init__(self, shape: Any, packets: Any) -> None:
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
