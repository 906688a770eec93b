"""A network under synthetic traffic: latency and throughput at a rate, and over all rates up to saturation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accelsim.engine.replay import MOST_PACKETS, NetworkRun, Packets
from accelsim.engine.topology import NetworkShape, neighbours
from accelsim.errors import InputError, Problem
from accelsim.parts.noc import NocSettings
from accelsim.workload.traffic import Created, Traffic, dispersion

SATURATION_FACTOR = 3
"""Saturated is what has more than this many zero-load latencies on average."""

UNSTABLE_FACTOR = 20
"""Mean latency, in zero-load latencies, above which queues count as growing without end. BookSim 2 gives up at 500
cycles, 25 zero-load latencies of a 4x4 mesh."""

GRID_POINTS = 20
"""About so many steps of a curve reach the rate at which the busiest link would be full."""

DISPERSION_CYCLES = 100

Integers = NDArray[np.int64]
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Window:
    """Packets created in [warmup, warmup + cycles) are measured. Traffic goes on until all of them have arrived, at
    most `cycles` cycles longer."""

    warmup: int
    cycles: int

    @property
    def end(self) -> int:
        return self.warmup + self.cycles


@dataclass(frozen=True, slots=True)
class Latency:
    """Distribution of latencies in cycles."""

    mean: float
    p50: int
    p95: int
    p99: int
    max: int


def latency_of(cycles: Integers) -> Latency:
    """Percentiles are the smallest latency that so many percent of the packets do not exceed."""
    ordered = np.sort(cycles)
    p50, p95, p99 = (int(ordered[math.ceil(share * len(ordered)) - 1]) for share in (0.50, 0.95, 0.99))
    return Latency(float(ordered.mean()), p50, p95, p99, int(ordered[-1]))


@dataclass(frozen=True, slots=True)
class LoadPoint:
    """What a rate gave; rates in flits a node and cycle, latencies of measured packets, None where it is unstable."""

    rate: float
    """Asked for."""
    offered: float
    """Created in the window."""
    accepted: float
    """Sent to the nodes by their routers in the window."""
    stable: bool
    packets: int
    """Measured."""
    latency: Latency | None
    """Creation to the tail's arrival."""
    network_latency: Latency | None
    """Injection of the head to the tail's arrival."""
    hops: float | None
    """Mean number of routers traversed."""
    dispersion: float
    """Variance over mean of the packets that a node creates in DISPERSION_CYCLES cycles."""
    utilisation: NDArray[np.float64]
    """Share of the window's cycles in which each output [routers, ports] sent a flit."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Points of rising rate."""

    zero_load: float
    """Mean latency of the traffic's packets when each is alone in the network."""
    points: tuple[LoadPoint, ...]

    @property
    def saturation_rate(self) -> float | None:
        """The last rate up to which the mean latency is at most SATURATION_FACTOR zero-load latencies."""
        found = None
        for point in self.points:
            if point.latency is None or point.latency.mean > SATURATION_FACTOR * self.zero_load:
                break
            found = point.rate
        return found

    @property
    def saturated(self) -> bool:
        """Whether a rate beyond saturation was measured."""
        return self.saturation_rate != self.points[-1].rate

    @property
    def max_accepted(self) -> float:
        return max(point.accepted for point in self.points)


def measure_load(
    noc: NocSettings, traffic: Traffic, rate: float, window: Window, seed: int, zero_load: float
) -> LoadPoint:
    """Run one rate. Raises InputError where that would be too many packets."""
    expected = rate / traffic.packet_flits * noc.nodes * (window.end + window.cycles)
    if expected > MOST_PACKETS:
        rule = "with this rate and this many nodes makes too many packets"
        key, value = max(("--cycles", window.cycles), ("--warmup", window.warmup), key=lambda option: option[1])
        raise InputError(Problem(rule, key=key, value=value, allowed=f"{MOST_PACKETS:,} packets in all"))
    created = traffic.create(rate, window.end + window.cycles, seed)
    measured = (created.cycle >= window.warmup) & (created.cycle < window.end)
    count = int(measured.sum())
    if not count:
        rule = f"creates no packet in {window.cycles} cycles"
        raise InputError(Problem(rule, key="--rate", value=rate, allowed="a higher rate or more --cycles"))
    shape = noc.shape(traffic.packet_flits)
    run = NetworkRun(shape, _packets(created, traffic.packet_flits))
    run.run(window.warmup)
    before = run.link_flits.copy()
    run.run(window.end)
    sent = run.link_flits - before
    cycle, step = window.end, max(64, int(zero_load))
    arrived = run.deliveries
    while int(measured[arrived.packet].sum()) < count and cycle < window.end + window.cycles:
        cycle = min(cycle + step, window.end + window.cycles)
        step *= 2
        run.run(cycle)
        arrived = run.deliveries
    chosen = measured[arrived.packet]
    packet = arrived.packet[chosen]
    latency = network_latency = hops = None
    if len(packet) == count:
        cycles = arrived.tail[chosen] - created.cycle[packet]
        if cycles.mean() <= UNSTABLE_FACTOR * zero_load:
            latency = latency_of(cycles)
            network_latency = latency_of(arrived.tail[chosen] - arrived.injected[chosen])
            hops = float(arrived.hops[chosen].mean())
    room = noc.nodes * window.cycles
    inside = Created(created.cycle[measured] - window.warmup, created.source[measured], created.destination[measured])
    return LoadPoint(
        rate=rate,
        offered=count * traffic.packet_flits / room,
        accepted=float(sent[:, len(shape.directions) :].sum() / room),
        stable=latency is not None,
        packets=count,
        latency=latency,
        network_latency=network_latency,
        hops=hops,
        dispersion=dispersion(inside, noc.nodes, window.cycles, min(DISPERSION_CYCLES, window.cycles)),
        utilisation=sent / window.cycles,
    )


def zero_load_latency(noc: NocSettings, traffic: Traffic) -> float:
    """Mean latency of the traffic's packets when each is alone in the network, in cycles.

    Alone, a packet's latency depends on its flits and the number of routers on its way only; one packet for each such
    number is sent, when the one before has long arrived.
    """
    shape = noc.shape(traffic.packet_flits)
    shares = np.zeros(1)
    examples: dict[int, tuple[int, int]] = {}
    for source, destination, share in traffic.pairs():
        hops = routers_on_way(shape, source, destination)
        found = np.bincount(hops, weights=share)
        size = max(len(shares), len(found))
        shares = np.pad(shares, (0, size - len(shares))) + np.pad(found, (0, size - len(found)))
        first_hops, first = np.unique(hops, return_index=True)
        for number, index in zip(first_hops.tolist(), first.tolist(), strict=True):
            examples.setdefault(number, (int(source[index]), int(destination[index])))
    hops_of = sorted(examples)
    # No stage of a router takes more than 4 cycles, and no credit takes 40 to come back.
    spacing = 40 * (hops_of[-1] + traffic.packet_flits + 1)
    source, destination = np.array([examples[hops] for hops in hops_of], np.int64).T
    cycle = np.arange(len(hops_of)) * spacing
    run = NetworkRun(shape, _packets(Created(cycle, source, destination), traffic.packet_flits))
    run.run()
    latencies = np.zeros(len(shares))
    arrived = run.deliveries
    latencies[np.array(hops_of)[arrived.packet]] = arrived.tail - cycle[arrived.packet]
    return float(latencies @ shares)


def measure_curve(
    noc: NocSettings,
    traffic: Traffic,
    window: Callable[[float], Window],
    seed: int,
    rates: Sequence[float] | None = None,
    progress: Progress | None = None,
) -> Curve:
    """The points of `rates`, or of a grid from near zero to the first unstable rate; `window` gives that of a rate."""
    zero_load = zero_load_latency(noc, traffic)
    points = []
    steps = sorted(set(rates)) if rates is not None else _grid(noc, traffic, window, seed, zero_load)
    for number, rate in enumerate(steps, start=1):
        points.append(measure_load(noc, traffic, rate, window(rate), seed, zero_load))
        if progress is not None:
            progress(number, len(steps), f"rate {rate:g}")
        if rates is None and not points[-1].stable:
            break
    return Curve(zero_load, tuple(points))


def _grid(
    noc: NocSettings, traffic: Traffic, window: Callable[[float], Window], seed: int, zero_load: float
) -> list[float]:
    """Multiples, up to 1, of 1, 2 or 5 times a power of ten.

    Links are loaded in proportion to the rate, as long as it is low, so that one measurement says when the busiest
    will be full.
    """
    low = 1 / (4 * sum(noc.shape(1).extent))
    probe = measure_load(noc, traffic, low, window(low), seed, zero_load)
    full = min(1.0, probe.offered / float(probe.utilisation.max()))
    wanted = full / GRID_POINTS
    steps = [digit * 10.0**exponent for exponent in range(-6, 0) for digit in (1, 2, 5)]
    step = min(steps, key=lambda candidate: abs(math.log(candidate / wanted)))
    return [round(number * step, 9) for number in range(1, round(1 / step) + 1)]


def _packets(created: Created, flits: int) -> Packets:
    return Packets(created.cycle, created.source, created.destination, np.full(len(created.cycle), flits, np.int64))


def routers_on_way(shape: NetworkShape, source: Integers, destination: Integers) -> Integers:
    """Routers that a packet traverses from node to node, its own and the last included: all routes are minimal."""
    columns, rows = shape.extent
    start, end = source // shape.nodes_per_router, destination // shape.nodes_per_router
    x, y = np.abs(end % columns - start % columns), np.abs(end // columns - start // columns)
    if shape.wraps:
        x, y = np.minimum(x, columns - x), np.minimum(y, rows - y)
    routers: Integers = x + y + 1
    return routers


def link_loads(shape: NetworkShape, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of what the outputs [routers, ports] carried the part of those between routers; of a crossbar, of all outputs."""
    links = [(router, port) for router, port, _, _ in neighbours(shape)]
    return np.array([outputs[link] for link in links]) if links else outputs.ravel()
