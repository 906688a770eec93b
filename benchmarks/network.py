"""How fast the network alone runs: flit-hops a second on one thread, kernels compiled before.

    python benchmarks/network.py [--repeat N]

A flit-hop is a flit through a router, ejection included. Only the run is timed, packets being prepared before, in
seconds of the thread; the best of N counts, as the rest is the machine's noise. Routers look the route ahead and
speculate, with 4 virtual channels of 8 flits.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from accelsim.engine.replay import NetworkRun, Packets
from accelsim.parts.noc import NocSettings
from accelsim.workload.traffic import Created, Grid, make_pattern

NEIGHBOUR_FLIT_HOPS = 3_000_000
"""Work of every size of the comparison of sizes."""

IDLE_CYCLES = 10**9


def mesh(side: int) -> NocSettings:
    return NocSettings(columns=side, rows=side, virtual_channels=4, buffer_flits=8)


def packets(created: Created, flits: int) -> Packets:
    count = np.full(len(created.cycle), flits, np.int64)
    return Packets(created.cycle, created.source, created.destination, count)


def uniform(side: int, rate: float, flits: int, cycles: int) -> Packets:
    return packets(make_pattern("uniform", Grid(side, side), flits).create(rate, cycles, seed=0), flits)


def nearby(side: int, cycles: int) -> Packets:
    """To a node one further in x and in y, inwards at the border: 3 routers on the way whatever the size."""
    created = make_pattern("uniform", Grid(side, side), 1).create(0.3, cycles, seed=0)
    y, x = np.divmod(created.source, side)
    further = np.where(y < side - 1, y + 1, y - 1) * side + np.where(x < side - 1, x + 1, x - 1)
    return packets(Created(created.cycle, created.source, further), 1)


def measure(noc: NocSettings, sent: Packets, repeat: int) -> tuple[int, int, float]:
    """Cycles, flit-hops, and the best time of running them, in seconds."""
    seconds = []
    for _ in range(repeat):
        run = NetworkRun(noc.shape(8), sent)
        start = time.thread_time()
        cycles = run.run()
        seconds.append(time.thread_time() - start)
    assert run.in_flight == 0
    return cycles, run.flit_hops, min(seconds)


def idle_seconds(repeat: int) -> float:
    """Best time in which a 32x32 mesh passes cycles without any packet."""
    far = np.array([2 * IDLE_CYCLES])
    one = Packets(far, np.array([0]), np.array([1]), np.array([1]))
    noc = mesh(32)
    best = float("inf")
    for _ in range(repeat):
        run = NetworkRun(noc.shape(8), one)
        run.run(10)
        start = time.thread_time()
        run.run(IDLE_CYCLES)
        best = min(best, time.thread_time() - start)
    return best


CASES: tuple[tuple[str, int, Callable[[], Packets]], ...] = (
    ("8x8, uniform at 0.3, 1-flit packets", 8, lambda: uniform(8, 0.3, 1, 20_000)),
    ("8x8, uniform at 1.0 (beyond saturation), 1-flit packets", 8, lambda: uniform(8, 1.0, 1, 5_000)),
    ("4x4, uniform at 0.3, 16-flit packets", 4, lambda: uniform(4, 0.3, 16, 130_000)),
    *(
        (f"{side}x{side}, to a nearby node at 0.3", side, lambda side=side: nearby(side, cycles_of(side)))  # type: ignore[misc]
        for side in (4, 8, 16, 32)
    ),
)


def cycles_of(side: int) -> int:
    return round(NEIGHBOUR_FLIT_HOPS / (0.3 * 3 * side**2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    measure(mesh(4), uniform(4, 0.1, 1, 100), 1)
    print("| traffic | cycles | flit-hops | s | Mflit-hops/s | ns a flit-hop |")
    print("|---|---|---|---|---|---|")
    for name, side, make in CASES:
        cycles, hops, seconds = measure(mesh(side), make(), options.repeat)
        row = [name, f"{cycles:,}", f"{hops:,}", f"{seconds:.3f}"]
        row += [f"{hops / seconds / 1e6:.1f}", f"{seconds / hops * 1e9:.1f}"]
        print("| " + " | ".join(row) + " |")
    print(f"\n{IDLE_CYCLES:,} idle cycles of a 32x32 mesh: {idle_seconds(options.repeat) * 1e6:.1f} us")


if __name__ == "__main__":
    main()
