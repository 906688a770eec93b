"""A router as plain objects: one method a phase of the cycle."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from network_routes import Route
from twin_parts import Departure, Flit, Islip, OutputVc, Packet, Stage, Wire

if TYPE_CHECKING:
    from network_twin import NetworkTwin


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

    def release(self) -> Flit | None:
        """Remove the front flit if every branch has sent it."""
        if all(branch.sent > self.freed for branch in self.branches):
            self.freed += 1
            return self.fifo.popleft()
        return None


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
        """Whether the VC keeps the stage busy; without credit it does so, though it asks for nothing.

        The packet of a tree is active from its first branch's VC on, even when that branch has sent all.
        """
        speculative = self.shape.speculative and held.state is VcState.WAITVC
        active = any(branch.vc is not None for branch in held.branches)
        return bool(held.fifo and (active or speculative))

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
