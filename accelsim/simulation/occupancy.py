"""High-water marks: how full every buffer and queue of a run has been, and what waited for its banks and ports."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.kernels import dram_state as d
from accelsim.kernels import network_state as n
from accelsim.kernels import state as k
from accelsim.simulation.counters import LayerCounters
from accelsim.simulation.record import Run
from accelsim.units import ceil_div


def buffers(run: Run, counters: list[LayerCounters]) -> dict[str, Any]:
    """Accesses, conflicts and peaks of the buffers, by name; peaks are those of the fullest tile or channel."""
    total = np.sum([layer.events for layer in counters], axis=0)
    settings = run.arch.settings
    tiles = run.fabric.tiles
    queued = int(total[k.E_WORDS]) if settings.pe_array.queued_words else 0
    return {
        "spike_buffer": {
            "reads": int(total[k.E_LINES]),
            "writes": int(total[k.E_SPIKE_WRITE_FLITS]),
            "conflicts": int(total[k.E_CONFLICTS]),
            "write_conflicts": int(total[k.E_SPIKE_WRITE_CONFLICTS]),
            "peak_bytes": ceil_div(int(tiles.interface[:, k.I_HELD_PEAK].max()), 8),
            "reserved_bytes": max(run.plan.spike_buffer_peak_bytes),
            "capacity_bytes": settings.spike_buffer.bytes,
        },
        "weight_buffer": {
            "reads": int(total[k.E_WORDS]),
            "writes": int(total[k.E_WEIGHT_WRITE_FLITS]),
            "conflicts": int(total[k.E_WEIGHT_CONFLICTS]),
            "write_conflicts": int(total[k.E_WEIGHT_WRITE_CONFLICTS]),
            "peak_bytes": run.program.weight_buffer_peak_bytes,
            "capacity_bytes": settings.weight_buffer.bytes,
        },
        "accumulator_buffer": {
            "reads": int(total[k.E_ACCUMULATOR_READS]),
            "writes": int(total[k.E_ACCUMULATOR_WRITES]),
            "conflicts": int(total[k.E_ACCUMULATOR_CONFLICTS]),
            "peak_bytes": run.program.accumulator_peak_words * settings.pe_array.accumulator_bits // 8,
            "capacity_bytes": settings.accumulator_buffer.bytes,
        },
        "detector_fifo": {
            "reads": queued,
            "writes": queued,
            "conflicts": 0,
            "peak_bytes": int(tiles.scalars[:, k.S_FIFO_PEAK].max()) * settings.pe_array.operand_bits // 8,
        },
        "dram_write_buffer": {
            "reads": 0,
            "writes": 0,
            "conflicts": 0,
            "peak_bytes": int(run.fabric.memory.channel[:, k.C_WRITE_PEAK].max()),
            "capacity_bytes": settings.memory_controller.write_buffer_bytes,
        },
    }


def queues(run: Run) -> dict[str, Any]:
    """Most entries that any tile, node or channel has had in each queue, and how many fit."""
    settings = run.arch.settings
    array = settings.pe_array
    tiles = run.fabric.tiles
    network = run.arch.network
    sink = network.virtual_channels * network.buffer_flits
    memory = run.fabric.memory
    bursts = {}
    if run.arch.dram is not None:
        bursts["dram_reads"] = _queue("bursts", memory.dram.count[:, d.N_READS_PEAK], run.arch.dram.queue)
        bursts["dram_writes"] = _queue("bursts", memory.dram.count[:, d.N_WRITES_PEAK], None)
    return {
        "detector_fifo": _queue("words", tiles.scalars[:, k.S_FIFO_PEAK], array.queued_words),
        "pixels_in_flight": _queue("pixels", tiles.scalars[:, k.S_PIXELS_PEAK], tiles.pixel.shape[1]),
        "results": _queue("pixels", tiles.scalars[:, k.S_RESULTS_PEAK], int(tiles.settings[k.T_RESULTS])),
        "commands": _queue("passes", tiles.scalars[:, k.S_PASSES_PEAK], None),
        "network_interface_source": _queue("flits", run.fabric.network.node[:, n.PEAK_FLITS], network.queue_flits),
        "network_interface_sink": _queue("flits", tiles.interface[:, k.I_PEAK], sink),
        "dram_requests": _queue("transfers", memory.channel[:, k.C_QUEUED_PEAK], None),
        **bursts,
    }


def _queue(unit: str, peaks: NDArray[np.int64], capacity: int | None) -> dict[str, Any]:
    return {"unit": unit, "peak": int(peaks.max()), "capacity": capacity}
