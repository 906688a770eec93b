"""A network alone as a user asks for it: packets replayed, or traffic of a name at some rates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from accelsim.build.network import Network
from accelsim.engine.replay import NetworkRun, Packets
from accelsim.simulation.network_load import Progress, Window, measure_curve
from accelsim.simulation.network_report import load_report
from accelsim.workload.bursts import record_bursts
from accelsim.workload.traffic import Grid, Traffic, hot_nodes, make_pattern
from accelsim.workload.workload import Workload

WARMUP, CYCLES = 3000, 10_000
"""Cycles before measuring, as long as BookSim 2 warms up at low rates, and cycles measured."""


def replay(network: Network, packets: Packets) -> NetworkRun:
    """Send packets until all have arrived; SimulationError with the packets that wait for each other on deadlock."""
    run = NetworkRun(network.noc.shape(1), packets)
    run.run()
    return run


def run_traffic(
    network: Network,
    pattern: str,
    *,
    rates: Sequence[float] | None = None,
    packet_flits: int = 1,
    warmup: int = WARMUP,
    cycles: int | None = None,
    seed: int = 0,
    hotspot_nodes: Sequence[int] = (),
    hotspot_weight: int = 4,
    workload: Workload | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """The report of a traffic pattern, or of the `burst`s of a workload, at `rates` or over all rates (None).

    `cycles` None: CYCLES, and of bursts one pass of the recording. Raises InputError where the pattern is undefined on
    the network, or the rate too low or too high to be measured.
    """
    noc = network.noc
    traffic: Traffic
    described: dict[str, Any] = {"pattern": pattern, "packet_flits": packet_flits}
    if workload is not None:
        recording = record_bursts(workload, noc.nodes, packet_flits, noc.flit_bits)
        described |= {"input": workload.name, "pass_packets": int(recording.packets.sum())}
        traffic = recording

        def window(rate: float) -> Window:
            return Window(warmup, cycles or math.ceil(recording.pass_cycles(rate)))
    else:
        grid = Grid(noc.columns, noc.rows, noc.concentration, {"ring": 1, "crossbar": 0}.get(noc.topology, 2))
        traffic = make_pattern(pattern, grid, packet_flits, hotspot_nodes, hotspot_weight)
        if pattern == "hotspot":
            described |= {"hotspot_nodes": hot_nodes(grid, hotspot_nodes), "hotspot_weight": hotspot_weight}

        def window(rate: float) -> Window:
            return Window(warmup, cycles or CYCLES)

    curve = measure_curve(noc, traffic, window, seed, rates, progress)
    described |= {"warmup_cycles": warmup, "cycles": cycles or (CYCLES if workload is None else None)}
    return load_report(network, described, curve, seed)
