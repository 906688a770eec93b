"""The timeline of a run, in bins of equal length."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.engine.topology import link_exists
from accelsim.kernels import state as k
from accelsim.simulation.record import Run

STATE_NAMES = (
    "busy",
    "fill_drain",
    "weights_missing",
    "spikes_missing",
    "bank_conflict",
    "output_blocked",
    "sequencing",
    "idle",
)
"""States of a tile in the order of the kernel's numbers."""


def make_timeline(run: Run) -> dict[str, NDArray[Any]]:
    """Arrays of timeline.npz (see docs/report.md)."""
    fabric = run.fabric
    shift = int(fabric.clock.scalars[k.BIN_SHIFT])
    bins = -(-fabric.cycles // (1 << shift))
    shape = run.arch.network
    used = np.flatnonzero(link_exists(shape))
    names = [f"{router}{shape.port_name(port)}" for router in range(shape.routers) for port in range(shape.ports)]
    rate = run.arch.bytes_per_cycle
    layers = len(run.layers)
    span = fabric.tiles.span[:-1]
    return {
        "bin_cycles": np.array(1 << shift),
        "cycles": np.array(fabric.cycles),
        "clock_mhz": np.array(run.arch.settings.clock_mhz),
        "state_names": np.array(STATE_NAMES),
        "tile_states": fabric.tiles.bins[:, :bins].copy(),
        "link_names": np.array([names[link] for link in used]),
        "link_flits": fabric.network.link_bins[:bins, used].T.copy(),
        "dram_read_bytes": fabric.memory.read_bins[:, :bins].copy(),
        "dram_write_bytes": fabric.memory.write_bins[:, :bins].copy(),
        "dram_peak_bytes_per_cycle": np.array(0.0 if rate is None else float(rate) * run.arch.controllers),
        "layer_names": np.array([run.layers[number % layers].name for number in range(len(span))]),
        "layer_start": span[:, 0].copy(),
        "layer_end": span[:, 1].copy(),
    }
