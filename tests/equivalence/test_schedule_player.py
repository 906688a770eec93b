"""The fabric plays a schedule as the slow player does: random steps, in the cycle in which what they need is there."""

from __future__ import annotations

import random
from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from small_workload import SmallWorkload, conv
from step_player import Memory, NeuronUnit, play, rate

from accelsim.build.schema import Arch, arch_of
from accelsim.config import Document
from accelsim.dataflows import Schedule, Task, find_dataflow
from accelsim.kernels import state as k
from accelsim.kernels.steps import FILL_DRAIN
from accelsim.simulation.run import run_engine
from accelsim.simulation.timeline import STATE_NAMES

STATES = {
    "busy": "busy",
    "fill/drain": "fill_drain",
    "weights missing": "weights_missing",
    "spikes missing": "spikes_missing",
    "output blocked": "output_blocked",
}
"""Names of the slow player to those of the fabric."""


def draw_steps(draw: random.Random, task: Task, weight_bytes: int, streams: bool) -> Schedule:
    """Steps of any length, that need more and more weights and rows, and hand over the pixels of the task."""
    rows: list[list[int]] = []
    left = task.pixels
    needed = row = 0
    while left or draw.random() < 0.5:
        repeat = draw.choice([1, 1, 2, 5])
        pixels = draw.choice([0, 1, 1, 3])
        pixels = min(pixels, left // repeat)
        left -= pixels * repeat
        needed = draw.choice([0, needed, min(weight_bytes, needed + draw.randrange(9)), -1])
        row = min(task.height - 1, row + draw.choice([0, 0, 1]))
        kind = draw.choice([0, 0, 0, FILL_DRAIN])
        cycles = draw.choice([0, 1, 1, 2, 7, 30])
        stream = draw.choice([0, 1, 5, 40]) if streams else 0
        rows.append([cycles, repeat, pixels, kind, -1 if streams else draw.choice([-1, row]), needed, stream])
        needed = max(needed, 0)
    return Schedule(np.array(rows, np.int64), np.zeros(8, np.int64))


def chip(streams: bool, weight_rate: int, spike_rate: int, neurons: Any, pipeline: int) -> Arch:
    """An array of 4 adders that is wired to memory."""
    array = {"dataflow": "bit_sparsity", "spike_mode": "bit_serial", "skip": "zero_bits", "columns": 4}
    if streams:
        array = {"dataflow": "product_sparsity", "spike_mode": "bit_serial", "skip": "zero_bits", "columns": 4}
    buffers: dict[str, Any] = {
        name: {"bytes": 65536, "ports": "ideal", "read_latency_cycles": 0} for name in ("spike_buffer", "weight_buffer")
    }
    return arch_of(
        Document(
            "chip.yaml",
            {
                "name": "chip",
                "clock_mhz": 500,
                "tiles": {"columns": 1, "rows": 1},
                "pe_array": {**array, "pipeline_cycles": pipeline},
                **buffers,
                "accumulator_buffer": {"bytes": 65536, "ports": "ideal"},
                "neuron_unit": neurons,
                "noc": "none",
                "dram": {
                    "weight_bytes_per_cycle": weight_rate,
                    "spike_bytes_per_cycle": spike_rate,
                    "store_bytes_per_cycle": "ideal",
                },
            },
        )
    )


def states_of(run: Any) -> Counter[str]:
    cycles = run.fabric.tiles.cycles[0, 0]
    return Counter({name: int(cycles[number]) for number, name in enumerate(STATE_NAMES) if name != "idle"})


@pytest.mark.parametrize("first", range(0, 60, 20))
@pytest.mark.parametrize("streams", [False, True])
def test_random_steps(monkeypatch: pytest.MonkeyPatch, first: int, streams: bool) -> None:
    seen: Counter[str] = Counter()
    for seed in range(first, first + 20):
        draw = random.Random(seed)
        layer = conv("c", (3, 5, 5), draw.choice([4, 8, 11]))
        weight_rate, spike_rate = draw.choice([1, 3, 16]), draw.choice([1, 2, 9])
        pipeline = draw.choice([0, 4])
        results = draw.choice([0, 1, 2, 5])
        arch = chip(
            streams, weight_rate, spike_rate, {"lanes": 4, "results": results} if results else "ideal", pipeline
        )
        flow = find_dataflow(arch.settings.pe_array.dataflow)
        played: list[Schedule] = []
        loaded: list[int] = []

        def schedule(settings: Any, task: Task, words: Any, mask: Any, draw=draw, played=played, loaded=loaded) -> Any:
            loaded.append(-(-task.inputs * task.outs * task.weight_bits // 8))
            played.append(draw_steps(draw, task, loaded[-1], streams))
            return played[-1]

        monkeypatch.setattr(type(flow), "schedule", lambda self, *arguments, schedule=schedule: schedule(*arguments))
        run = run_engine(arch, SmallWorkload([layer], density=0.3))
        row_bytes = -(-layer.in_shape[0] * layer.in_shape[2] * layer.word_bits // 8)
        memory = Memory(
            weights=rate(weight_rate),
            row=lambda row, size=row_bytes, speed=spike_rate: -(-(row + 1) * size // speed),
            stream_rate=Fraction(spike_rate) if streams else None,
        )
        # The pipeline of the array holds what has not come out of it; a result's place is free a cycle after its end.
        neurons = NeuronUnit(results + pipeline, 1, pipeline, 1) if results else NeuronUnit(pipeline=pipeline)
        expected = play(played, loaded, memory, neurons)
        found = states_of(run)
        seen += found
        assert found == Counter({STATES[name]: count for name, count in expected.states.items() if count}), seed
        assert run.fabric.tiles.events[0, k.E_PIXELS] == layer.out_shape[1] * layer.out_shape[2] * len(played)
    assert set(STATES.values()) <= set(seen)
