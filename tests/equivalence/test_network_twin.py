"""The plain-Python network by itself: against BookSim 2, against closed forms, and its own books."""

from __future__ import annotations

import csv
from collections import defaultdict
from functools import cache
from math import ceil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from network_loads import networks_with_loads
from network_shapes import NetworkShape, Packets, distance, packets, shape
from network_twin import Delivery, NetworkTwin, TwinDeadlock

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "booksim2"

BOOKSIM = {"rc1va1sa1st1": {"routing_cycles": 1, "speculative": False}, "lookahead_spec": {}}
"""The two pipelines of the logs."""

RC1, LOOKAHEAD = BOOKSIM.values()


@cache
def booksim_logs() -> dict[str, np.ndarray]:
    with np.load(GOLDEN / "mesh_4x4.npz", allow_pickle=False) as archive:
        return dict(archive)


LOGS = [
    (pipeline, vcs, depth, load)
    for pipeline in BOOKSIM
    for vcs, depth in ((1, 4), (1, 8), (4, 4))
    for load in ("r0.05_p1", "r0.2_p1", "r0.2_p5")
]
QUICK = {("rc1va1sa1st1", 1, 4, "r0.2_p5"), ("rc1va1sa1st1", 4, 4, "r0.2_p5"), ("lookahead_spec", 4, 4, "r0.2_p1")}


@pytest.mark.parametrize(
    ("pipeline", "vcs", "depth", "load"),
    [pytest.param(*log, marks=() if log in QUICK else pytest.mark.long) for log in LOGS],
)
def test_every_packet_of_a_booksim_log(pipeline: str, vcs: int, depth: int, load: str) -> None:
    trace, log = booksim_logs()["trace_" + load], booksim_logs()[f"{pipeline}_v{vcs}_b{depth}_{load}"]
    twin = NetworkTwin(shape(virtual_channels=vcs, buffer_flits=depth, **BOOKSIM[pipeline]), packets(trace))
    twin.run()
    rows = sorted(twin.log)
    cycles = np.array([(row.injected, row.head, row.tail) for row in rows])
    assert np.diff(cycles, axis=1, prepend=trace[:, :1]).tolist() == log.tolist()
    (y, x), (y_end, x_end) = (np.divmod(trace[:, column].astype(int), 4) for column in (1, 2))
    assert [row.hops for row in rows] == (abs(x - x_end) + abs(y - y_end) + 1).tolist()
    assert twin.log == sorted(twin.log, key=lambda row: (row.tail, row.node))


EIGHT = [(0, source, 5, 1) for source in (4, 1, 6, 9) for _ in range(2)]
"""Two packets from each neighbour of node 5."""


@pytest.mark.parametrize(
    ("rows", "vcs", "depth", "arrivals"),
    [
        ([(0, 0, 1, 5)], 1, 8, [(12, 16), (8, 12)]),
        ([(0, 0, 1, 5)], 1, 4, [(12, 17), (8, 13)]),
        ([(0, 3, 3, 1)], 1, 4, [(7, 7), (5, 5)]),
    ],
)
def test_single_packets_of_booksim(
    rows: list[tuple[int, int, int, int]], vcs: int, depth: int, arrivals: list[tuple[int, int]]
) -> None:
    for pipeline, expected in zip((RC1, LOOKAHEAD), arrivals, strict=True):
        twin = NetworkTwin(shape(virtual_channels=vcs, buffer_flits=depth, **pipeline), packets(rows))
        twin.run()
        assert [(row.head, row.tail) for row in twin.log] == [expected]


@pytest.mark.parametrize(
    ("pipeline", "vcs", "order", "cycles"),
    [
        (RC1, 1, (6, 4, 9, 1, 6, 4, 9, 1), (12, 14, 16, 18, 20, 22, 24, 26)),
        (LOOKAHEAD, 1, (6, 4, 9, 1, 6, 4, 9, 1), (8, 9, 10, 11, 13, 14, 15, 16)),
        (RC1, 4, (6, 6, 4, 4, 9, 9, 1, 1), (12, 13, 14, 15, 16, 17, 18, 19)),
        (LOOKAHEAD, 4, (6, 4, 9, 1, 6, 4, 9, 1), (8, 9, 10, 11, 12, 13, 14, 15)),
    ],
)
def test_contention_for_one_output(
    pipeline: dict[str, int | bool], vcs: int, order: tuple[int, ...], cycles: tuple[int, ...]
) -> None:
    twin = NetworkTwin(shape(virtual_channels=vcs, buffer_flits=4, **pipeline), packets(EIGHT))
    twin.run()
    assert tuple(EIGHT[row.packet][1] for row in twin.log) == order
    assert tuple(row.tail for row in twin.log) == cycles


with open(GOLDEN / "zero_load_and_rate.csv") as file:
    BOOKSIM_ROWS = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def line_of_routers(row: dict[str, float], routers: int, depth: int) -> dict[str, int | bool]:
    """The setting of a row of BookSim's figures."""
    return {
        "columns": routers,
        "rows": 1,
        "virtual_channels": 1,
        "buffer_flits": depth,
        "routing_cycles": int(row["routing_delay"]),
        "vc_allocation_cycles": int(row["vc_alloc_delay"]),
        "switch_allocation_cycles": int(row["sw_alloc_delay"]),
        "traversal_cycles": int(row["st_final"] + row["st_prep"]),
        "credit_cycles": int(row["credit_delay"]),
        "speculative": bool(row["speculative"]),
    }


@pytest.mark.parametrize("row", BOOKSIM_ROWS)
def test_zero_load_latency_of_booksim(row: dict[str, float]) -> None:
    """Every stage delay of 1 and 2 cycles adds what it adds in BookSim 2, for heads and for tails behind them."""
    for name in ("lat_R1", "lat_R2", "lat_R4", "lat_R7", "lat_R7_p5"):
        routers, flits = int(name[5]), 5 if name.endswith("p5") else 1
        twin = NetworkTwin(shape(**line_of_routers(row, 7, 8)), packets([(0, 0, routers - 1, flits)]))
        twin.run()
        assert twin.log[0].tail == row[name], name


RATES = [(size, depth) for size in (1, 5) for depth in (1, 2, 4, 5, 6, 7, 8, 10, 12)]


@pytest.mark.parametrize("row", BOOKSIM_ROWS)
@pytest.mark.parametrize(
    ("size", "depth"), [pytest.param(*rate, marks=() if rate == (5, 4) else pytest.mark.long) for rate in RATES]
)
def test_rate_of_booksim(row: dict[str, float], size: int, depth: int) -> None:
    """1,000 flits through four routers in a line. BookSim's own start and end cost it some 20 to 35 cycles more."""
    stream = [(0, 0, 3, size)] * (1000 // size)
    twin = NetworkTwin(shape(**line_of_routers(row, 4, depth)), packets(stream))
    twin.run()
    cycles, rate = twin.log[-1].tail, row[f"thr{size}_b{depth}"]
    assert 1000 / (cycles + 35) - 0.0005 <= rate <= 1000 / (cycles + 18) + 0.0005


@pytest.mark.parametrize("speculative", [False, True])
@pytest.mark.parametrize("changed", ["routing_cycles", "traversal_cycles", "link_cycles", "credit_cycles"])
def test_zero_load_latency_in_closed_form(changed: str, speculative: bool) -> None:
    """Stages follow one another; a speculative bid is repeated until the VC is there by its end."""
    for vc in range(1, 5):
        for switch in range(1, 5):
            cycles = 1 + (vc + switch) % 4
            delays = {"vc_allocation_cycles": vc, "switch_allocation_cycles": switch, changed: cycles}
            network = shape(columns=5, rows=1, speculative=speculative, **delays)
            twin = NetworkTwin(network, packets([(3, 0, 4, 1)]))
            twin.run()
            allocation = ceil(vc / switch) * switch if speculative else vc + switch
            hop = network.routing_cycles + allocation + network.traversal_cycles + network.link_cycles
            assert twin.log == [Delivery(0, 0, 4, 3, *[3 + 1 + network.link_cycles + 5 * hop] * 2, hops=5)]


@settings(max_examples=30, deadline=None)
@given(load=networks_with_loads())
def test_nothing_is_lost_and_every_credit_comes_back(load: tuple[NetworkShape, Packets]) -> None:
    twin = NetworkTwin(*load)
    twin.run()
    for _ in range(100):
        twin.step()
    wanted = {(index, node) for index in range(len(load[1].flits)) for node in twin.destinations(index)}
    assert sorted((row.packet, row.node) for row in twin.log) == sorted(wanted)
    for router in twin.routers:
        assert all(held.state.name == "IDLE" and not held.fifo for _, _, held in router.input_vcs())
    outputs = [vc for router in twin.routers for vcs in router.outputs for vc in vcs]
    outputs += [vc for source in twin.sources for vc in source.vcs]
    assert not any(vc.owned or vc.occupied for vc in outputs)


@settings(max_examples=25, deadline=None)
@given(load=networks_with_loads(delays=False, most=30))
def test_a_packet_takes_the_union_of_its_routes_once(load: tuple[NetworkShape, Packets]) -> None:
    """Each flit leaves once by every output of the tree, in order; a copy goes through the routers of its own route."""
    network, wanted = load
    twin = NetworkTwin(*load)
    twin.run()
    left = defaultdict(list)
    for departure in twin.departures:
        left[departure.packet, departure.router, departure.output].append(departure.flit)
    assert all(flits == list(range(wanted.flits[packet])) for (packet, _, _), flits in left.items())
    for row in twin.log:
        source = int(wanted.source[row.packet])
        assert row.hops == 1 + distance(network, twin.topology.place(source)[0], twin.topology.place(row.node)[0])
    if network.routing in ("xy", "yx"):
        links = {
            (index, *link)
            for index, source in enumerate(wanted.source.tolist())
            for node in twin.destinations(index)
            for link in route(twin, source, node)
        }
        assert links == set(left)


def route(twin: NetworkTwin, source: int, node: int) -> list[tuple[int, int]]:
    """(router, output) of the one route between two nodes."""
    found = [(twin.topology.place(source)[0], -1)]
    while found[-1] != twin.topology.place(node):
        router = found[-1][0]
        (hop,) = twin.topology.routes(router, node, source)
        found[-1] = router, hop.output
        behind = twin.topology.neighbour(router, hop.output)
        if behind is None:
            break
        found.append((behind[0], -1))
    return found


def test_an_adaptive_route_goes_where_credits_are() -> None:
    """From 0 to 5 on a mesh of 3 x 2 over +x or +y; after a packet over +x fewer credits are left there."""
    network = shape(columns=3, rows=2, routing="west_first", virtual_channels=1, buffer_flits=4)

    def outputs(rows: list[tuple[int, int, int, int]]) -> list[int]:
        twin = NetworkTwin(network, packets(rows))
        twin.run()
        return [departure.output for departure in twin.departures if departure.router == 0 and departure.flit == 0]

    assert outputs([(0, 0, 5, 1)]) == [0]
    assert outputs([(0, 0, 1, 3), (0, 0, 5, 1)]) == [0, 2]
    assert outputs([(0, 0, 1, 3), (9, 0, 5, 1)]) == [0, 0]


def test_a_deadlock_is_noticed() -> None:
    ring = shape("ring", 4, 1, virtual_channels=1, buffer_flits=1)
    with pytest.raises(TwinDeadlock, match="nothing has moved since cycle 4"):
        NetworkTwin(ring, packets([(0, node, (node + 2) % 4, 9) for node in range(4)])).run()
