"""How fast whole chips and the packed array alone are, warm, on one thread.

    python benchmarks/chip.py [CASE ...] [--repeat N] [--plot FILE.svg]

Cases, all of them without an argument:

    array       one packed array of arch_configs/spikepack.yaml, stepped with bank conflicts, at several densities: a
                chip of one tile that reads a layer from an ideal DRAM once, and then only computes
    frame       ResNet-18 at 224 x 224 on that chip
    big         the same frame on 32 x 32 tiles
    resnet50    ResNet-50 at 224 x 224
    size, tiles, density    curves: the frame's time against each of them (--plot draws them)

A command (`python run_sim.py ARCH INPUT`) runs in a process of its own; its seconds are those of the processor, from
the start of Python to the report, and its memory is its peak. `engine` is the time inside the bridge's loop, taken in
further runs in this process. The best of N counts, as the rest is the machine's noise.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from networks import resnet

from accelsim.build import load_arch
from accelsim.engine.bridge import Bridge
from accelsim.kernels import state as k
from accelsim.simulation.record import Run
from accelsim.simulation.run import run_engine
from accelsim.workload import load_input

ROOT = Path(__file__).resolve().parents[1]
ARCH = ROOT / "arch_configs" / "spikepack.yaml"
SIZES = (64, 128, 192, 224, 320, 448)
SIDES = (2, 4, 8, 16, 32)
DENSITIES = (0.05, 0.1, 0.25, 0.5, 1.0)
FRAME = {"size": 224, "density": 0.25}
ONE_TILE = (
    *("tiles.columns=1", "tiles.rows=1", "noc.columns=2", "noc.rows=1", "memory_controller.nodes=[1]", "dram=ideal"),
    *("spike_buffer.bytes=1 MiB", "weight_buffer.bytes=1 MiB"),
)
LAYER = """name: layer
timesteps: 4
layers:
  - {{name: conv, op: conv2d, in_shape: [128, 28, 28], out_channels: 256, kernel: 3, padding: 1, density: {density}}}
"""
LAUNCHER = """
import os, sys
_, status, used = os.wait4(os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, *sys.argv[1:]]), 0)
print(used.ru_utime + used.ru_stime, used.ru_maxrss)
sys.exit(status != 0)
"""
"""A small process in between, since the peak of a process begins with that of the one that it was forked from."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a simulation took, and what it simulated."""

    command_seconds: float
    engine_seconds: float
    peak_mib: float
    cycles: int
    synops: int
    flit_hops: int


def tiles(side: int) -> list[str]:
    """Options for side x side tiles, the column of controllers at their right; the number of controllers stays."""
    rows = [side * number // 4 + side // 8 for number in range(4)] if side >= 4 else list(range(side))
    nodes = [row * (side + 1) + side for row in rows]
    grid = [f"tiles.columns={side}", f"tiles.rows={side}", f"noc.columns={side + 1}", f"noc.rows={side}"]
    return [*grid, f"memory_controller.nodes={nodes}"]


def command(source: Path, options: Sequence[str], directory: str) -> tuple[float, float]:
    """Processor seconds and peak memory in MiB of one run."""
    arguments = [str(ROOT / "run_sim.py"), str(ARCH), str(source), "--quiet", "--out", directory]
    for option in options:
        arguments += ["--set", option]
    found = subprocess.run([sys.executable, "-c", LAUNCHER, *arguments], check=True, stdout=subprocess.PIPE).stdout
    seconds, kib = found.split()
    return float(seconds), float(kib) / 1024


def run_engines(source: Path, options: Sequence[str], repeat: int) -> tuple[float, Run]:
    """The best time of the bridge's main loop, kernels compiled, and the last run."""
    spent = []

    class TimedBridge(Bridge):
        def run(self) -> None:
            start = time.thread_time()
            super().run()
            spent.append(time.thread_time() - start)

    for _ in range(1 + repeat):
        run = run_engine(load_arch(ARCH, options), load_input(source), make_bridge=TimedBridge)
    return min(spent), run


def measure(network: str, options: Sequence[str], repeat: int) -> Cost:
    """The cost of a workload, given as the text of its file, on ARCH with options."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "network.yaml")
        source.write_text(network)
        command(source, options, f"{folder}/out")
        runs = [command(source, options, f"{folder}/out") for _ in range(repeat)]
        total = json.loads(Path(folder, "out", "report.json").read_text())
        engine, _ = run_engines(source, options, repeat)
    cycles, synops, hops = total["total"]["cycles"], total["total"]["synops"], total["noc"]["flit_hops"]
    return Cost(min(run[0] for run in runs), engine, min(run[1] for run in runs), cycles, synops, hops)


HEAD = "command s | engine s | MiB | cycles | Mcycles/s | Gsynops/s | Mflit-hops/s"


def row(name: str, cost: Cost) -> str:
    rates = [cost.cycles / 1e6, cost.synops / 1e9, cost.flit_hops / 1e6]
    cells = [f"{cost.command_seconds:.2f}", f"{cost.engine_seconds:.2f}", f"{cost.peak_mib:.0f}", f"{cost.cycles:,}"]
    cells += [f"{rate / cost.engine_seconds:.2f}" for rate in rates]
    return " | ".join([f"| {name}", *cells]) + " |"


def print_head(first: str, head: str = HEAD) -> None:
    print(f"\n| {first} | {head} |\n|{'---|' * (head.count('|') + 2)}", flush=True)


def array_alone(repeat: int) -> None:
    """Time of one packed array at several densities: a 3 x 3 convolution of 128 to 256 channels on 28 x 28 pixels."""
    print_head("density", "tile cycles | words a cycle | cycles with conflicts | ns a cycle | Gsynops/s")
    for density in DENSITIES:
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "layer.yaml")
            source.write_text(LAYER.format(density=density))
            seconds, run = run_engines(source, ONE_TILE, repeat)
        events = run.fabric.tiles.events.sum(axis=0)
        cycles = int(run.fabric.clock.scalars[k.TILE_CYCLES])
        cells = [f"{density:g}", f"{cycles:,}", f"{events[k.E_WORDS] / cycles:.1f}"]
        cells += [f"{events[k.E_WEIGHT_CONFLICTS] / cycles:.0%}", f"{seconds / cycles * 1e9:.0f}"]
        print("| " + " | ".join([*cells, f"{events[k.E_SYNOPS] / seconds / 1e9:.2f}"]) + " |", flush=True)


def frames(names: Sequence[str], repeat: int) -> None:
    print_head("case")
    if "frame" in names:
        print(row("ResNet-18, 4 x 4 tiles", measure(resnet(18, **FRAME), (), repeat)), flush=True)
    if "big" in names:
        print(row("ResNet-18, 32 x 32 tiles", measure(resnet(18, **FRAME), tiles(32), repeat)), flush=True)
    if "resnet50" in names:
        print(row("ResNet-50, 4 x 4 tiles", measure(resnet(50, **FRAME), (), repeat)), flush=True)


def curve(name: str, repeat: int) -> list[tuple[float, Cost]]:
    """Costs of the frame against its size, the tiles of the chip or the density of its words."""
    points: list[tuple[float, Cost]] = []
    print_head(name)
    for value in {"size": SIZES, "tiles": SIDES, "density": DENSITIES}[name]:
        changed = FRAME | ({} if name == "tiles" else {name: value})
        cost = measure(resnet(18, **changed), tiles(int(value)) if name == "tiles" else (), repeat)
        shown = f"{value:g}" if name == "density" else f"{value} x {value}"
        print(row(shown, cost), flush=True)
        points.append((value**2 if name == "tiles" else value, cost))
    return points


def plot(curves: dict[str, list[tuple[float, Cost]]], path: str) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.4), layout="constrained")
    labels = {"size": "side of the image", "tiles": "tiles", "density": "share of nonzero words"}
    for axes, (name, points) in zip(figure.subplots(1, len(curves), squeeze=False)[0], curves.items(), strict=True):
        x = np.array([value for value, _ in points])
        axes.plot(x, [cost.command_seconds for _, cost in points], "o-", label="command")
        axes.plot(x, [cost.engine_seconds for _, cost in points], "s-", label="engine")
        axes.set(xlabel=labels[name], ylabel="seconds", ylim=(0, None))
        if name == "tiles":
            axes.set_xscale("log", base=2)
        axes.legend()
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cases = ("array", "frame", "big", "resnet50", "size", "tiles", "density")
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(cases))
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--plot", metavar="FILE")
    options = parser.parse_args()
    chosen = options.cases or cases
    if unknown := set(chosen) - set(cases):
        parser.error(f"no such case: {', '.join(sorted(unknown))}; allowed: {', '.join(cases)}")
    if "array" in chosen:
        array_alone(options.repeat)
    if {"frame", "big", "resnet50"} & set(chosen):
        frames(chosen, options.repeat)
    curves = {name: curve(name, options.repeat) for name in ("size", "tiles", "density") if name in chosen}
    if options.plot and curves:
        plot(curves, options.plot)


if __name__ == "__main__":
    main()
