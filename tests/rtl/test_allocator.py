"""The allocator as hardware against iSLIP as the paper tells it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
from amaranth.sim import Simulator

from accelsim.rtl.allocator import Allocator
from accelsim.rtl.arbiter import Arbiter


class Islip:
    """One iteration of iSLIP: N. McKeown, "The iSLIP scheduling algorithm for input-queued switches" (1999)."""

    def __init__(self, requesters: int, resources: int) -> None:
        self.requesters, self.resources = requesters, resources
        self.grant_pointer = [0] * resources
        self.accept_pointer = [0] * requesters

    def allocate(self, requests: Sequence[set[int]]) -> dict[int, int]:
        """The resource of each requester that gets one."""
        granted: dict[int, set[int]] = {}
        for resource, pointer in enumerate(self.grant_pointer):
            asking = [i for i in range(self.requesters) if resource in requests[i]]
            if asking:
                granted.setdefault(min(asking, key=lambda i: (i - pointer) % self.requesters), set()).add(resource)
        accepted = {
            i: min(offers, key=lambda o: (o - self.accept_pointer[i]) % self.resources) for i, offers in granted.items()
        }
        for i, resource in accepted.items():
            self.grant_pointer[resource] = (i + 1) % self.requesters
            self.accept_pointer[i] = (resource + 1) % self.resources
        return accepted


def allocate(requesters: int, resources: int, rounds: Sequence[Sequence[set[int]]]) -> list[dict[int, int]]:
    """What the hardware gives, a cycle a round."""
    allocator = Allocator(requesters, resources)
    results = []

    async def bench(context: Any) -> None:
        for requests in rounds:
            for i, wanted in enumerate(requests):
                context.set(allocator.requests[i], sum(1 << resource for resource in wanted))
            rows = [context.get(allocator.accepted[i]) for i in range(requesters)]
            assert all(row & row - 1 == 0 for row in rows)
            assert context.get(allocator.taken) == sum(rows), "resources are given once"
            results.append({i: row.bit_length() - 1 for i, row in enumerate(rows) if row})
            await context.tick()

    simulator = Simulator(allocator)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return results


@pytest.mark.parametrize(("requesters", "resources"), [(1, 1), (5, 5), (10, 10), (3, 7), (7, 3)])
@pytest.mark.parametrize("density", [0.1, 0.5, 1.0])
def test_it_allocates_as_islip(requesters: int, resources: int, density: float) -> None:
    chance = random.Random(f"{requesters} {resources} {density}")
    rounds = [
        [{o for o in range(resources) if chance.random() < density} for _ in range(requesters)] for _ in range(150)
    ]
    reference = Islip(requesters, resources)
    expected = [reference.allocate(requests) for requests in rounds]
    assert any(expected)
    assert allocate(requesters, resources, rounds) == expected


def test_pointers_of_a_full_switch_part_and_then_give_everybody_a_resource() -> None:
    """McKeown 1999, section III: under full load the pointers desynchronise, and the switch is used fully."""
    everything = [set(range(4))] * 4
    sizes = [len(given) for given in allocate(4, 4, [everything] * 10)]
    assert sizes == [1, 2, 3, 4, 4, 4, 4, 4, 4, 4]


def test_an_arbiter_stays_until_it_is_told_to_move() -> None:
    arbiter = Arbiter(3)
    grants = []

    async def bench(context: Any) -> None:
        for requests, advance in ((0b111, 0), (0b111, 1), (0b111, 1), (0b001, 1), (0b101, 0), (0b011, 0)):
            context.set(arbiter.requests, requests)
            context.set(arbiter.advance, advance)
            grants.append(context.get(arbiter.grant))
            await context.tick()

    simulator = Simulator(arbiter)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert grants == [0b001, 0b001, 0b010, 0b001, 0b100, 0b010]
