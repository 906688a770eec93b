"""The compiled network against the plain-Python one: the same cycle for every packet, and for every flit."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from network_loads import networks_with_loads
from network_mistakes import MISTAKES, mistaken
from network_shapes import packets, shape
from network_twin import Delivery, NetworkTwin

from accelsim.engine.replay import NetworkRun, Packets
from accelsim.engine.topology import NetworkShape

ROOT = Path(__file__).resolve().parents[2]

Load = tuple[NetworkShape, Packets]


def delivered(run: NetworkRun) -> list[Delivery]:
    """Rows of what has arrived, in order."""
    found = run.deliveries
    return [Delivery(*row) for row in zip(*(getattr(found, f.name).tolist() for f in fields(found)), strict=True)]


def same_packets(load: Load) -> None:
    twin, run = NetworkTwin(*load), NetworkRun(*load)
    twin.run()
    run.run()
    assert delivered(run) == twin.log
    assert run.link_flits.tolist() == twin.link_flits.tolist()
    assert run.flit_hops == len(twin.departures)
    assert run.in_flight == 0


@settings(max_examples=80, deadline=None)
@given(load=networks_with_loads(delays=False))
def test_every_packet_of_single_cycle_routers(load: Load) -> None:
    same_packets(load)


@settings(max_examples=80, deadline=None)
@given(load=networks_with_loads())
def test_every_packet_at_any_delays(load: Load) -> None:
    same_packets(load)


@pytest.mark.long
@settings(max_examples=3000, deadline=None)
@given(load=networks_with_loads(most=200))
def test_every_packet_of_many_networks(load: Load) -> None:
    same_packets(load)


@settings(max_examples=30, deadline=None)
@given(load=networks_with_loads(most=25))
def test_every_flit_in_its_cycle(load: Load) -> None:
    """Stepped a cycle at a time, the compiled network counts each flit where and when the plain one lets it go."""
    twin, run = NetworkTwin(*load), NetworkRun(*load)
    end = twin.run()
    expected = np.zeros((end, *twin.link_flits.shape), np.int64)
    for departure in twin.departures:
        expected[departure.cycle, departure.router, departure.output] += 1
    before = np.zeros_like(twin.link_flits)
    for cycle in range(end):
        run.run(until=cycle + 1)
        after = run.link_flits
        assert (after - before).tolist() == expected[cycle].tolist(), cycle
        before = after
    assert delivered(run) == twin.log


UNJITTED = """
from hypothesis import given, settings
from network_loads import networks_with_loads
from test_network import same_packets

check = given(load=networks_with_loads())(same_packets)
settings(max_examples=40, deadline=None, derandomize=True, database=None)(check)()
"""


def test_every_packet_without_compilation() -> None:
    paths = (ROOT, ROOT / "tests" / "support", Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", UNJITTED],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": os.pathsep.join(map(str, paths))},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


BUSY_LOADS = 8


@cache
def busy_load(seed: int, changed: tuple[tuple[str, Any], ...] = ()) -> tuple[Load, list[Delivery]]:
    """A small mesh near saturation, and what the compiled network delivers of it; with `trees`, to sets of nodes."""
    random = np.random.default_rng(seed)
    vcs, depth = random.integers(1, 5, 2).tolist()
    fixed = {"columns": 3, "rows": 3, "virtual_channels": vcs, "buffer_flits": depth}
    pipeline = {"routing_cycles": int(seed % 4 == 3), "speculative": seed % 4 != 2}
    settings = fixed | pipeline | dict(changed)
    trees = settings.pop("trees", False)
    created = np.sort(random.integers(0, 100, 300))
    source, destination = random.integers(0, 9, (2, 300))
    flits = random.integers(1, 2 + seed % 3 * 2, 300)
    sets = [random.permutation(9)[:3].tolist() for _ in range(300 * trees)]
    if trees:
        destination, flits = -1 - np.arange(300), np.minimum(flits, depth)
    load = shape(**settings), packets(np.stack([created, source, destination, flits], axis=1).tolist(), sets)
    run = NetworkRun(*load)
    run.run()
    return load, delivered(run)


def test_the_busy_loads_are_the_same() -> None:
    for changed in {tuple(changed.items()) for changed in MISTAKES.values()}:
        for seed in range(BUSY_LOADS if not changed else 3):
            same_packets(busy_load(seed, changed)[0])


@pytest.mark.parametrize(("wrong", "changed"), MISTAKES.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_a_mistake_in_one_rule_shows(wrong: type, changed: dict[str, Any]) -> None:
    def shows(seed: int) -> bool:
        load, found = busy_load(seed, tuple(changed.items()))
        twin = mistaken(wrong)(*load)
        twin.run()
        return twin.log != found

    assert any(shows(seed) for seed in range(BUSY_LOADS))
