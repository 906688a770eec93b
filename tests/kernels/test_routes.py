"""Compiled routes: those of the plain-Python network, so that the proofs about these (test_deadlock) hold for them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
from network_loads import ADAPTIVE, ROUTINGS
from network_routes import Route, topology_of
from network_shapes import NetworkShape, distance, packets, shape
from network_twin import NetworkTwin
from twin_parts import Flit, Packet

from accelsim.engine.network import Tree, make_network
from accelsim.engine.topology import home_of, neighbours
from accelsim.kernels import network_state as n
from accelsim.kernels.routes import classes_of, dimension_order, permitted

SHAPES = [
    shape(topology, columns, rows, routing=routing, virtual_channels=vcs, concentration=concentration)
    for topology, routings in ROUTINGS.items()
    for routing in routings
    for columns, rows, concentration in ((1, 1, 2), (2, 1, 1), (3, 2, 2), (4, 4, 1), (5, 3, 1))
    for vcs in (1, 2, 3)
]


def name(network: NetworkShape) -> str:
    size = f"{network.columns}x{network.rows}x{network.concentration}"
    return f"{network.topology}-{network.routing}-{size}-{network.virtual_channels}"


class CompiledRoutes:
    """Routes as the kernels take them, in the words of the plain-Python network."""

    def __init__(self, network: NetworkShape, trees: Sequence[Tree] = ()) -> None:
        self.shape = network
        self.network = make_network(network, network.nodes, trees=trees)
        # Packet p comes from node p, as far as adaptive routes ask.
        self.network.packet[:, n.P_SOURCE] = np.arange(network.nodes)

    def routes(self, router: int, node: int, source: int) -> list[Route]:
        if self.shape.routing in ADAPTIVE:
            outputs = permitted(self.network, router, source << n.PACKET_SHIFT | node << n.TARGET_SHIFT)
            return [self.route(output, 0) for output in range(self.shape.ports) if outputs >> output & 1]
        found = dimension_order(self.network, router, node)
        return [self.route(found >> 1, found & 1)]

    def tree(self, number: int, router: int) -> list[Route]:
        """The branches of a tree at a router."""
        outputs, lower = self.network.trees[number * self.shape.routers + router].tolist()
        return [self.route(output, lower >> output & 1) for output in range(self.shape.ports) if outputs >> output & 1]

    def route(self, output: int, lower: int) -> Route:
        vcs, half = self.shape.virtual_channels, self.network.shape.half
        classes = classes_of(self.network, output, lower)
        return Route(output, range(0 if classes & n.LOWER else half, vcs if classes & n.UPPER else half))


@pytest.mark.parametrize("network", SHAPES, ids=name)
def test_the_same_as_those_of_the_plain_network(network: NetworkShape) -> None:
    compiled, plain = CompiledRoutes(network), topology_of(network)
    for router, node, source in product(range(network.routers), range(network.nodes), range(network.nodes)):
        assert compiled.routes(router, node, source) == plain.routes(router, node, source)


@pytest.mark.parametrize("network", [each for each in SHAPES if each.routing not in ADAPTIVE], ids=name)
def test_the_same_trees_as_those_of_the_plain_network(network: NetworkShape) -> None:
    """The union of the routes; a branch takes the lower class if any node behind it is behind the dateline."""
    random = np.random.default_rng(1)
    sets = [random.permutation(network.nodes)[: random.integers(1, network.nodes + 1)].tolist() for _ in range(30)]
    trees = [(int(random.integers(network.nodes)), tuple(nodes)) for nodes in sets]
    compiled, plain = CompiledRoutes(network, trees), NetworkTwin(network, packets([]))
    for number, (source, nodes) in enumerate(trees):
        found = {router: compiled.tree(number, router) for router in range(network.routers)}
        assert {router: branches for router, branches in found.items() if branches} == plain_tree(plain, source, nodes)


def plain_tree(twin: NetworkTwin, source: int, nodes: tuple[int, ...]) -> dict[int, list[Route]]:
    """The branches at every router that a packet for several nodes comes to."""
    tree = {}
    to_visit = [(twin.topology.place(source)[0], frozenset(nodes))]
    while to_visit:
        here, destinations = to_visit.pop()
        head = Flit(Packet(0, 0, source, 1), 0, destinations, hops=0, vc=0)
        branches = twin.routers[here].branches_of(head)
        tree[here] = [branch.route for branch in branches]
        for branch in branches:
            there = twin.topology.neighbour(here, branch.route.output)
            to_visit += [] if there is None else [(there[0], branch.destinations)]
    return tree


@pytest.mark.parametrize("network", [each for each in SHAPES if each.virtual_channels == 2], ids=name)
def test_every_permitted_hop_leads_nearer(network: NetworkShape) -> None:
    behind = {(router, port): there for router, port, there, _ in neighbours(network)}
    compiled = CompiledRoutes(network)
    for router, node, source in product(range(network.routers), range(network.nodes), range(network.nodes)):
        routes = compiled.routes(router, node, source)
        home, port = home_of(network, node)
        if router == home:
            assert [output for output, _ in routes] == [port]
            continue
        assert routes
        for output, _ in routes:
            assert distance(network, behind[router, output], home) == distance(network, router, home) - 1


def test_the_class_of_a_ring_changes_after_the_dateline() -> None:
    ring = CompiledRoutes(shape("ring", 6, 1, virtual_channels=4))
    every, lower, upper = range(4), range(2), range(2, 4)
    # From 4 up over the link between 5 and 0 to 1, and from 1 down over it to 4; without it the upper class at once.
    up = [ring.routes(here, 1, 4) for here in (4, 5, 0, 1)]
    assert up == [[Route(0, lower)], [Route(0, lower)], [Route(0, upper)], [Route(2, every)]]
    down = [ring.routes(here, 4, 1) for here in (1, 0, 5, 4)]
    assert down == [[Route(0, upper)], [Route(1, lower)], [Route(1, upper)], [Route(2, every)]]
    assert ring.routes(1, 5, 1) == [Route(1, lower)]
    assert ring.routes(1, 3, 1) == [Route(0, upper)]


def test_turns_of_the_odd_even_model() -> None:
    """Chiu (2000): no turn from east to north or south in an even column, none from there to west in an odd one."""
    mesh = shape("mesh", 6, 6, routing="odd_even")
    compiled = CompiledRoutes(mesh)
    behind = {(router, port): (there, entry) for router, port, there, entry in neighbours(mesh)}
    turns = set()
    for source, node in product(range(36), repeat=2):
        seen, todo = {(source, None)}, [(source, None)]
        while todo:
            here, entry = todo.pop()
            for output, _ in compiled.routes(here, node, source):
                if (step := behind.get((here, output))) is None:
                    continue
                turns.add((here % 6 % 2, entry, output))
                if step not in seen:
                    seen.add(step)
                    todo.append(step)
    # A packet that enters from -x (1) travels east; one that enters from +y (2) or -y (3) and leaves by -x turns west.
    assert not any(entry == 1 and output in (2, 3) for odd, entry, output in turns if not odd)
    assert not any(entry in (2, 3) and output == 1 for odd, entry, output in turns if odd)
    assert {(1, 1, 2), (1, 1, 3), (0, 2, 1), (0, 3, 1)} <= turns
