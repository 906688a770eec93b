"""The layer worked by hand in docs/timing.md: every row of its table, in the cycle that it states."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest
from chips import ROOT, SPIKEPACK
from small_workload import SmallWorkload, conv

from accelsim.build.arch import load_arch
from accelsim.engine.bridge import Bridge
from accelsim.engine.fabric import Fabric
from accelsim.engine.groups import GroupTable
from accelsim.kernels import network_state as n
from accelsim.kernels import state as k
from accelsim.simulation.record import Run
from accelsim.simulation.run import run_engine
from accelsim.simulation.timeline import STATE_NAMES
from accelsim.simulation.verify import verify_outputs

DOCUMENT = (ROOT / "docs" / "timing.md").read_text()

CHIP = (
    "tiles={columns: 1, rows: 1}",
    "noc={columns: 2, rows: 1, flit_bits: 64, virtual_channels: 1, buffer_flits: 8}",
    "memory_controller={nodes: [1]}",
    "pe_array.rows=2",
    "pe_array.columns=2",
    "pe_array.line_words=4",
    "pe_array.fifo_words=8",
    "weight_buffer.banks=1",
    "dram={bandwidth_gb_per_s: 4, latency_ns: 20}",
)

IMAGE = [[[3, 0], [0, 5]], [[1, 2], [0, 0]]]
"""[channels, rows, columns]: the positions hold (3, 1), (0, 2), (0, 0) and (0, 5)."""


def wheel(fabric: Fabric, t: int, what: str) -> np.ndarray:
    """What reaches each node, or router, in cycle t."""
    events = getattr(fabric.network, f"wheel_{what}").reshape(len(fabric.network.wheel_wake), -1)
    found: np.ndarray = events[t % len(events)]
    return found


class Observer:
    """Notes what happens in each cycle, in the words of the table."""

    def __init__(self) -> None:
        self.events: list[list[str]] = []
        self.states: list[str] = []

    def bridge(self, fabric: Fabric, groups: GroupTable) -> Bridge:
        """A bridge that steps single cycles under observation."""
        advance = fabric.advance
        before = self.counts(fabric)

        def observed(until: int) -> int:
            nonlocal before
            t = fabric.now
            sinks = np.flatnonzero(wheel(fabric, t, "sink"))
            stopped = advance(until)
            after = self.counts(fabric)
            change = {name: after[name] - before[name] for name in after}
            before = after
            self.events.append(list(self.described(fabric, change, t, sinks.tolist())))
            self.states.append(STATE_NAMES[fabric.tiles.scalars[0, k.S_STATE]])
            return stopped

        fabric.advance = observed  # type: ignore[method-assign]
        return Bridge(fabric, groups, longest_step=1)

    @staticmethod
    def counts(fabric: Fabric) -> dict[str, np.ndarray]:
        scalars = fabric.tiles.scalars[0]
        events = fabric.tiles.events.sum(axis=0)
        return {
            "events": events,
            "links": fabric.network.link_bins.sum(axis=0),
            "queued": fabric.network.node[:, n.WAITING_FLITS].copy(),
            "written": fabric.memory.write_bins.sum(axis=1),
            "leaving": events[[k.E_SPIKE_WRITE_FLITS, k.E_WEIGHT_WRITE_FLITS]].sum(),
            "words": fabric.tiles.interface[0, k.I_DONE].copy(),
            "passes": scalars[k.S_OPEN] + scalars[k.S_DETECTOR],
            "fifo": scalars[k.S_FIFO].copy(),
            "results": scalars[k.S_RESULTS].copy(),
            "served_at": scalars[k.S_SERVED_AT].copy(),
        }

    @staticmethod
    def described(fabric: Fabric, change: dict[str, np.ndarray], t: int, sinks: list[int]) -> Iterator[str]:
        """Events of cycle t: what arrived, what moved within each node, what left."""
        events = change["events"]
        local = fabric.shape.ports - 1
        sent = [bool(mask >> local & 1) for mask in wheel(fabric, t + 2, "flits")]
        for node in sinks:
            yield f"sink {node}"
        if change["leaving"] or (change["words"] and fabric.tiles.interface[0, k.I_FLITS]):
            yield "store"
        if served := events[k.E_PIXELS] - change["results"]:
            yield f"served {served}"
        if change["served_at"]:
            yield "serve"
        if events[k.E_WORDS]:
            yield f"take {events[k.E_WORDS]}"
        if events[k.E_PIXELS]:
            yield "leave"
        if pushed := change["fifo"] + events[k.E_WORDS]:
            yield f"fifo {pushed}"
        if events[k.E_LINES]:
            yield "line"
        elif change["passes"] > 0:
            yield "open"
        if events[k.E_DRAM_READ]:
            yield f"read {events[k.E_DRAM_READ]} B"
        if change["written"].any():
            yield f"write {change['written'].sum()} B"
        for node, left in enumerate(change["queued"]):
            if queued := left + sent[node]:
                yield f"queue {node}" + (f" x{queued}" if queued > 1 else "")
        for node in np.flatnonzero(sent):
            yield f"inject {node}"
        for link in np.flatnonzero(change["links"]):
            yield f"switch {link // (local + 1)} {fabric.shape.port_name(link % (local + 1))}"


@cache
def observed() -> tuple[Run, Observer]:
    layer = conv("layer", (2, 2, 2), 2, kernel=1)
    workload = SmallWorkload([layer]).replace_images(np.array([IMAGE]))
    observer = Observer()
    run = run_engine(load_arch(SPIKEPACK, CHIP), workload, verify=True, make_bridge=observer.bridge)
    verify_outputs(run)
    return run, observer


def table() -> list[tuple[range, str, list[str]]]:
    """Rows of the table: cycles, state of the tile, events."""
    rows = re.findall(r"^\| (\d+)(?:-(\d+))? \| (\w+) \| (.*?) \| .+ \|$", DOCUMENT, flags=re.MULTILINE)
    return [
        (range(int(first), int(last or first) + 1), state, re.findall(r"`(.+?)`", events))
        for first, last, state, events in rows
    ]


def test_the_table_tells_every_cycle_once() -> None:
    cycles = [t for row, _, _ in table() for t in row]
    assert cycles == list(range(observed()[0].fabric.cycles))


@pytest.mark.parametrize("row", table(), ids=lambda row: f"cycle {row[0].start}")
def test_a_row_of_the_table(row: tuple[range, str, list[str]]) -> None:
    cycles, state, events = row
    _, observer = observed()
    for t in cycles:
        assert observer.events[t] == events
        assert observer.states[t] == state


def test_the_chip_of_the_table_is_the_one_that_runs() -> None:
    for override in CHIP:
        assert f"\n    {override}\n" in DOCUMENT


def test_the_sums_of_the_table() -> None:
    run, _ = observed()
    states = dict(zip(STATE_NAMES, run.fabric.tiles.cycles[0].sum(axis=0).tolist(), strict=True))
    stated = dict(re.findall(r"^\| ([a-z_]+) \| (\d+) \|$", DOCUMENT, flags=re.MULTILINE))
    assert {name: int(cycles) for name, cycles in stated.items()} == {name: n for name, n in states.items() if n}
    assert (run.finished, run.fabric.cycles) == ((62,), 63)
