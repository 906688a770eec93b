"""The network against BookSim 2 and against closed forms."""

from __future__ import annotations

from dataclasses import fields
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from bare_fabric import fabric, mesh
from network_driver import NetworkDriver, Packet

from accelsim.engine.fabric import Fabric
from accelsim.engine.groups import GroupTable
from accelsim.engine.replay import Deliveries, NetworkRun, Packets
from accelsim.kernels import delivery
from accelsim.kernels import network as kernels
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


@pytest.mark.parametrize(("routing", "speculative"), PIPELINES)
def test_zero_load_latency_of_every_distance_and_size(routing: int, speculative: bool) -> None:
    """All 4,096 pairs of nodes of a mesh of 8x8, each with packets of 1 to 9 flits, one at a time."""
    mesh_8x8 = mesh(8, 8, routing_cycles=routing, speculative=speculative)
    source, destination, flits = (column.ravel() for column in np.mgrid[:64, :64, 1:10])
    created = 100 * np.arange(len(source))
    run = NetworkRun(mesh_8x8, Packets(created, source, destination, flits))
    run.run()
    found = run.deliveries
    hops = abs(source % 8 - destination % 8) + abs(source // 8 - destination // 8) + 1
    head = created + 2 + hops * hop_cycles(routing, speculative)
    tail = head + flits - 1
    assert (np.diff(created) > (tail - created)[:-1]).all()
    expected = Deliveries(np.arange(len(source)), np.arange(len(source)), destination, created, head, tail, hops)
    for column in fields(Deliveries):
        assert np.array_equal(getattr(found, column.name), getattr(expected, column.name)), column.name


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


STREAM = 120
"""Packets of a stream over three routers with one VC, sent as fast as they can be."""

SIZES = [1, 2, 5, 9]
DEPTHS = range(1, 13)


def stream_tails(routing: int, speculative: bool, size: int, depth: int, **changed: int) -> list[int]:
    """When the tails of a stream arrive."""
    shape = mesh(3, 1, routing_cycles=routing, speculative=speculative, buffer_flits=depth, **changed)
    return [arrival.tail for arrival in NetworkDriver(shape).send_all([Packet(0, 0, 2, size)] * STREAM)]


def steady_rate(routing: int, speculative: bool, size: int, depth: int, **changed: int) -> Fraction:
    """Flits a cycle of an endless stream: flits and cycles of a period."""
    tails = stream_tails(routing, speculative, size, depth, **changed)
    for period in range(1, 30):
        cycles = tails[-1] - tails[-1 - period]
        if all(tails[n] - tails[n - period] == cycles for n in range(STREAM // 2, STREAM)):
            return Fraction(period * size, cycles)
    raise AssertionError("the stream has no period")


def tails_by_mechanism(restart: int, size: int, depth: int) -> list[int]:
    """The same from what each flit waits for: the flit itself, the one before it, and the place of the one `depth` ago.

    A flit is in the next buffer, or at the sink, 3 cycles after it wins a switch, and 2 after its source sends it; its
    place is known free 2 cycles after it leaves it. A head is routed and gets its VC anew in `restart` cycles.
    """
    sent: list[int] = []
    won: list[list[int]] = [[], [], []]
    for flit in range(STREAM * size):
        begins = restart if flit % size == 0 else 1
        free = won[0][flit - depth] + 2 if flit >= depth else 0
        sent.append(max(free, sent[-1] + 1 if flit else 0))
        there = sent[-1] + 2
        for router, wins in enumerate(won):
            cycles = [there + begins - 1]
            if flit:
                cycles.append(wins[-1] + begins)
            if flit >= depth:
                cycles.append(won[router + 1][flit - depth] + 2 if router < 2 else wins[flit - depth] + 3 + 2)
            wins.append(max(cycles))
            there = wins[-1] + 3
    return [cycle + 3 for cycle in won[-1][size - 1 :: size]]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("routing", "speculative"), PIPELINES)
def test_every_packet_of_a_stream(routing: int, speculative: bool, size: int) -> None:
    for depth in DEPTHS:
        expected = tails_by_mechanism(restart_cycles(routing, speculative), size, depth)
        assert stream_tails(routing, speculative, size, depth) == expected, depth


@pytest.mark.parametrize(("routing", "speculative"), PIPELINES)
def test_rate_of_single_flits(routing: int, speculative: bool) -> None:
    """A VC restarts after every packet, and its credits come back in a loop of restart + 2 + 2 L + CD cycles."""
    restart = restart_cycles(routing, speculative)
    for link, credit in ((1, 0), (1, 3), (2, 0), (3, 1)):
        for depth in DEPTHS:
            expected = min(Fraction(1, restart), Fraction(depth, restart + 2 + 2 * link + credit))
            found = steady_rate(routing, speculative, 1, depth, link_cycles=link, credit_cycles=credit)
            assert found == expected, (link, credit, depth)


@pytest.mark.parametrize(
    ("routing", "speculative", "rates"),
    [
        (1, False, "1/3 1/2 5/7 9/11"),
        (0, False, "1/2 2/3 5/6 9/10"),
        (1, True, "1/2 2/3 5/6 9/10"),
        (0, True, "1 1 1 1"),
    ],
)
def test_rate_of_long_packets(routing: int, speculative: bool, rates: str) -> None:
    """With credits enough, a packet of n flits takes n + restart - 1 cycles."""
    for size, rate in zip(SIZES, rates.split(), strict=True):
        expected = Fraction(size, size + restart_cycles(routing, speculative) - 1)
        assert steady_rate(routing, speculative, size, 12) == expected == Fraction(rate)


@pytest.mark.parametrize("size", SIZES)
def test_the_credit_loop_of_a_speculative_router_is_five_cycles(size: int) -> None:
    for depth in DEPTHS:
        assert steady_rate(0, True, size, depth) == min(1, Fraction(depth, 5)), depth


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
