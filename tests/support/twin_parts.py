"""What the plain-Python network is made of: flits, wires, pipeline stages, allocators, output VCs."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple


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
