"""The report of a run: counters added up under the names of report.json (see docs/report.md)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.cost.area import area
from accelsim.cost.energy import energy
from accelsim.dataflows import find_dataflow
from accelsim.engine.topology import link_exists
from accelsim.kernels import network_state as n
from accelsim.kernels import state as k
from accelsim.kernels.payload import ENCODINGS
from accelsim.mapping.plan import interval as steady_interval
from accelsim.simulation.bound import layer_bound, occupied_cycles, run_bound
from accelsim.simulation.counters import LayerCounters, describe_chip, layer_counters, priced_events
from accelsim.simulation.dram import dram_report
from accelsim.simulation.occupancy import buffers, queues
from accelsim.simulation.provenance import provenance
from accelsim.simulation.record import Run
from accelsim.units import seconds
from accelsim.workload.layer import ARRAY_OPS
from accelsim.workload.statistics import LayerStatistics

SCHEMA = 1

FIDELITY = {
    "noc": "BookSim 2: 18 logs of 4x4 meshes, every packet exact, and its latencies at other delays; a plain-Python "
    "twin, flit by flit, for every topology, route and tree; RTL of the look-ahead speculative router, wire by wire",
    "buffers": "a plain-Python twin of banks, ports and arbitration, access by access; patterns worked by hand. Where "
    "the words of a packet lie is an estimate",
    "dram": "banks: a plain-Python twin, command by command, and every time of the standard probed to the clock; pipe: "
    "bandwidth and latency exact to the cycle by hand-worked cases",
    "engine": "same results for any order of events and actors, any cut of time, in another process",
    "energy": "estimate: exact counters times sourced prices",
}


def make_report(run: Run) -> dict[str, Any]:
    """Everything that report.json holds."""
    counters = layer_counters(run)
    chip = describe_chip(run)
    cycles = run.fabric.cycles
    events = [priced_events(run, layer) for layer in counters]
    total_events = {name: sum(layer[name] for layer in events) for name in events[0]}
    spent = energy(total_events, cycles, chip)
    time_s = seconds(cycles, run.arch.settings.clock_mhz)
    layers = []
    for layer, layer_events in zip(counters, events, strict=True):
        layers.append(_layer(run, layer, layer_events, energy(layer_events, layer.cycles, chip).total_j))
    synops = sum(layer["synops"] for layer in layers)
    array = run.arch.settings.pe_array
    capacity = math.prod(array.pe_shape) * run.arch.settings.tiles.count * cycles
    interval = steady_interval(run.finished)
    estimate = run.plan.estimate
    return {
        "schema": SCHEMA,
        "arch": run.arch.name,
        "input": run.workload.name,
        "images": run.images,
        "total": {
            "cycles": cycles,
            "latency_cycles": run.finished[0],
            "interval_cycles": interval,
            "estimated_cycles": estimate.cycles,
            "estimated_latency_cycles": estimate.latency_cycles,
            "estimated_interval_cycles": estimate.interval_cycles,
            "time_s": time_s,
            "fps": run.arch.settings.clock_mhz * 1e6 / interval,
            "energy_j": spent.total_j,
            "power_w": spent.total_j / time_s,
            "utilisation": sum(int(layer.events[k.E_MACS]) for layer in counters) / capacity,
            "bound_by": run_bound(run),
            "occupied_cycles": occupied_cycles(run),
            "synops": synops,
            "dense_ops": sum(layer.dense_macs for layer in run.layers) * run.images,
            "gsops_per_s": synops / time_s / 1e9,
            "gsops_per_w": synops / spent.total_j / 1e9,
            "edp_js": spent.total_j * time_s,
        },
        "layers": layers,
        "energy_j": spent.as_dict(),
        "area_mm2": area(chip),
        "footprint_bytes": sum(found.footprint_bytes for found in run.statistics.values()),
        "sparsity": _sparsity(run),
        "bit_budget": _bit_budget(run),
        "noc": _noc(run) | {"payload": _payload(run, counters)},
        "buffers": buffers(run, counters),
        "queues": queues(run),
        "dram": dram_report(run, time_s),
        "closed_form_cycles": 0,
        "verified": run.verified,
        "notes": _notes(run, list(spent.notes)),
        "fidelity": {"pe_array": _array_fidelity(run)} | FIDELITY,
        "provenance": _provenance(run),
        "engine": {
            "actor_events": run.actor_events,
            "tile_cycles": int(run.fabric.clock.scalars[k.TILE_CYCLES]),
        },
    }


def _array_fidelity(run: Run) -> str:
    """What the cycles of the arrays are held by."""
    kind = find_dataflow(run.arch.settings.pe_array.dataflow)
    twins = "a plain-Python twin"
    if run.arch.dataflow is not None:
        twins = "a plain-Python twin of its schedules; a slow player of schedules, state for state"
    return f"{twins}; {kind.compared_with}" if kind.compared_with else twins


def _layer(run: Run, counters: LayerCounters, events: dict[str, int], energy_j: float) -> dict[str, Any]:
    layer = counters.layer
    states = counters.states
    ideal = _ideal_cycles(run, counters)
    stalls = {name: states[name] for name in ("weights_missing", "spikes_missing", "bank_conflict", "output_blocked")}
    return {
        "name": layer.name,
        "op": layer.op,
        "start_cycle": counters.start_cycle,
        "end_cycle": counters.end_cycle,
        "cycles": counters.cycles,
        "cycles_per_image": counters.cycles / run.images,
        "compute_cycles": states["busy"] + states["fill_drain"],
        "load_cycles": stalls["weights_missing"] + stalls["spikes_missing"],
        "store_cycles": stalls["output_blocked"],
        "ideal_cycles": ideal,
        "estimated_cycles": run.plan.estimate.layer_cycles[run.layers.index(layer)],
        "utilisation": ideal / counters.cycles,
        "stall_cycles": stalls,
        "sequencing_cycles": states["sequencing"],
        "idle_cycles": states["idle"],
        "synops": int(counters.events[k.E_SYNOPS]),
        "traffic": {
            "spike_read_bits": events["spike_buffer_read_bits"],
            "weight_read_bits": events["weight_buffer_read_bits"],
            "accumulator_bits": events["accumulator_read_bits"] + events["accumulator_write_bits"],
            "noc_packets": int(counters.events[k.E_PACKETS]),
            "noc_flits": counters.flits,
            "noc_flit_hops": counters.flit_hops,
            "dram_read_bytes": int(counters.events[k.E_DRAM_READ]),
            "dram_write_bytes": int(counters.events[k.E_DRAM_WRITE]),
            "payload_words": int(counters.events[k.E_SENT_WORDS]),
            "payload_nonzero_words": int(counters.events[k.E_SENT_NONZERO]),
            **{
                f"payload_{name}_bits": int(bits)
                for name, bits in zip(ENCODINGS, counters.payload[:, k.Q_BITS], strict=True)
            },
        },
        "energy_j": energy_j,
        "bound_by": layer_bound(run, counters),
    }


def _ideal_cycles(run: Run, counters: LayerCounters) -> int:
    """Cycles in which all arrays together could do the layer's products, or all neuron units read its lines."""
    array = run.arch.settings.pe_array
    tiles = run.arch.settings.tiles.count
    if counters.layer.op in ARRAY_OPS:
        return -(-int(counters.events[k.E_MACS]) // (math.prod(array.pe_shape) * tiles))
    return -(-int(counters.events[k.E_LINES]) // tiles)


def _sparsity(run: Run) -> dict[str, Any]:
    """Shares of zeros in the words that layers with weights consume; by layer, and over all of them."""
    chosen = [run.statistics[layer.name] for layer in run.layers if layer.op in ARRAY_OPS]
    spikes = [found for found in chosen if found.layer.kind == "spikes"] or chosen
    return {
        **_shares_of_zeros(spikes),
        "layers": [{"name": found.layer.name, **_shares_of_zeros([found])} for found in chosen],
    }


def _shares_of_zeros(found: Sequence[LayerStatistics]) -> dict[str, Any]:
    """Words of different widths are aligned at their last time step, so that planes of equal weight meet."""
    words = sum(layer.words for layer in found)
    steps = max((len(layer.ones_by_plane) for layer in found), default=0)
    ones = [0] * steps
    places = [0] * steps
    for layer in found:
        missing = steps - len(layer.ones_by_plane)
        for step, count in enumerate(layer.ones_by_plane):
            ones[missing + step] += count
            places[missing + step] += layer.words
    return {
        "word": 1 - sum(layer.nonzero_words for layer in found) / max(1, words),
        "bit": 1 - sum(ones) / max(1, sum(places)),
        "time_steps": [1 - count / room for count, room in zip(ones, places, strict=True)],
        "entropy_bits": sum(layer.entropy_bits * layer.words for layer in found) / max(1, words),
    }


def _bit_budget(run: Run) -> dict[str, Any]:
    entries: list[dict[str, Any]] = []
    for layer in run.layers:
        if layer.op in ARRAY_OPS:
            found = run.statistics[layer.name]
            entries.append(
                {
                    "name": layer.name,
                    "bb": found.bit_budget,
                    "s_ace": found.s_ace,
                    "ns_ace": found.ns_ace,
                    "synops": found.synops,
                    "word_macs": found.word_macs,
                    "effective_macs": found.effective_macs,
                    "effective_acs": found.effective_acs,
                }
            )
    macs = sum(run.statistics[entry["name"]].dense_macs for entry in entries)
    total = {key: sum(entry[key] for entry in entries) for key in ("s_ace", "ns_ace", "synops", "word_macs")}
    return {"bb": total["s_ace"] / macs if macs else 0.0, **total, "layers": entries}


def _noc(run: Run) -> dict[str, Any]:
    fabric = run.fabric
    scalars = fabric.clock.scalars
    histogram = fabric.network.latency
    flits = fabric.network.link_bins.sum(axis=0)[link_exists(run.arch.network)]
    return {
        "packets": int(scalars[k.SENT_PACKETS]),
        "flits": int(scalars[k.SENT_FLITS]),
        "multicast": run.arch.multicast,
        "unicast": {
            "packets": int(scalars[k.SENT_COPIES]),
            "flits": int(scalars[k.SENT_FLIT_COPIES]),
            "flit_hops": int(fabric.network.layer_flits[:, n.UNICAST_HOPS].sum()),
        },
        "flit_hops": int(fabric.network.link_bins.sum()),
        "latency_cycles": _latency(histogram),
        "link_utilisation": {
            "mean": float(flits.sum() / max(1, len(flits)) / fabric.cycles),
            "max": float(flits.max(initial=0) / fabric.cycles),
        },
        "source_queue_peak_flits": int(fabric.network.node[:, n.PEAK_FLITS].max()),
    }


def _payload(run: Run, counters: list[LayerCounters]) -> dict[str, Any]:
    """What the spike packets of all layers would have cost in each encoding."""
    events = np.sum([layer.events for layer in counters], axis=0)
    costs = np.sum([layer.payload for layer in counters], axis=0)
    by_name = dict(zip(ENCODINGS, costs.tolist(), strict=True))
    return {
        "encoding": run.arch.settings.network_interface.payload,
        "packets": int(events[k.E_SPIKE_PACKETS]),
        "words": int(events[k.E_SENT_WORDS]),
        "nonzero_words": int(events[k.E_SENT_NONZERO]),
        "bits": {name: cost[k.Q_BITS] for name, cost in by_name.items()},
        "flits": {name: cost[k.Q_FLITS] for name, cost in by_name.items()},
        "shortest_packets": {name: cost[k.Q_SHORTEST] for name, cost in by_name.items() if name != "auto"},
    }


def _latency(histogram: NDArray[np.int64]) -> dict[str, float | int | None]:
    count = int(histogram.sum())
    if not count:
        return dict.fromkeys(("mean", "p50", "p99", "max"))
    below = np.cumsum(histogram)
    values = np.arange(len(histogram))
    return {
        "mean": float((histogram * values).sum() / count),
        "p50": int(np.searchsorted(below, math.ceil(0.5 * count))),
        "p99": int(np.searchsorted(below, math.ceil(0.99 * count))),
        "max": int(values[histogram > 0].max()),
    }


def _notes(run: Run, priced: list[str]) -> list[str]:
    notes = list(run.workload.notes)
    if run.images > run.workload.images:
        notes.append(f"{run.images} images simulated of {run.workload.images} recorded: they repeat in turn")
    notes += run.plan.notes
    notes += run.notes
    return notes + priced


def _provenance(run: Run) -> dict[str, Any]:
    return {
        **provenance(run.arch.document.dump(), run.seed),
        "input_sha256": run.workload.source.get("sha256", ""),
        "input": dict(run.workload.source),
    }
