"""A made-up result that has everything a real one has, for tests of what people read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from accelsim.units import seconds

STATES = (
    "busy",
    "fill_drain",
    "weights_missing",
    "spikes_missing",
    "bank_conflict",
    "output_blocked",
    "sequencing",
    "idle",
)
COMPONENTS = (
    "pe_array",
    "spike_buffer",
    "weight_buffer",
    "accumulator_buffer",
    "neuron_unit",
    "fifo",
    "noc",
    "dram",
)


def make_timeline(
    layers: int = 20, tiles: int = 16, bins: int = 800, overlap: bool = False, seed: int = 1
) -> dict[str, Any]:
    """Arrays as a run leaves them: every tile's states add up to the cycles of each bin."""
    random = np.random.default_rng(seed)
    bin_cycles = 1024
    cycles = bins * bin_cycles - 300
    weights = random.gamma(1.5, 1.0, layers) + 0.15
    ends = np.round(np.cumsum(weights) / weights.sum() * cycles).astype(np.int64)
    starts = np.concatenate([[0], ends[:-1]]).astype(np.int64)
    if overlap:
        starts = np.maximum(0, starts - (cycles // layers) * 2)
    lengths = np.full(bins, bin_cycles)
    lengths[-1] = cycles - (bins - 1) * bin_cycles
    states = np.zeros((tiles, bins, len(STATES)), dtype=np.int64)
    middle = (np.arange(bins) + 0.5) * bin_cycles
    links = 4 * tiles
    link_flits = np.zeros((links, bins), dtype=np.int64)
    read = np.zeros((1, bins), dtype=np.int64)
    written = np.zeros((1, bins), dtype=np.int64)
    layer_of_bin = np.searchsorted(ends, middle, side="right").clip(0, layers - 1)
    mixes = random.dirichlet([6, 0.5, 1.5, 1.0, 0.8, 0.7, 0.2, 0.8], layers)
    for bin_index in range(bins):
        layer = layer_of_bin[bin_index]
        into = (middle[bin_index] - starts[layer]) / max(1, ends[layer] - starts[layer])
        mix = mixes[layer].copy()
        mix[2] += 1.5 * np.exp(-into * 18)
        mix[1] += 0.3 * np.exp(-into * 25)
        mix[7] += 0.8 * np.exp(-(1 - into) * 22)
        for tile in range(tiles):
            share = random.dirichlet(60 * mix / mix.sum() + 0.02)
            states[tile, bin_index] = random.multinomial(lengths[bin_index], share)
        load = 0.08 + 0.5 * mix[5] + 0.25 * np.exp(-into * 10)
        link_flits[:, bin_index] = random.binomial(lengths[bin_index], np.clip(random.gamma(2, load / 4, links), 0, 1))
        read[0, bin_index] = int(
            lengths[bin_index] * 25.6 * np.clip(random.normal(0.15 + np.exp(-into * 6), 0.05), 0, 1)
        )
        written[0, bin_index] = int(lengths[bin_index] * 25.6 * 0.05 * random.random())
        written[0, bin_index] = min(written[0, bin_index], int(lengths[bin_index] * 25.6) - read[0, bin_index])
    return {
        "bin_cycles": bin_cycles,
        "state_names": np.array(STATES),
        "tile_states": states,
        "link_names": np.array([f"{link // 4},{link % 4}" for link in range(links)]),
        "link_flits": link_flits,
        "dram_read_bytes": read,
        "dram_write_bytes": written,
        "dram_peak_bytes_per_cycle": 25.6,
        "layer_names": np.array([f"stage{1 + layer // 5}.conv{layer}" for layer in range(layers)]),
        "layer_start": starts,
        "layer_end": ends,
        "cycles": cycles,
        "clock_mhz": 500.0,
    }


def make_report(arrays: dict[str, Any] | None = None, layers: int = 4) -> dict[str, Any]:
    """A complete report whose layers fill the run of `arrays`."""
    arrays = arrays or make_timeline(layers=layers, tiles=4, bins=40)
    cycles = int(arrays["cycles"])
    time_s = seconds(cycles, arrays["clock_mhz"])
    names = [str(name) for name in arrays["layer_names"]]
    entries = [
        _layer(name, int(start), int(end))
        for name, start, end in zip(names, arrays["layer_start"], arrays["layer_end"], strict=True)
    ]
    synops = sum(entry["synops"] for entry in entries)
    dynamic = {name: 1e-6 * (index + 1) for index, name in enumerate(COMPONENTS)}
    static = {name: 1e-8 * (index + 1) for index, name in enumerate(COMPONENTS)}
    energy = sum(dynamic.values()) + sum(static.values())
    return {
        "schema": 1,
        "arch": "spikepack",
        "input": "resnet18_digits",
        "images": 1,
        "closed_form_cycles": 1234,
        "verified": None,
        "notes": ["layer stage1.conv0: output words drawn at random at its consumer's density"],
        "total": {
            "cycles": cycles,
            "latency_cycles": cycles,
            "interval_cycles": cycles,
            "estimated_cycles": cycles + 1,
            "estimated_latency_cycles": cycles + 2,
            "estimated_interval_cycles": cycles + 3,
            "time_s": time_s,
            "fps": 1 / time_s,
            "energy_j": energy,
            "power_w": energy / time_s,
            "utilisation": 0.61,
            "bound_by": "pe_array",
            "synops": synops,
            "dense_ops": 9 * synops,
            "gsops_per_s": synops / time_s / 1e9,
            "gsops_per_w": synops / energy / 1e9,
            "edp_js": energy * time_s,
        },
        "energy_j": {
            "by_component": {name: dynamic[name] + static[name] for name in COMPONENTS},
            "dynamic": sum(dynamic.values()),
            "static": sum(static.values()),
            "dynamic_by_component": dynamic,
            "static_by_component": static,
        },
        "area_mm2": {name: 0.1 * (index + 1) for index, name in enumerate(COMPONENTS[:-1])},
        "sparsity": _sparsity("") | {"layers": [_sparsity(name) for name in names]},
        "bit_budget": {
            "bb": 32.0,
            "s_ace": 3.2e9,
            "ns_ace": 4.1e8,
            "synops": synops,
            "layers": [{"name": name, "bb": 32, "s_ace": 8e8, "ns_ace": 1e8, "synops": 9000} for name in names],
        },
        "layers": entries,
        "noc": {
            "packets": 12345,
            "flits": 67890,
            "flit_hops": 234567,
            "multicast": "tree",
            "unicast": {"packets": 23456, "flits": 123456, "flit_hops": 469134},
            "latency_cycles": {"mean": 21.4, "p50": 18, "p99": 77, "max": 210},
            "link_utilisation": {"mean": 0.08, "max": 0.62},
            "payload": {
                "encoding": "bitmap",
                "packets": 1000,
                "words": 256000,
                "nonzero_words": 76800,
                "bits": {"dense": 1024000, "bitmap": 563200, "address_event": 930600, "auto": 565200},
                "flits": {"dense": 17000, "bitmap": 9600, "address_event": 15500, "auto": 9700},
                "shortest_packets": {"dense": 0, "bitmap": 1000, "address_event": 0},
            },
        },
        "buffers": {
            "spike_buffer": {
                "reads": 100000,
                "writes": 4000,
                "conflicts": 17,
                "peak_bytes": 30000,
                "capacity_bytes": 65536,
            },
            "weight_buffer": {"reads": 200000, "writes": 9000, "conflicts": 0, "peak_bytes": 131072},
        },
        "queues": {
            "detector_fifo": {"unit": "words", "peak": 100, "capacity": 128},
            "dram_requests": {"unit": "transfers", "peak": 40, "capacity": None},
        },
        "dram": {
            "read_bytes": 5000000,
            "write_bytes": 20000,
            "row_hits": 70000,
            "row_misses": 800,
            "bandwidth_gb_per_s": 6.1,
            "bandwidth_utilisation": 0.48,
        },
        "fidelity": {"router": "BookSim 2, packet by packet", "systolic array": "SCALE-Sim 3, cycles of a fold"},
        "provenance": {
            "version": "0.1.0",
            "argv": ["accelsim", "run", "spikepack.yaml", "resnet18_digits.npz"],
            "arch_sha256": "a" * 64,
            "input_sha256": "b" * 64,
            "seed": 0,
            "python": "3.11.2",
            "libraries": {"numpy": "2.4.0", "numba": "0.68.0"},
        },
    }


def _layer(name: str, start: int, end: int) -> dict[str, Any]:
    cycles = end - start
    stalls = {
        "weights_missing": cycles // 5,
        "spikes_missing": cycles // 20,
        "bank_conflict": cycles // 50,
        "output_blocked": cycles // 100,
    }
    sequencing, idle = cycles // 200, cycles // 10
    compute = cycles - sum(stalls.values()) - sequencing - idle
    return {
        "name": name,
        "op": "conv2d",
        "start_cycle": start,
        "end_cycle": end,
        "cycles": cycles,
        "compute_cycles": compute,
        "load_cycles": stalls["weights_missing"] + stalls["spikes_missing"],
        "store_cycles": stalls["output_blocked"],
        "ideal_cycles": compute - cycles // 40,
        "estimated_cycles": cycles // 2,
        "utilisation": (compute - cycles // 40) / cycles,
        "stall_cycles": stalls,
        "sequencing_cycles": sequencing,
        "idle_cycles": idle,
        "synops": 9000 * cycles,
        "traffic": {
            "spike_read_bits": 64 * cycles,
            "weight_read_bits": 2048 * cycles,
            "accumulator_bits": 24 * cycles,
            "noc_flits": cycles // 3,
            "noc_flit_hops": cycles,
            "dram_read_bytes": 5 * cycles,
            "dram_write_bytes": cycles // 7,
            "payload_words": 10 * cycles,
            "payload_nonzero_words": 3 * cycles,
            "payload_dense_bits": 40 * cycles,
            "payload_bitmap_bits": 22 * cycles,
            "payload_address_event_bits": 36 * cycles,
            "payload_auto_bits": 23 * cycles,
        },
        "energy_j": 3e-11 * cycles,
        "bound_by": "weight_buffer",
    }


def _sparsity(name: str) -> dict[str, Any]:
    entry = {"word": 0.71, "bit": 0.88, "time_steps": [0.95, 0.91, 0.85, 0.81], "entropy_bits": 1.62}
    return {"name": name} | entry if name else entry


@pytest.fixture
def timeline_of() -> Callable[..., dict[str, Any]]:
    """Makes a timeline: (layers, tiles, bins, overlap, seed)."""
    return make_timeline


@pytest.fixture
def report_of() -> Callable[..., dict[str, Any]]:
    """Makes the report of a timeline."""
    return make_report


@pytest.fixture
def timeline() -> dict[str, Any]:
    return make_timeline(layers=4, tiles=4, bins=40)


@pytest.fixture
def report(timeline: dict[str, Any]) -> dict[str, Any]:
    return make_report(timeline)
