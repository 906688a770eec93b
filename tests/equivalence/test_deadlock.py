"""Channel dependency graphs: acyclic for every network that is accepted, cyclic for those that are refused for it."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest
from deadlock import Channel, dependencies, find_cycle
from forbidden_routes import FullyAdaptive, TurnsOnATorus, unchecked_topology_of
from hypothesis import given, settings
from network_loads import ROUTINGS, networks_with_loads
from network_routes import Topology, topology_of
from network_shapes import NetworkShape, Packets, packets, shape
from network_twin import NetworkTwin, TwinDeadlock
from pydantic import ValidationError

from accelsim.engine.replay import NetworkRun
from accelsim.errors import SimulationError
from accelsim.parts.noc import NocSettings

SIZES = [(1, 2), (2, 2), (3, 3), (4, 1), (4, 4), (5, 3), (3, 6)]


@pytest.mark.parametrize(("topology", "routing"), [(t, r) for t, routings in ROUTINGS.items() for r in routings])
def test_no_permitted_network_can_deadlock(topology: str, routing: str) -> None:
    fewest = 2 if topology in ("torus", "ring") else 1
    for (columns, rows), vcs in product(SIZES, (fewest, fewest + 1)):
        network = shape(topology, columns, rows, routing=routing, virtual_channels=vcs)
        assert find_cycle(topology_of(network)) is None


@pytest.mark.long
@pytest.mark.parametrize(("topology", "routing"), [(t, r) for t, routings in ROUTINGS.items() for r in routings])
def test_no_big_permitted_network_can_deadlock(topology: str, routing: str) -> None:
    for columns, rows in ((8, 8), (16, 16), (13, 9)):
        network = shape(topology, columns, rows, routing=routing, virtual_channels=2)
        assert find_cycle(topology_of(network)) is None


def test_the_configuration_refuses_what_has_a_cycle_and_nothing_else() -> None:
    """On routers enough for a circle; what is refused for another reason is left out."""
    routings = {routing for names in ROUTINGS.values() for routing in names}
    accepted, refused = 0, 0
    for topology, routing, vcs, (columns, rows) in product(ROUTINGS, routings, (1, 2, 3), ((5, 3), (6, 5))):
        network = shape(topology, columns, rows, routing=routing, virtual_channels=vcs)
        chosen = {"topology": topology, "routing": routing, "virtual_channels": vcs, "columns": columns, "rows": rows}
        try:
            settings = NocSettings.model_validate(chosen)
        except ValidationError as error:
            if "could deadlock" in str(error):
                refused += 1
                assert find_cycle(unchecked_topology_of(network)) is not None, chosen
        else:
            accepted += 1
            assert find_cycle(topology_of(settings.shape(queue_flits=64))) is None, chosen
    assert accepted > 0 and refused > 0


WRAPPED = [
    ("ring", "xy", 4, 1),
    ("ring", "xy", 3, 3),
    ("torus", "xy", 4, 4),
    ("torus", "yx", 4, 4),
    ("torus", "xy", 1, 5),
]


@pytest.mark.parametrize(("topology", "routing", "columns", "rows"), WRAPPED)
def test_one_class_on_a_ring_has_a_cycle(topology: str, routing: str, columns: int, rows: int) -> None:
    wrapped = topology_of(shape(topology, columns, rows, routing=routing, virtual_channels=1))
    cycle = find_cycle(wrapped)
    assert cycle is not None
    is_a_cycle_of(cycle, wrapped)


@pytest.mark.parametrize("vcs", [1, 2])
@pytest.mark.parametrize("routing", ["west_first", "odd_even"])
def test_turn_models_do_not_hold_where_links_wrap(routing: str, vcs: int) -> None:
    """Two classes break the circles round the torus, and leave those that turns close."""
    torus = TurnsOnATorus(shape("torus", 5, 3, routing=routing, virtual_channels=vcs))
    cycle = find_cycle(torus)
    assert cycle is not None
    is_a_cycle_of(cycle, torus)
    assert vcs == 1 or len({channel.output // 2 for channel in cycle}) == 2


def test_all_turns_on_a_mesh_have_a_cycle() -> None:
    """The four turns of Dally and Seitz (1987): round a square."""
    assert find_cycle(FullyAdaptive(shape(columns=2, rows=2))) == (
        Channel(0, 0, 0),
        Channel(1, 2, 0),
        Channel(3, 1, 0),
        Channel(2, 3, 0),
    )
    assert find_cycle(FullyAdaptive(shape(columns=6, rows=1))) is None


def is_a_cycle_of(cycle: tuple[Channel, ...], topology: Topology) -> None:
    graph = dependencies(topology)
    assert len(set(cycle)) == len(cycle) > 1
    assert all(after in graph[channel] for channel, after in pairwise((*cycle, cycle[0])))


def test_the_graph_of_a_short_line() -> None:
    """Dependencies straight on, never back, and none of the last links."""
    assert dependencies(topology_of(shape(columns=3, rows=1))) == {
        Channel(0, 0, 0): {Channel(1, 0, 0)},
        Channel(1, 0, 0): set(),
        Channel(2, 1, 0): {Channel(1, 1, 0)},
        Channel(1, 1, 0): set(),
    }


def test_a_tree_takes_the_lower_class_for_any_node_behind_the_dateline() -> None:
    """From 3 to 9 and 0 on a torus of 5 x 2: the link to 4 is of the lower class because of 0, the turn to 9 is not."""
    torus = topology_of(shape("torus", 5, 2, virtual_channels=2))
    assert Channel(4, 2, 1) in dependencies(torus)[Channel(3, 0, 0)]


@settings(max_examples=25, deadline=None)
@given(load=networks_with_loads(delays=False, most=40))
def test_packets_depend_on_no_other_channels(load: tuple[NetworkShape, Packets]) -> None:
    """Every two links that a packet takes one after the other, its classes included, are in the graph."""
    network, _ = load
    twin = NetworkTwin(*load)
    twin.run()
    links = {(router.number, port) for router in twin.routers for port in range(len(network.directions))}
    half = network.virtual_channels // 2 if network.wraps else 0
    taken: dict[int, dict[tuple[int, int], Channel]] = defaultdict(dict)
    for departure in twin.departures:
        link = departure.router, departure.output
        if link in links:
            taken[departure.packet][link] = Channel(*link, half if departure.vc >= half else 0)
    graph = dependencies(twin.topology)
    for channels in taken.values():
        for channel in channels.values():
            there = twin.topology.neighbour(channel.router, channel.output)
            assert there is not None
            after = {other for other in channels.values() if other.router == there[0]}
            assert after <= graph[channel]


def half_way_round(network: NetworkShape, node: int) -> int:
    """The router as far away as can be in the first dimension of four routers or more, where a tie goes up."""
    position = list(topology_of(network).position(node))
    dimension = 0 if network.extent[0] >= 4 else 1
    position[dimension] = (position[dimension] + network.extent[dimension] // 2) % network.extent[dimension]
    return position[1] * network.extent[0] + position[0]


@pytest.mark.parametrize(("topology", "routing", "columns", "rows"), WRAPPED)
def test_one_class_on_a_ring_deadlocks(topology: str, routing: str, columns: int, rows: int) -> None:
    """All send half way round: each packet holds a link and waits for the next."""
    network = shape(topology, columns, rows, routing=routing, virtual_channels=1, buffer_flits=1)
    load = packets([(0, node, half_way_round(network, node), 9) for node in range(network.nodes)])
    with pytest.raises(TwinDeadlock):
        NetworkTwin(network, load).run()
    with pytest.raises(SimulationError, match=r"\Adeadlock: nothing moves after cycle \d+\n") as raised:
        NetworkRun(network, load).run()
    told = str(raised.value)
    assert "\n  a cycle of waiting packets:\n" in told
    circle = {int(node) for node in re.findall(r"^    packet \d+ from node (\d+) ", told, re.MULTILINE)}
    assert len(circle) == (network.extent[0] if network.extent[0] >= 4 else network.extent[1])
    assert NetworkTwin(replace(network, virtual_channels=2), load).run() > 0


# Multicast: what a tree adds is no dependency between its branches only if a packet fits where it waits.


def crossing(flits: int, depth: int) -> tuple[NetworkShape, Packets]:
    """Two packets that both go to nodes 2 and 3; after a packet from 0 to 3 the output to 3 prefers the one from 1."""
    network = shape("crossbar", 4, 1, virtual_channels=1, buffer_flits=depth)
    return network, packets([(0, 0, 3, 1), (20, 0, -1, flits), (20, 1, -1, flits)], [(2, 3)])


def test_trees_that_do_not_fit_deadlock() -> None:
    """Each sends what it holds to one output and waits there for the rest, which the other output holds back."""
    with pytest.raises(TwinDeadlock):
        NetworkTwin(*crossing(flits=3, depth=2)).run()


@pytest.mark.parametrize("depth", [3, 4])
def test_trees_that_fit_do_not(depth: int) -> None:
    twin = NetworkTwin(*crossing(flits=3, depth=depth))
    twin.run()
    assert sorted((row.packet, row.node) for row in twin.log) == [(0, 3), (1, 2), (1, 3), (2, 2), (2, 3)]


@pytest.mark.parametrize(("seed", "count"), [(1, 400), pytest.param(2, 20_000, marks=pytest.mark.long)])
@pytest.mark.parametrize(("topology", "vcs"), [("mesh", 1), ("torus", 2), ("ring", 2), ("crossbar", 1)])
def test_trees_that_just_fit_never_deadlock(topology: str, vcs: int, seed: int, count: int) -> None:
    """All nodes send to random sets as fast as they can, with few VCs and no flit of buffer to spare."""
    random = np.random.default_rng(seed)
    for depth in (1, 3):
        network = shape(topology, 4, 4, virtual_channels=vcs, buffer_flits=depth)
        sets = [random.permutation(16)[: random.integers(2, 17)].tolist() for _ in range(200)]
        rows = [(0, random.integers(16), ~random.integers(200), random.integers(1, depth + 1)) for _ in range(count)]
        run = NetworkRun(network, packets(rows, sets))
        run.run()
        assert run.in_flight == 0
        assert len(run.deliveries.packet) == sum(len(sets[~row[2]]) for row in rows)
