"""The network against BookSim 2, against closed forms, and against what no network may do."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from bare_fabric import fabric, mesh
from hypothesis import given, settings
from hypothesis import strategies as st
from network_driver import Delivery, NetworkDriver, Packet

from accelsim.engine.fabric import Fabric
from accelsim.engine.groups import GroupTable
from accelsim.kernels import delivery
from accelsim.kernels import network as kernels
from accelsim.kernels import network_state as n
from accelsim.kernels import state as k

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "booksim2" / "mesh_4x4.npz"

PIPELINES = [(0, False), (0, True), (1, False), (1, True)]
"""(routing cycles, speculative)"""


def hop_cycles(routing: int, speculative: bool, link: int = 1) -> int:
    """Route, allocate (VC and switch in one cycle when speculative), traverse, link."""
    return routing + (1 if speculative else 2) + 1 + link


def restart_cycles(routing: int, speculative: bool) -> int:
    """Cycles from the tail's switch grant to the first one possible for the next head of the same input VC."""
    return routing + (1 if speculative else 2)


def routers(source: int, destination: int, columns: int) -> int:
    """Routers on the way: the distance and one."""
    (y, x), (v, u) = divmod(source, columns), divmod(destination, columns)
    return abs(x - u) + abs(y - v) + 1


@pytest.mark.parametrize(("routing", "speculative"), PIPELINES)
def test_zero_load_latency_of_every_distance_and_size(routing: int, speculative: bool) -> None:
    shape = mesh(8, 8, routing_cycles=routing, speculative=speculative)
    one_each = [(source, destination) for source in (0, 7, 56, 63) for destination in range(64)]
    cases = [(source, destination, 1 + destination % 9) for source, destination in one_each]
    by_distance = {routers(0, destination, 8): destination for destination in range(64)}
    assert sorted(by_distance) == list(range(1, 16))
    cases += [(0, destination, size) for destination in by_distance.values() for size in range(1, 10)]
    packets = [Packet(200 * number, *case) for number, case in enumerate(cases)]
    for packet, found in zip(packets, NetworkDriver(shape).send_all(packets), strict=True):
        hops = routers(packet.source, packet.destination, 8)
        head = packet.created + 2 + hops * hop_cycles(routing, speculative)
        assert found == Delivery(packet.created, head, head + packet.flits - 1, hops)


@pytest.mark.parametrize("link", [1, 2, 3, 4])
@pytest.mark.parametrize(("routing", "speculative"), PIPELINES)
def test_longer_links_lengthen_every_hop(routing: int, speculative: bool, link: int) -> None:
    shape = mesh(3, 2, routing_cycles=routing, speculative=speculative, link_cycles=link)
    (found,) = NetworkDriver(shape).send_all([Packet(5, 0, 5, 1)])
    assert found.head == 5 + 1 + link + 4 * hop_cycles(routing, speculative, link)


EIGHT = [Packet(0, source, 5, 1) for source in (4, 1, 6, 9) for _ in range(2)]
"""Two packets from each neighbour of node 5."""

MICRO_CASES = [
    # packets, VCs, buffer, arrivals with route computation, arrivals looked ahead and speculative
    ([Packet(0, 0, 1, 5)], 1, 8, [(12, 16)], [(8, 12)]),
    ([Packet(0, 0, 1, 5)], 1, 4, [(12, 17)], [(8, 13)]),
    ([Packet(0, 3, 3, 1)], 1, 4, [(7, 7)], [(5, 5)]),
]


@pytest.mark.parametrize("case", MICRO_CASES)
def test_micro_cases_of_booksim(case: tuple[list[Packet], int, int, list[tuple[int, int]], ...]) -> None:
    packets, vcs, depth, *arrivals = case
    for (routing, speculative), expected in zip([(1, False), (0, True)], arrivals, strict=True):
        shape = mesh(4, 4, routing_cycles=routing, speculative=speculative, virtual_channels=vcs, buffer_flits=depth)
        found = NetworkDriver(shape).send_all(packets)
        assert [(arrival.head, arrival.tail) for arrival in found] == expected


@pytest.mark.parametrize(
    ("routing", "vcs", "order", "cycles"),
    [
        (1, 1, (6, 4, 9, 1, 6, 4, 9, 1), (12, 14, 16, 18, 20, 22, 24, 26)),
        (0, 1, (6, 4, 9, 1, 6, 4, 9, 1), (8, 9, 10, 11, 13, 14, 15, 16)),
        (1, 4, (6, 6, 4, 4, 9, 9, 1, 1), (12, 13, 14, 15, 16, 17, 18, 19)),
        (0, 4, (6, 4, 9, 1, 6, 4, 9, 1), (8, 9, 10, 11, 12, 13, 14, 15)),
    ],
)
def test_contention_for_one_output(routing: int, vcs: int, order: tuple[int, ...], cycles: tuple[int, ...]) -> None:
    """Round robin over the inputs; with one VC the gap from 11 to 13 is the credit loop of the sink."""
    shape = mesh(4, 4, routing_cycles=routing, speculative=not routing, virtual_channels=vcs, buffer_flits=4)
    found = NetworkDriver(shape).send_all(EIGHT)
    arrived = sorted((arrival.tail, packet.source) for packet, arrival in zip(EIGHT, found, strict=True))
    assert arrived == list(zip(cycles, order, strict=True))


def steady_rate(routing: int, speculative: bool, size: int, depth: int) -> Fraction:
    """Flits a cycle of an endless stream of packets over three routers with one VC: flits and cycles of a period."""
    shape = mesh(3, 1, routing_cycles=routing, speculative=speculative, buffer_flits=depth)
    tails = [arrival.tail for arrival in NetworkDriver(shape).send_all([Packet(0, 0, 2, size)] * 120)]
    for period in range(1, 30):
        cycles = tails[-1] - tails[-1 - period]
        if all(tails[n] - tails[n - period] == cycles for n in range(60, 120)):
            return Fraction(period * size, cycles)
    raise AssertionError("the stream has no period")


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5, 6, 8, 12])
@pytest.mark.parametrize(("routing", "speculative"), PIPELINES)
def test_rate_of_single_flits(routing: int, speculative: bool, depth: int) -> None:
    """A VC restarts after every packet, and its credits come back in a loop of restart + 4 cycles."""
    restart = restart_cycles(routing, speculative)
    expected = min(Fraction(1, restart), Fraction(depth, restart + 4))
    assert steady_rate(routing, speculative, 1, depth) == expected


@pytest.mark.parametrize("size", [2, 5, 9])
@pytest.mark.parametrize(("routing", "speculative"), PIPELINES)
def test_rate_of_long_packets(routing: int, speculative: bool, size: int) -> None:
    """With credits enough, a packet of n flits takes n + restart - 1 cycles."""
    expected = Fraction(size, size + restart_cycles(routing, speculative) - 1)
    assert steady_rate(routing, speculative, size, 12) == expected


@pytest.mark.parametrize("depth", [1, 2, 3, 4, 5, 6])
def test_the_credit_loop_of_a_speculative_router_is_five_cycles(depth: int) -> None:
    for size in (2, 5):
        assert steady_rate(0, True, size, depth) == min(1, Fraction(depth, 5))


BOOKSIM_RATES = [
    # routing, speculative, flits a packet, depth, rate: BookSim 2 (28f4329), about 1,000 flits with fill and drain
    *[(1, False, 1, depth, rate) for depth, rate in ((1, 0.142), (2, 0.282), (4, 0.328), (8, 0.328))],
    *[(0, False, 1, depth, rate) for depth, rate in ((1, 0.166), (2, 0.329), (4, 0.49), (8, 0.49))],
    *[(1, True, 1, depth, rate) for depth, rate in ((1, 0.166), (2, 0.329), (4, 0.49), (8, 0.49))],
    *[(0, True, 1, depth, rate) for depth, rate in ((1, 0.199), (2, 0.396), (4, 0.781), (5, 0.969))],
    *[(1, False, 5, depth, rate) for depth, rate in ((4, 0.49), (6, 0.691))],
    *[(0, False, 5, depth, rate) for depth, rate in ((4, 0.611), (6, 0.806))],
    *[(0, True, 5, depth, rate) for depth, rate in ((4, 0.781), (6, 0.969))],
]


@pytest.mark.parametrize(("routing", "speculative", "size", "depth", "rate"), BOOKSIM_RATES)
def test_rates_of_booksim(routing: int, speculative: bool, size: int, depth: int, rate: float) -> None:
    """Fill and drain cost BookSim's stream of 1,000 flits up to 60 cycles, a share that grows with the rate."""
    cycles = float(1000 / steady_rate(routing, speculative, size, depth))
    assert 1000 / (cycles + 60) - 0.0005 <= rate <= 1000 / cycles + 0.0005


@st.composite
def loads(draw: st.DrawFn) -> tuple[dict[str, int | bool], list[Packet]]:
    """Settings of a small mesh, and packets between any nodes, a node to itself included."""
    columns, rows = draw(st.sampled_from([(2, 1), (2, 2), (3, 2), (3, 3)]))
    shape: dict[str, int | bool] = {
        "columns": columns,
        "rows": rows,
        "virtual_channels": draw(st.integers(1, 5)),
        "buffer_flits": draw(st.integers(1, 6)),
        "routing_cycles": draw(st.integers(0, 1)),
        "speculative": draw(st.booleans()),
        "link_cycles": draw(st.integers(1, 3)),
    }
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(1, 60))
    nodes = columns * rows
    targets = random.integers(0, draw(st.integers(1, nodes)), count)
    created = np.sort(random.integers(0, draw(st.integers(1, 60)), count))
    sources = random.integers(0, nodes, count)
    sizes = random.integers(1, 10, count)
    return shape, [Packet(*map(int, row)) for row in zip(created, sources, targets, sizes, strict=True)]


@settings(max_examples=60, deadline=None)
@given(load=loads())
def test_what_no_network_may_do(load: tuple[dict[str, int | bool], list[Packet]]) -> None:
    """Nothing is lost or doubled, nothing arrives early, and every credit comes back."""
    changed, packets = load
    shape = mesh(**changed)  # type: ignore[arg-type]
    driver = NetworkDriver(shape)
    found = driver.send_all(packets)
    link = shape.link_cycles
    for packet, arrival in zip(packets, found, strict=True):
        hops = routers(packet.source, packet.destination, shape.columns)
        assert arrival.hops == hops
        assert arrival.injected >= packet.created
        wire = 1 + link + hops * hop_cycles(shape.routing_cycles, shape.speculative, link)
        assert arrival.head >= arrival.injected + wire
        assert arrival.tail >= arrival.head + packet.flits - 1
    hop_sum = sum(packet.flits * arrival.hops for packet, arrival in zip(packets, found, strict=True))
    assert driver.run.flit_hops == driver.run.link_flits.sum() == hop_sum
    assert driver.run.in_flight == 0
    network = driver.run.network
    assert network.scalars[n.FETCHED] == len(packets)
    every_vc = (1 << shape.virtual_channels) - 1
    assert (network.port[:, [n.FREE, n.CREDIT]] == every_vc).all()
    for rest in (
        network.vc[:, [n.COUNT, n.OCCUPIED]],
        network.source_occupied,
        network.node[:, n.WAITING_FLITS],
        network.router,
        network.wheel_wake,
        network.wheel_node_wake,
        network.scratch[: shape.ports * (shape.virtual_channels + 2)],
    ):
        assert not rest.any()


@settings(max_examples=40, deadline=None)
@given(load=loads())
def test_packets_of_one_source_destination_and_vc_keep_their_order(
    load: tuple[dict[str, int | bool], list[Packet]],
) -> None:
    """With one VC a packet cannot overtake; with more, it leaves its source after those before it all the same."""
    changed, packets = load
    one_vc = NetworkDriver(mesh(**(changed | {"virtual_channels": 1}))).send_all(packets)  # type: ignore[arg-type]
    more = NetworkDriver(mesh(**changed)).send_all(packets)  # type: ignore[arg-type]
    last_head: dict[tuple[int, int], int] = {}
    last_injected: dict[int, int] = {}
    for packet, arrival, other in zip(packets, one_vc, more, strict=True):
        pair = packet.source, packet.destination
        assert arrival.head > last_head.get(pair, -1)
        last_head[pair] = arrival.tail
        assert other.injected > last_injected.get(packet.source, -1)
        last_injected[packet.source] = other.injected


@cache
def booksim_logs() -> dict[str, np.ndarray]:
    with np.load(GOLDEN, allow_pickle=False) as archive:
        return dict(archive)


LOGS = [
    f"{pipeline}_v{vcs}_b{depth}_{load}"
    for pipeline in ("rc1va1sa1st1", "lookahead_spec")
    for vcs, depth in ((1, 4), (1, 8), (4, 4))
    for load in ("r0.05_p1", "r0.2_p1", "r0.2_p5")
]


@pytest.mark.parametrize("name", LOGS)
def test_every_packet_of_a_booksim_log(name: str) -> None:
    """Injection, head and tail of every packet in the same cycle as in BookSim 2."""
    pipeline, rest = name.split("_v")
    vcs, depth, *load = rest.replace("b", "").split("_")
    logs = booksim_logs()
    packets = [Packet(*row) for row in logs["trace_" + "_".join(load)].tolist()]
    routed = pipeline == "rc1va1sa1st1"
    shape = mesh(
        4, 4, routing_cycles=int(routed), speculative=not routed, virtual_channels=int(vcs), buffer_flits=int(depth)
    )
    found = NetworkDriver(shape).send_all(packets)
    cycles = np.array([(arrival.injected, arrival.head, arrival.tail) for arrival in found])
    created = np.array([packet.created for packet in packets])
    assert np.diff(cycles, axis=1, prepend=created[:, None]).tolist() == logs[name].tolist()
    assert len(packets) > 1000


def test_a_source_queue_takes_what_fits_and_any_packet_when_it_is_empty() -> None:
    held = fabric(GroupTable(), network=mesh(2, 1, queue_flits=5))
    assert kernels.has_room(held.network, 0, 9)
    send(held, created=3, flits=3)
    assert kernels.has_room(held.network, 0, 2)
    assert not kernels.has_room(held.network, 0, 3)
    # The packet is sent in 3, 4 and 5, a flit a cycle, each of which makes room for one.
    room = []
    while held.now < 7:
        held.advance(held.now + 1)
        room.append(bool(kernels.has_room(held.network, 0, 5)))
    assert room == [False] * 5 + [True] * 2


def send(held: Fabric, created: int, flits: int) -> None:
    delivery.send(held.clock, held.network, 0, 1, flits, -1, 0, 0, k.CONTROL, 0, 0, created)
