"""The bridge's contract: no order among events of one cycle, no cut of time and no process changes a result."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from functools import cache, partial
from heapq import heappush
from itertools import count
from typing import Any

import pytest
import simpy
from chips import DIGITS, ROOT, chip
from small_workload import SmallWorkload, conv, residual_layers
from snapshot import digest, snapshot

from accelsim.build.arch import Arch, load_arch
from accelsim.engine.bridge import Bridge
from accelsim.engine.fabric import Fabric
from accelsim.engine.groups import GroupTable
from accelsim.simulation.run import Run, run_engine
from accelsim.workload.load import load_input
from accelsim.workload.workload import Workload

CASES = ("small", "pressed", "strips", "real")


@cache
def case(name: str) -> tuple[Arch, Workload, int]:
    """(chip, workload, images) of a name in CASES.

    `pressed`: weights are evicted and packets wait; `strips`: words go through DRAM, since buffers are too small.
    """
    if name == "real":
        return load_arch(ROOT / "arch_configs" / "spikepack.yaml"), load_input(DIGITS), 1
    if name == "strips":
        first = conv("first", (4, 16, 16), 32)
        layers = (first, conv("second", first.out_shape, 16, kernel=1, inputs=("first",)))
        return chip("spike_buffer.bytes=1 KiB"), SmallWorkload(layers), 2
    buffers = ("spike_buffer.bytes=1 KiB", "weight_buffer.bytes=4 KiB", "network_interface.queue_flits=8")
    return chip(*buffers if name == "pressed" else ()), SmallWorkload(residual_layers()), 2


def run(name: str, **disturbed: Any) -> Run:
    arch, workload, images = case(name)
    return run_engine(arch, workload, images=images, verify=name != "real", **disturbed)


@cache
def undisturbed(name: str) -> dict[str, Any]:
    return snapshot(run(name))


class RandomTies(simpy.Environment):
    """Takes events of one cycle and priority in random order."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = random.Random(seed)
        self._number = count()
        self.ties = 0

    def schedule(self, event: simpy.Event, priority: int = 1, delay: float = 0) -> None:
        due = (self._now + delay, priority)
        self.ties += any(entry[:2] == due for entry in self._queue)
        heappush(self._queue, (*due, (self._random.random(), next(self._number)), event))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", CASES)
def test_random_ties_and_another_order_of_actors_change_nothing(name: str, seed: int) -> None:
    environment = RandomTies(seed)
    bridge = partial(Bridge, environment=environment)
    disturbed = run(name, make_bridge=bridge, reverse_actors=True)
    assert snapshot(disturbed) == undisturbed(name)
    assert environment.ties > 10


@pytest.mark.parametrize("longest_step", [1, 7, 1000])
@pytest.mark.parametrize("name", CASES)
def test_cutting_advance_changes_nothing(name: str, longest_step: int) -> None:
    steps: list[int] = []

    def bridge(fabric: Fabric, groups: GroupTable) -> Bridge:
        advance = fabric.advance

        def noted(until: int) -> int:
            steps.append(until - fabric.now)
            return advance(until)

        fabric.advance = noted  # type: ignore[method-assign]
        return Bridge(fabric, groups, longest_step=longest_step)

    cut = run(name, make_bridge=bridge)
    assert snapshot(cut) == undisturbed(name)
    assert max(steps) == longest_step


ELSEWHERE = """
from test_contract import run
from snapshot import digest
print(digest(run({name!r})))
"""


@pytest.mark.parametrize("name", ["pressed", "real"])
def test_another_process_finds_the_same(name: str) -> None:
    paths = [ROOT, ROOT / "tests" / "support", ROOT / "tests" / "engine"]
    found = [
        subprocess.run(
            [sys.executable, "-c", ELSEWHERE.format(name=name)],
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(map(str, paths))},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "77")
    ]
    assert found == [digest(run(name))] * 2


def test_the_cases_press_the_chip() -> None:
    """Otherwise the tests above would try little."""
    assert "first: outputs go through DRAM, the spike buffers have no room" in undisturbed("strips")["report"]["notes"]
    for stall in ("output_blocked", "weights_missing", "spikes_missing", "bank_conflict"):
        assert sum(layer["stall_cycles"][stall] for layer in undisturbed("pressed")["report"]["layers"]) > 0


def test_kernels_compile_for_one_signature() -> None:
    """A numpy scalar among the arguments would compile a kernel again; constants that kernels pass do not count."""
    from numba.core.types import unliteral

    from accelsim.kernels import delivery, fabric, tile

    undisturbed("small")
    undisturbed("pressed")
    for compiled in (fabric.advance, delivery.send, tile.settle):
        assert len({tuple(map(unliteral, signature)) for signature in compiled.signatures}) == 1
