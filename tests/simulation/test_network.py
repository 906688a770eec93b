"""A network alone: a replay in parts is the whole replay, and can be interrupted."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import numpy as np
import pytest

from accelsim.build.network import load_network
from accelsim.engine import replay as engine
from accelsim.engine.replay import Packets
from accelsim.simulation.network import replay

MESH = load_network(Path(__file__).resolve().parents[2] / "arch_configs" / "mesh_booksim.yaml")


def packets(count: int, flits: int) -> Packets:
    rng = np.random.default_rng(0)
    created = np.sort(rng.integers(0, 5 * count, count))
    return Packets(created, rng.integers(0, 16, count), rng.integers(0, 16, count), np.full(count, flits))


def test_in_parts_as_in_one(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = replay(MESH, packets(400, 5))
    monkeypatch.setattr(engine, "ROUTER_CYCLES_AT_ONCE", 1)
    parts = replay(MESH, packets(400, 5))
    assert whole.now == parts.now > 10 * engine.PATIENCE_CYCLES
    assert (whole.arrivals == parts.arrivals).all()


def test_a_long_replay_can_be_interrupted() -> None:
    replay(MESH, packets(1, 1))

    def interrupt(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        started = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            replay(MESH, packets(1000, 1 << 20))
        assert time.monotonic() - started < 20
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
