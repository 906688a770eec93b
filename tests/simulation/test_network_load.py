"""Load points and curves: what is measured, against formulas, recounts and what no network can do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.build import load_network
from accelsim.engine.replay import NetworkRun, Packets
from accelsim.errors import InputError
from accelsim.parts.noc import NocSettings
from accelsim.simulation.network import run_traffic
from accelsim.simulation.network_load import (
    Curve,
    Latency,
    LoadPoint,
    Window,
    latency_of,
    measure_curve,
    measure_load,
    routers_on_way,
    zero_load_latency,
)
from accelsim.workload import load_input
from accelsim.workload.traffic import Grid, Pattern, make_pattern

ROOT = Path(__file__).parents[2]
MESH = NocSettings(columns=4, rows=4, virtual_channels=4)


def uniform(noc: NocSettings, flits: int = 1) -> Pattern:
    return make_pattern("uniform", Grid(noc.columns, noc.rows, noc.concentration), flits)


@pytest.mark.parametrize("flits", [1, 5])
@pytest.mark.parametrize("link", [1, 3])
@pytest.mark.parametrize(
    ("routing", "speculative", "hop"), [(0, True, 3), (0, False, 4), (1, True, 4), (1, False, 5), (3, False, 7)]
)
def test_zero_load_latency_is_the_formula(routing: int, speculative: bool, hop: int, link: int, flits: int) -> None:
    """1 + L to the first router, R + allocation + 1 + L a router, flits - 1 for the tail; 3.5 routers on average."""
    noc = MESH.model_copy(
        update={"routing_cycles": routing, "speculative": speculative, "link_cycles": link, "buffer_flits": 32}
    )
    expected = 1 + link + 3.5 * (hop + link - 1) + flits - 1
    assert zero_load_latency(noc, uniform(noc, flits)) == pytest.approx(expected)


NETWORKS = [
    {"topology": "mesh", "columns": 3, "rows": 4, "concentration": 2},
    {"topology": "torus", "columns": 4, "rows": 3, "routing": "yx"},
    {"topology": "ring", "columns": 5, "rows": 1, "concentration": 2},
    {"topology": "crossbar", "columns": 3, "rows": 3},
    {"topology": "mesh", "columns": 3, "rows": 3, "routing": "odd_even"},
]


@pytest.mark.parametrize("given_settings", NETWORKS, ids=lambda given: given["topology"])
def test_zero_load_latency_is_that_of_every_packet_alone(given_settings: dict[str, int | str]) -> None:
    """Slow stages and a buffer of one flit: each pair of nodes on its own, in a network made for it."""
    noc = NocSettings(
        **given_settings,  # type: ignore[arg-type]
        virtual_channels=2,
        buffer_flits=1,
        routing_cycles=4,
        vc_allocation_cycles=4,
        switch_allocation_cycles=4,
        traversal_cycles=4,
        credit_cycles=4,
        link_cycles=4,
    )
    pairs = [(source, destination) for source in range(noc.nodes) for destination in range(noc.nodes)]
    tails = []
    for source, destination in pairs:
        run = NetworkRun(noc.shape(3), Packets(*(np.array([value]) for value in (0, source, destination, 3))))
        run.run()
        tails.append(int(run.deliveries.tail[0]))
        hops = routers_on_way(noc.shape(3), np.array([source]), np.array([destination]))
        assert run.deliveries.hops.tolist() == hops.tolist()
    assert zero_load_latency(noc, uniform(noc, 3)) == pytest.approx(np.mean(tails))


@pytest.mark.parametrize("name", ["transpose", "neighbor", "hotspot"])
def test_a_low_rate_has_nearly_zero_load_latency(name: str) -> None:
    traffic = make_pattern(name, Grid(4, 4), 1)
    zero_load = zero_load_latency(MESH, traffic)
    point = measure_load(MESH, traffic, 0.005, Window(0, 100_000), 0, zero_load)
    assert point.latency is not None
    assert point.latency.mean == pytest.approx(zero_load, rel=0.02)


@settings(max_examples=25, deadline=None)
@given(
    rate=st.sampled_from([0.05, 0.3, 0.9]),
    warmup=st.integers(0, 80),
    cycles=st.integers(20, 120),
    flits=st.integers(1, 4),
    seed=st.integers(0, 50),
)
def test_a_point_is_what_a_recount_of_the_log_says(
    rate: float, warmup: int, cycles: int, flits: int, seed: int
) -> None:
    traffic = uniform(MESH, flits)
    window = Window(warmup, cycles)
    try:
        point = measure_load(MESH, traffic, rate, window, seed, 1e9)
    except InputError as error:
        assert "creates no packet" in str(error)
        return
    created = traffic.create(rate, window.end + cycles, seed)
    run = NetworkRun(
        MESH.shape(flits),
        Packets(created.cycle, created.source, created.destination, np.full(len(created.cycle), flits, np.int64)),
    )
    run.run()
    arrived = run.deliveries
    inside = (created.cycle[arrived.packet] >= warmup) & (created.cycle[arrived.packet] < window.end)
    packet = arrived.packet[inside]
    assert point.packets == len(packet)
    assert point.offered == pytest.approx(len(packet) * flits / (16 * cycles))
    in_time = bool((arrived.tail[inside] < window.end + cycles).all())
    assert point.stable == in_time
    if in_time:
        assert point.latency == latency_of(arrived.tail[inside] - created.cycle[packet])
        assert point.network_latency == latency_of((arrived.tail - arrived.injected)[inside])
        assert point.hops == pytest.approx(arrived.hops[inside].mean())
    # A flit reaches its node 2 cycles after it left the router.
    if flits == 1:
        ejected = (arrived.tail - 2 >= warmup) & (arrived.tail - 2 < window.end)
        assert point.accepted == pytest.approx(ejected.sum() / (16 * cycles), abs=16 / (16 * cycles))


def test_percentiles_are_the_smallest_that_enough_packets_do_not_exceed() -> None:
    assert latency_of(np.arange(1, 101)) == Latency(50.5, 50, 95, 99, 100)
    assert latency_of(np.array([7])) == Latency(7.0, 7, 7, 7, 7)
    assert latency_of(np.array([3, 1, 2])) == Latency(2.0, 2, 3, 3, 3)


def test_beyond_capacity_a_point_is_unstable_and_accepts_what_links_carry() -> None:
    """Every packet of bit_complement crosses the middle of the mesh, where 8 links serve 16 nodes."""
    traffic = make_pattern("bit_complement", Grid(4, 4), 1)
    point = measure_load(MESH, traffic, 0.9, Window(500, 2000), 0, zero_load_latency(MESH, traffic))
    assert not point.stable
    assert point.latency is point.network_latency is point.hops is None
    assert point.offered == pytest.approx(0.9, rel=0.02)
    assert 0.4 < point.accepted <= 0.5
    assert 0.95 < point.utilisation.max() <= 1


def test_a_curve_rises_to_saturation_and_stops() -> None:
    done: list[tuple[int, int, str]] = []
    curve = measure_curve(
        MESH,
        make_pattern("bit_complement", Grid(4, 4), 1),
        lambda rate: Window(500, 2000),
        seed=0,
        progress=lambda *step: done.append(step),
    )
    rates = [point.rate for point in curve.points]
    assert rates == pytest.approx([rates[0] * number for number in range(1, len(rates) + 1)])
    assert [point.stable for point in curve.points] == [True] * (len(rates) - 1) + [False]
    assert 10 < len(rates) < 40
    assert curve.saturation_rate is not None
    assert 0.3 < curve.saturation_rate < 0.5
    assert curve.saturation_rate <= curve.max_accepted <= 0.5
    assert [step[0] for step in done] == list(range(1, len(rates) + 1))
    assert done[0][2] == f"rate {rates[0]:g}"


def test_saturation_is_the_last_rate_before_the_mean_passes_three_zero_loads() -> None:
    def point(rate: float, mean: float | None) -> LoadPoint:
        latency = None if mean is None else Latency(mean, 1, 1, 1, 1)
        utilisation = np.zeros((1, 1))
        return LoadPoint(rate, rate, rate, mean is not None, 1, latency, latency, 1.0, 1.0, utilisation)

    below = (point(0.1, 20), point(0.2, 30))
    assert Curve(10, (*below, point(0.3, 31))).saturation_rate == 0.2
    assert Curve(10, (*below, point(0.3, None), point(0.4, 12))).saturation_rate == 0.2
    assert Curve(10, below).saturation_rate == 0.2
    assert not Curve(10, below).saturated
    assert Curve(10, (*below, point(0.3, 31))).saturated
    assert Curve(5, below).saturation_rate is None
    assert Curve(10, tuple(replace(found, accepted=1 - found.rate) for found in below)).max_accepted == 0.9


@pytest.mark.parametrize(
    ("rate", "window", "message"),
    [
        (
            0.5,
            Window(0, 10**9),
            "--cycles: with this rate and this many nodes makes too many packets (got 1000000000); "
            "allowed: 20,000,000 packets in all",
        ),
        (
            1e-6,
            Window(0, 10),
            "--rate: creates no packet in 10 cycles (got 1e-06); allowed: a higher rate or more --cycles",
        ),
    ],
)
def test_what_cannot_be_measured(rate: float, window: Window, message: str) -> None:
    with pytest.raises(InputError) as caught:
        measure_load(MESH, uniform(MESH), rate, window, 0, 10)
    assert str(caught.value) == message


@pytest.mark.parametrize("topology", ["mesh", "torus", "ring", "crossbar"])
def test_a_seed_gives_the_same_report(topology: str) -> None:
    network = load_network(
        ROOT / "arch_configs" / "mesh_booksim.yaml", [f"noc.topology={topology}", "noc.virtual_channels=2"]
    )
    reports = [
        run_traffic(network, "hotspot", rates=[0.1, 0.05], cycles=500, warmup=100, seed=seed) for seed in (3, 3, 4)
    ]
    assert reports[0] == reports[1]
    assert reports[0]["points"] != reports[2]["points"]
    assert [point["rate"] for point in reports[0]["points"]] == [0.05, 0.1]
    assert reports[0]["traffic"]["hotspot_nodes"] == [10]


def test_bursts_wait_longer_than_chance() -> None:
    network = load_network(ROOT / "arch_configs" / "mesh_booksim.yaml")
    trace = load_input(ROOT / "traces" / "resnet18_digits.npz")
    bursts = run_traffic(network, "burst", rates=[0.2], workload=trace)["points"][0]
    chance = run_traffic(network, "uniform", rates=[0.2])["points"][0]
    assert bursts["offered_rate"] == pytest.approx(0.2, rel=0.01)
    assert bursts["packets"] == run_traffic(network, "burst", rates=[0.4], workload=trace)["points"][0]["packets"]
    assert bursts["dispersion"] > 20 * chance["dispersion"]
    assert bursts["latency_cycles"]["mean"] > 2 * chance["latency_cycles"]["mean"]
