"""What holds of every packet under every setting: nothing is lost, doubled or early, and flits of a VC keep order."""

from __future__ import annotations

import fabric_wires
import numpy as np
import pytest
from hypothesis import given, settings
from network_loads import ADAPTIVE, ROUTINGS, networks_with_loads
from network_shapes import NetworkShape, Packets, distance, offsets, packets, shape
from numpy.typing import NDArray
from wires import SOURCE

from accelsim.engine.replay import NetworkRun
from accelsim.engine.topology import home_of, neighbours
from accelsim.kernels import network_state as n

Load = tuple[NetworkShape, Packets]


def copies(load: Packets) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every packet with every node that it goes to, in this order."""
    alone = [np.array([node]) for node in range(load.destination.max(initial=0) + 1)]
    # Destination -1 - i, for the set i, finds it from the end.
    nodes = alone + [np.sort(np.array(of_set)) for of_set in reversed(load.destination_sets)]
    reached = [nodes[destination] for destination in load.destination.tolist()]
    return np.repeat(np.arange(len(reached)), [len(each) for each in reached]), np.concatenate(reached)


def least_cycles(network: NetworkShape, routers: NDArray[np.int64]) -> NDArray[np.int64]:
    """From the injection of a head to its arrival behind so many routers, at the earliest.

    Speculative and longer in the allocation of VCs than in that of the switch, a head may gain from others: they keep
    the switch busy so that it is free in the very cycle in which the VC is there.
    """
    allocations = network.vc_allocation_cycles, network.switch_allocation_cycles
    allocation = max(allocations) if network.speculative else sum(allocations)
    hop = network.routing_cycles + allocation + network.traversal_cycles + network.link_cycles
    return 1 + network.link_cycles + routers * hop


def everything_arrives(run: NetworkRun) -> None:
    """Each copy of a packet once, where it goes to, over a shortest way, not early, with all flits."""
    network, load, found = run.shape, run.packets, run.deliveries
    packet, node = copies(load)
    order = np.lexsort((found.node, found.packet))
    assert np.array_equal(found.packet[order], packet)
    assert np.array_equal(found.node[order], node)
    assert np.array_equal(np.unique(found.number), np.arange(len(load.flits)))
    flits, each = load.flits[packet], network.nodes_per_router
    routers = 1 + distance(network, load.source[packet] // each, node // each)
    injected, head, tail = found.injected[order], found.head[order], found.tail[order]
    assert np.array_equal(found.hops[order], routers)
    assert (injected >= load.created[packet]).all()
    assert (head >= injected + least_cycles(network, routers)).all()
    assert (tail >= head + flits - 1).all()
    # A VC sends one flit in an allocation of the switch.
    sending = (flits - 1) * network.switch_allocation_cycles
    assert (tail >= injected + least_cycles(network, routers) + sending).all()
    to_nodes = run.link_flits[:, len(network.directions) :].ravel()
    assert np.array_equal(to_nodes, np.bincount(node, flits, network.nodes))
    alone = load.destination[packet] >= 0
    trees = [int(load.flits[index]) * tree_outputs(run, index) for index in np.flatnonzero(load.destination < 0)]
    assert run.flit_hops == (flits * routers)[alone].sum() + sum(trees)
    assert run.in_flight == 0


def tree_outputs(run: NetworkRun, index: int) -> int:
    """Outputs of routers that a packet for several nodes takes: the union of its routes."""
    network, each = run.shape, run.shape.nodes_per_router
    nodes = np.array(run.packets.destination_sets[~run.packets.destination[index]])
    first, second = offsets(network, run.packets.source[index] // each, nodes // each)
    if network.routing == "yx":
        first, second = second, first
    return int(len(nodes) + span(first) + sum(span(second[first == place]) for place in np.unique(first)))


def span(places: NDArray[np.int64]) -> int:
    """Links in a row from place 0 to all of some places."""
    return int(max(places.max(), 0) - min(places.min(), 0))


def nothing_remains(run: NetworkRun) -> None:
    """Every credit is back, every VC free, nobody waits or sends, and nothing is on a wire."""
    network, every_vc = run.network, (1 << run.shape.virtual_channels) - 1
    assert (network.port[:, [n.FREE, n.CREDIT]] == every_vc).all()
    assert (network.node[:, [n.QUEUE_FIRST, n.CURRENT]] == -1).all()
    for name, rest in {
        "flits": network.vc[:, n.COUNT],
        "occupied": network.occupied,
        "occupied by sources": network.source_occupied,
        "waiting at sources": network.node[:, n.WAITING_FLITS],
        "states of VCs": network.router,
        "requests": network.port[:, [n.WANT_LOWER, n.WANT_UPPER]],
        "outputs that are asked for": network.stage[:, n.WANTED],
        "branches": network.fork[:, n.FORK_OPEN],
        "wheels": np.concatenate([part.ravel() for name, part in network._asdict().items() if is_mask(name)]),
        "active": np.concatenate([network.active, network.active_nodes]),
        "requests to allocators": network.scratch[: run.shape.ports * (run.shape.virtual_channels + 2)],
    }.items():
        assert not rest.any(), name


def is_mask(name: str) -> bool:
    return name.startswith("wheel") and name != "wheel_flit"


@settings(max_examples=150, deadline=None)
@given(load=networks_with_loads())
def test_nothing_is_lost_doubled_or_early_and_every_credit_comes_back(load: Load) -> None:
    run = NetworkRun(*load)
    run.run()
    everything_arrives(run)
    nothing_remains(run)


Way = tuple[tuple[int, int, int], ...]
"""(router, output, VC) of every link of a packet, from that of its source to that into its last router."""


def ways(run: NetworkRun, flits: NDArray[np.int64]) -> dict[tuple[int, int], Way]:
    """The way of each copy, by its packet and the node that it reached."""
    behind = {(router, port): there for router, port, there, _ in neighbours(run.shape)}
    behind |= {(node, SOURCE): home_of(run.shape, node)[0] for node in range(run.shape.nodes)}
    into = {}
    for _, router, port, vc, packet, head, _ in flits.tolist():
        if head and (router, port) in behind:
            into[packet, behind[router, port]] = (router, port, vc)
    found = {}
    for packet, node in zip(*(column.tolist() for column in copies(run.packets)), strict=True):
        way = [into[packet, home_of(run.shape, node)[0]]]
        while way[-1][1] != SOURCE:
            way.append(into[packet, way[-1][0]])
        found[packet, node] = tuple(reversed(way))
    return found


def watch(load: Load) -> tuple[NetworkRun, NDArray[np.int64]]:
    """A run, and all flits on its wires: columns of `wires.Flit`, in order of cycles."""
    run = NetworkRun(*load)
    return run, np.array(fabric_wires.simulate(run).flits, np.int64)


@settings(max_examples=40, deadline=None)
@given(load=networks_with_loads())
def test_flits_of_a_vc_follow_each_other(load: Load) -> None:
    """On every link the flits of a VC are whole packets, one after the other; a link carries a flit a cycle."""
    _, flits = watch(load)
    cycle, router, port, vc, packet, head, tail = flits[np.lexsort(flits.T[[0, 3, 2, 1]])].T
    link = (router * (load[0].ports + 1) + port - SOURCE) * load[0].virtual_channels + vc
    begins = np.diff(link, prepend=link[0] - 1) != 0
    follows = ~begins[1:]
    assert (cycle[1:][follows] > cycle[:-1][follows]).all()
    assert np.array_equal(head[1:][follows], tail[:-1][follows])
    assert head[begins].all() and tail[:-1][~follows].all() and tail[-1]
    assert (packet[1:] == packet[:-1])[head[1:] == 0].all()
    starts = np.flatnonzero(head)
    assert np.array_equal(np.diff(starts, append=len(head)), load[1].flits[packet[starts]])
    assert len(np.unique(flits[:, :3], axis=0)) == len(flits)


def in_order(run: NetworkRun, way_of: dict[tuple[int, int], Way]) -> list[bool]:
    """For packets of one source, node and way: whether each came whole behind the one that was sent before it."""
    found = run.deliveries
    rows = np.stack([found.packet, found.node, found.head, found.tail], axis=1)
    last: dict[tuple[int, int, Way | None], int] = {}
    kept = []
    for packet, node, head, tail in rows[np.argsort(found.packet, kind="stable")].tolist():
        key = int(run.packets.source[packet]), node, way_of.get((packet, node))
        if key in last:
            kept.append(last[key] < head)
        last[key] = tail
    return kept


@settings(max_examples=40, deadline=None)
@given(load=networks_with_loads())
def test_packets_of_one_way_keep_their_order(load: Load) -> None:
    """Packets of a source for the same node that take the same VC of every link arrive in the order of their sending.

    Each is whole behind the other in every buffer. They may leave the last router by different VCs, and may be copies
    of packets for several nodes. No more can be promised. In different VCs of an input, or of an adaptive route in
    different routers, neither waits for the other: the allocators take them in turn, one of the two may lack a VC or a
    credit, and the packet that was sent later may arrive first.
    """
    run, flits = watch(load)
    assert all(in_order(run, ways(run, flits)))


@pytest.mark.parametrize(("routing", "vcs"), [("xy", 1), ("xy", 2), ("odd_even", 1)])
def test_other_vcs_and_ways_may_overtake(routing: str, vcs: int) -> None:
    """A mesh that is given more than it carries. One VC and one route keep the order of all packets of a pair."""
    random = np.random.default_rng(1)
    columns = [np.zeros(600, int), random.integers(0, 9, 600), random.integers(0, 9, 600), random.integers(1, 6, 600)]
    network = shape(columns=3, rows=3, routing=routing, virtual_channels=vcs)
    run, flits = watch((network, packets(np.stack(columns, axis=1).tolist())))
    kept = in_order(run, ways(run, flits))
    assert all(kept) and len(kept) > 100
    assert all(in_order(run, {})) == (routing == "xy" and vcs == 1)


SETTINGS = 40
PACKETS = 10_000_000 // SETTINGS

KINDS = [(topology, routing) for topology, routings in ROUTINGS.items() for routing in routings]
SIZES = [(4, 4, 1), (7, 1, 1), (8, 8, 1), (3, 2, 3)]
"""Columns, rows and concentration."""

LEAST_DELAYS = {
    "routing_cycles": 0,
    "vc_allocation_cycles": 1,
    "switch_allocation_cycles": 1,
    "traversal_cycles": 1,
    "credit_cycles": 0,
    "link_cycles": 1,
}


def big_network(index: int, random: np.random.Generator) -> NetworkShape:
    """One of many: five of every topology and route, among them 1 to 8 VCs and buffers of 1 to 16 flits."""
    turn, kind = divmod(index, len(KINDS))
    topology, routing = KINDS[kind]
    columns, rows, concentration = (7, 1, 1) if topology == "crossbar" else SIZES[(kind + turn) % len(SIZES)]
    most = 0 if turn % 2 == 0 else 3
    return shape(
        topology,
        columns,
        rows,
        concentration=concentration,
        routing=routing,
        virtual_channels=max(1 + (kind + turn) % 8, 2 if topology in ("torus", "ring") else 1),
        buffer_flits=1 + (kind + 9 * turn) % 16,
        speculative=bool(random.integers(2)),
        **{name: least + int(random.integers(most + 1)) for name, least in LEAST_DELAYS.items()},
    )


def big_load(network: NetworkShape, random: np.random.Generator, count: int) -> Packets:
    """Random packets of up to 16 flits, also to several nodes; a few a cycle up to more than can be carried."""
    flits = random.integers(1, random.choice([1, 4, 16]) + 1, count)
    rate = random.choice([0.05, 0.2, 0.5, 1.0])
    created = np.sort(random.integers(0, int(flits.sum() / network.nodes / rate) + 1, count))
    source, destination = random.integers(0, network.nodes, (2, count))
    sets: list[tuple[int, ...]] = []
    if network.routing not in ADAPTIVE and random.integers(2):
        sets = [tuple(random.permutation(network.nodes)[: random.integers(1, 5)].tolist()) for _ in range(30)]
        several = random.random(count) < 0.2
        destination[several] = ~random.integers(0, len(sets), several.sum())
        flits[several] = np.minimum(flits[several], network.buffer_flits)
    return Packets(created, source, destination, flits, tuple(sets))


@pytest.mark.parametrize("index", range(len(KINDS)))
def test_nothing_is_lost_of_some_packets(index: int) -> None:
    big_run(index, 2000)


@pytest.mark.long
@pytest.mark.parametrize("index", range(SETTINGS))
def test_nothing_is_lost_of_ten_million_packets(index: int) -> None:
    big_run(index, PACKETS)


def big_run(index: int, count: int) -> None:
    random = np.random.default_rng(index)
    network = big_network(index, random)
    run = NetworkRun(network, big_load(network, random, count))
    run.run()
    everything_arrives(run)
    nothing_remains(run)
