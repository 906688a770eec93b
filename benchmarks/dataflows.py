"""How fast schedules of dataflows are made: synaptic operations a second on one thread, kernels compiled before.

    python benchmarks/dataflows.py [DATAFLOW ...] [--repeat N]

A synaptic operation is a one of a word times an output channel that it reaches, whether the dataflow takes a cycle for
it or not. The layers are those of VGG-16 on 32x32 images at T = 4, with drawn spikes as dense as those that a trained
network was recorded with; words are drawn bit by bit, so more of them are nonzero than there. Only the schedules of all
tasks of a layer are timed, in seconds of the thread; the best of N counts, as the rest is the machine's noise.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

import numpy as np
from dataflow_cases import layer_task, packed

from accelsim.dataflows import NO_MASK, Dataflow, Task, dataflow_names, find_dataflow
from accelsim.dataflows._windows import ones_under
from accelsim.dataflows.task import Words

TIMESTEPS = 4

LAYERS = {
    # name: size, channels, outputs, share of ones; tests/golden/vgg16_cifar10_t4 (events of all possible ones)
    "conv1": (32, 64, 64, 0.165),
    "conv3": (16, 128, 128, 0.199),
    "conv6": (8, 256, 256, 0.130),
    "conv9": (4, 512, 512, 0.374),
    "conv12": (2, 512, 512, 0.250),
}

ARRAYS: dict[str, dict[str, Any]] = {
    "output_stationary": {"rows": 32, "columns": 32, "spike_mode": "packed", "skip": "nothing"},
    "weight_stationary": {"rows": 32, "columns": 32, "spike_mode": "packed", "skip": "nothing"},
    "input_stationary": {"rows": 32, "columns": 32, "spike_mode": "packed", "skip": "nothing"},
    "unrolled": {
        "parallel": {"output_channels": 16, "input_channels": 16, "pixels": 8, "time": 4},
        "stationary": "outputs",
        "spike_mode": "bit_serial",
    },
    "spike_detector": {"group": 16, "per_cycle": 4, "columns": 16, "spike_mode": "bit_serial", "skip": "zero_bits"},
    "dual_sparse": {"columns": 16},
    "gustavson": {"rows": 8, "columns": 8},
    "spike_broadcast": {"columns": 128, "spike_mode": "time_serial", "skip": "zero_bits"},
}
"""Keys of those dataflows whose defaults make no array."""


def layer(size: int, channels: int, outputs: int, density: float) -> tuple[Task, Words]:
    task = layer_task(size, size, channels, outputs, kernel=3, padding=1, planes=TIMESTEPS)
    drawn = np.random.default_rng(0).random((TIMESTEPS, channels, size, size)) < density
    return task, packed(drawn)


def measure(dataflow: Dataflow, settings: Any, task: Task, words: Words, repeat: int) -> tuple[int, float]:
    """Cycles of all tasks of a layer, and the best time of making their schedules, in seconds."""
    columns = dataflow.outputs(settings) or task.outs
    shares = [(first, min(columns, task.outs - first)) for first in range(0, task.outs, columns)]
    tasks = [task._replace(first_out=first, outs=outs, reach=outs) for first, outs in shares]
    seconds = []
    for _ in range(repeat):
        # Other words, as equal as they are: what a dataflow remembers of the last ones must not count.
        words = words.copy()
        start = time.thread_time()
        cycles = sum(dataflow.schedule(settings, one, words, NO_MASK).cycles for one in tasks)
        seconds.append(time.thread_time() - start)
    return cycles, min(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description="Synaptic operations a second of each dataflow.")
    kinds = {name: find_dataflow(name) for name in dataflow_names()}
    known = {name: kind for name, kind in kinds.items() if isinstance(kind, Dataflow)}
    parser.add_argument("dataflows", nargs="*", metavar="DATAFLOW", help=f"default: all of {', '.join(known)}")
    parser.add_argument("--repeat", type=int, default=5, metavar="N")
    given = parser.parse_args()
    unknown = sorted(set(given.dataflows) - set(known))
    if unknown:
        parser.error(f"no dataflow with schedules: {', '.join(unknown)}")
    layers = {name: layer(*shape) for name, shape in LAYERS.items()}
    print(f"{'dataflow':20} {'layer':8} {'synops':>12} {'cycles':>12} {'ms':>9} {'G synops/s':>11}")
    for name in given.dataflows or known:
        dataflow = known[name]
        settings = dataflow.settings_class(dataflow=name, **ARRAYS.get(name, {}))
        total, spent = 0, 0.0
        small, drawn = layer(3, 8, 8, 0.2)
        measure(dataflow, settings, small, drawn, 1)
        for place, (task, words) in layers.items():
            synops = ones_under(task, words) * task.outs
            cycles, seconds = measure(dataflow, settings, task, words, given.repeat)
            total, spent = total + synops, spent + seconds
            print(row(name, place, synops, str(cycles), seconds))
        print(row(name, "all", total, "", spent))


def row(name: str, place: str, synops: int, cycles: str, seconds: float) -> str:
    return f"{name:20} {place:8} {synops:12} {cycles:>12} {1e3 * seconds:9.3f} {synops / seconds / 1e9:11.3f}"


if __name__ == "__main__":
    main()
