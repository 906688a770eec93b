"""Routes as plain functions: minimal, of the right VC class, and those that the plain-Python network takes."""

from __future__ import annotations

from itertools import product

import pytest
from network_loads import ROUTINGS
from network_routes import topology_of
from network_shapes import shape

from accelsim.engine.routes import Hop, permitted_hops, place
from accelsim.engine.topology import NetworkShape, neighbours

SHAPES = [
    shape(topology, columns, rows, routing=routing, virtual_channels=vcs)
    for topology, routings in ROUTINGS.items()
    for routing in routings
    for columns, rows in ((1, 1), (2, 1), (4, 4), (5, 3))
    for vcs in (1, 2, 3)
]


def name(network: NetworkShape) -> str:
    return f"{network.topology}-{network.routing}-{network.columns}x{network.rows}-{network.virtual_channels}"


@pytest.mark.parametrize("network", SHAPES, ids=name)
def test_the_same_as_those_of_the_plain_network(network: NetworkShape) -> None:
    topology = topology_of(network)
    vcs, half = network.virtual_channels, network.virtual_channels // 2
    classes = [range(half), range(half, vcs)] if network.wraps and vcs > 1 else [range(vcs)]
    for here, start, end in product(range(network.routers), repeat=3):
        if here == end or network.routers == 1:
            continue
        found = [(hop.port, classes[hop.vc_class]) for hop in permitted_hops(network, here, start, end)]
        assert found == [(route.output, route.vcs) for route in topology.routes(here, end, start)]


@pytest.mark.parametrize("network", SHAPES, ids=name)
def test_every_permitted_hop_leads_nearer(network: NetworkShape) -> None:
    behind = {(router, port): there for router, port, there, _ in neighbours(network)}

    def distance(one: int, other: int) -> int:
        total = 0
        for size, a, b in zip(network.extent, place(network, one), place(network, other), strict=True):
            total += min((a - b) % size, (b - a) % size) if network.wraps else abs(a - b)
        return total

    for start, end in product(range(network.routers), repeat=2):
        todo = [start]
        while todo:
            here = todo.pop()
            hops = permitted_hops(network, here, start, end)
            assert bool(hops) == (here != end)
            for hop in hops:
                there = behind[here, hop.port]
                assert distance(there, end) == distance(here, end) - 1
                todo.append(there)


def test_the_class_of_a_ring_changes_after_the_dateline() -> None:
    ring = shape("ring", 6, 1, virtual_channels=4)
    # From 4 up over the link between 5 and 0 to 1, and from 1 down over it to 4; without it the upper class at once.
    assert [permitted_hops(ring, here, 4, 1) for here in (4, 5, 0, 1)] == [[Hop(0, 0)], [Hop(0, 0)], [Hop(0, 1)], []]
    assert [permitted_hops(ring, here, 1, 4) for here in (1, 0, 5, 4)] == [[Hop(0, 1)], [Hop(1, 0)], [Hop(1, 1)], []]
    assert permitted_hops(ring, 1, 1, 5) == [Hop(1, 0)]
    assert permitted_hops(ring, 1, 1, 3) == [Hop(0, 1)]


def test_turns_of_the_odd_even_model() -> None:
    """Chiu (2000): no turn from east to north or south in an even column, none from there to west in an odd one."""
    mesh = shape("mesh", 6, 6, routing="odd_even")
    behind = {(router, port): (there, entry) for router, port, there, entry in neighbours(mesh)}
    turns = set()
    for start, end in product(range(36), repeat=2):
        seen, todo = {(start, None)}, [(start, None)]
        while todo:
            here, entry = todo.pop()
            for hop in permitted_hops(mesh, here, start, end):
                turns.add((place(mesh, here)[0] % 2, entry, hop.port))
                step = behind[here, hop.port]
                if step not in seen:
                    seen.add(step)
                    todo.append(step)
    # A packet that enters from -x (1) travels east; one that enters from +y (2) or -y (3) and leaves by -x turns west.
    assert not any(entry == 1 and port in (2, 3) for odd, entry, port in turns if not odd)
    assert not any(entry in (2, 3) and port == 1 for odd, entry, port in turns if odd)
    assert {(1, 1, 2), (1, 1, 3), (0, 2, 1), (0, 3, 1)} <= turns
