"""Reports of a network alone, under synthetic traffic or replaying packets (see docs/noc.md for every key)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.build.network import Network
from accelsim.engine.replay import NetworkRun
from accelsim.engine.topology import NetworkShape
from accelsim.simulation.network_load import (
    SATURATION_FACTOR,
    Curve,
    Latency,
    LoadPoint,
    latency_of,
    link_loads,
)
from accelsim.simulation.provenance import provenance
from accelsim.units import exact

SCHEMA = 1


def load_report(network: Network, traffic: dict[str, Any], curve: Curve, seed: int) -> dict[str, Any]:
    """The report of synthetic traffic; `traffic` says what it was.

    Links are shown at the saturation rate, else at the last stable rate, else at the first.
    """
    stable = [point for point in curve.points if point.stable]
    at_saturation = [point for point in curve.points if point.rate == curve.saturation_rate]
    shown = (at_saturation or stable[-1:] or curve.points[:1])[0]
    saturation = None
    if len(curve.points) > 1:
        saturation = {
            "rate": curve.saturation_rate,
            "reached": curve.saturated,
            "latency_factor": SATURATION_FACTOR,
            "last_stable_rate": stable[-1].rate if stable else None,
            "max_accepted_rate": curve.max_accepted,
            "max_accepted_gb_per_s": _gb_per_s(network, curve.max_accepted),
        }
    return {
        **_header(network),
        "traffic": traffic,
        "zero_load_latency_cycles": curve.zero_load,
        "points": [_point(network.noc.shape(1), point) for point in curve.points],
        "saturation": saturation,
        "links": _links(network.noc.shape(1), shown.rate, shown.utilisation),
        "provenance": provenance(network.document.dump(), seed),
    }


def replay_report(network: Network, created: NDArray[np.int64], source: str, run: NetworkRun) -> dict[str, Any]:
    """The report of a replay that is over: of packets created in these cycles, which came from the file `source`."""
    arrived = run.deliveries
    created = created[arrived.packet]
    flits = run.packets.flits[arrived.packet]
    cycles = int(arrived.tail.max()) + 1
    utilisation = run.link_flits / cycles
    loads = link_loads(run.shape, utilisation)
    return {
        **_header(network),
        "replay": {
            "input": source,
            "packets": len(flits),
            "flits": int(flits.sum()),
            "flit_hops": run.flit_hops,
            "cycles": cycles,
            "accepted_rate": int(flits.sum()) / cycles / run.shape.nodes,
            "latency_cycles": _latency(latency_of(arrived.tail - created)),
            "network_latency_cycles": _latency(latency_of(arrived.tail - arrived.injected)),
            "hops": float(arrived.hops.mean()),
            "link_utilisation": {"mean": float(loads.mean()), "max": float(loads.max())},
        },
        "links": _links(run.shape, None, utilisation),
        "provenance": provenance(network.document.dump(), 0),
    }


def _header(network: Network) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "arch": network.name,
        "clock_mhz": network.settings.clock_mhz,
        "noc": network.noc.model_dump(),
    }


def _point(shape: NetworkShape, point: LoadPoint) -> dict[str, Any]:
    loads = link_loads(shape, point.utilisation)
    return {
        "rate": point.rate,
        "offered_rate": point.offered,
        "accepted_rate": point.accepted,
        "stable": point.stable,
        "packets": point.packets,
        "latency_cycles": _latency(point.latency),
        "network_latency_cycles": _latency(point.network_latency),
        "hops": point.hops,
        "link_utilisation": {"mean": float(loads.mean()), "max": float(loads.max())},
        "dispersion": point.dispersion,
    }


def _latency(latency: Latency | None) -> dict[str, Any] | None:
    return None if latency is None else asdict(latency)


def _links(shape: NetworkShape, rate: float | None, utilisation: NDArray[np.float64]) -> dict[str, Any]:
    return {
        "rate": rate,
        "outputs": [shape.port_name(port) for port in range(shape.ports)],
        "utilisation": utilisation.tolist(),
    }


def _gb_per_s(network: Network, rate: float) -> float:
    """Bandwidth of all nodes together that a rate of flits a node and cycle is."""
    bits_per_cycle = rate * network.noc.nodes * network.noc.flit_bits
    return bits_per_cycle / 8 * float(exact(network.settings.clock_mhz)) / 1000
