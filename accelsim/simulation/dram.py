"""What became of the memory behind the controllers, for the report."""

from __future__ import annotations

from typing import Any

from accelsim.kernels import dram_state as d
from accelsim.kernels import state as k
from accelsim.simulation.record import Run


def dram_report(run: Run, time_s: float) -> dict[str, Any]:
    """The report's `dram`: bytes, and of channels of banks what their rows and their data buses did."""
    events = run.fabric.tiles.events
    read = int(events[:, k.E_DRAM_READ].sum())
    written = int(events[:, k.E_DRAM_WRITE].sum())
    rate = run.arch.bytes_per_cycle
    most = None if rate is None else float(rate) * run.arch.controllers * run.fabric.cycles
    return {
        "read_bytes": read,
        "write_bytes": written,
        "moved_bytes": int(events[:, [k.E_BUS_READ, k.E_BUS_WRITE]].sum()),
        **_banks(run),
        "bandwidth_gb_per_s": (read + written) / time_s / 1e9,
        "bandwidth_utilisation": None if most is None else (read + written) / most,
    }


def _banks(run: Run) -> dict[str, Any]:
    """Sums over the channels; no row is ever open where there are no banks."""
    shape = run.arch.dram
    count = run.fabric.memory.dram.count
    total = count.sum(axis=0)
    if shape is None:
        return {"row_hits": 0}
    clocks = float(run.fabric.cycles * shape.clocks_per_cycle)
    return {
        "row_hits": int(total[d.N_HITS]),
        "row_misses": int(total[d.N_MISSES]),
        "row_conflicts": int(total[d.N_CONFLICTS]),
        "activations": int(total[d.N_ACTIVATIONS]),
        "refreshes": int(total[d.N_REFRESHES]),
        "turn_arounds": int(total[d.N_TURNS]),
        "forwarded_reads": int(total[d.N_FORWARDED]),
        "merged_writes": int(total[d.N_MERGED]),
        "waiting_reads_peak": int(count[:, d.N_READS_PEAK].max()),
        "waiting_writes_peak": int(count[:, d.N_WRITES_PEAK].max()),
        "bus_busy": {
            "mean": float(count[:, d.N_BUSY].mean() / clocks),
            "max": float(count[:, d.N_BUSY].max() / clocks),
        },
    }
