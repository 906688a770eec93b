"""Each conflict in the buffers of whole chips, and the parameter that cures it; peaks of buffers and queues."""

from __future__ import annotations

from typing import Any

import pytest

from accelsim.simulation.run import simulate
from tests.support.chips import chip
from tests.support.small_workload import SmallWorkload, conv

ONE_TILE = ("tiles={columns: 1, rows: 1}", "noc.columns=2", "noc.rows=1", "memory_controller.nodes=[1]")
CHAIN = (conv("first", (64, 12, 12), 64), conv("second", (64, 12, 12), 64, inputs=("first",)))
"""A layer whose words arrive at the next one while that one reads."""
HEAVY = (conv("heavy", (128, 8, 8), 64),)
"""Weights arrive while the array works."""


def run(layers: tuple[Any, ...], *overrides: str, images: int = 1) -> dict[str, Any]:
    return simulate(chip(*overrides), SmallWorkload(layers, images=1), images=images, verify=True).report


def conflicts(layers: tuple[Any, ...], *overrides: str) -> dict[str, int]:
    buffers = run(layers, *overrides)["buffers"]
    return {
        "reads of spikes": buffers["spike_buffer"]["conflicts"],
        "writes of spikes": buffers["spike_buffer"]["write_conflicts"],
        "reads of weights": buffers["weight_buffer"]["conflicts"],
        "writes of weights": buffers["weight_buffer"]["write_conflicts"],
        "sums": buffers["accumulator_buffer"]["conflicts"],
    }


NO_SPREAD = ("weight_buffer.banks=256",)
"""Words of a line lie in banks of their own, so that only flits take banks from the array."""
SERIAL = ("pe_array.spike_mode=bit_serial", "pe_array.lane_bits=1", "neuron_unit.decoding=serial")


@pytest.mark.parametrize(
    ("what", "layers", "chip_as", "cures"),
    [
        (
            "reads of spikes",
            CHAIN,
            ("dram=ideal",),
            ("spike_buffer.ports=1r1w", "spike_buffer.ports=2rw", "spike_buffer.arbitration=reads_first"),
        ),
        (
            "writes of spikes",
            CHAIN,
            ("dram=ideal", "spike_buffer.arbitration=reads_first"),
            ("spike_buffer.ports=1r1w", "spike_buffer.ports=2rw", "spike_buffer.arbitration=writes_first"),
        ),
        (
            "writes of weights",
            HEAVY,
            (*ONE_TILE, "weight_buffer.arbitration=reads_first"),
            ("weight_buffer.ports=1r1w", "weight_buffer.double=false", "weight_buffer.arbitration=writes_first"),
        ),
        (
            "reads of weights",
            HEAVY,
            (*ONE_TILE, *NO_SPREAD, "pe_array.rows=8", "pe_array.columns=16", "pe_array.line_words=8"),
            ("weight_buffer.ports=1r1w", "weight_buffer.ports=2rw"),
        ),
        ("sums", HEAVY, (*SERIAL, "accumulator_buffer.ports=1rw"), ("accumulator_buffer.ports=1r1w",)),
        (
            "sums",
            HEAVY,
            (*ONE_TILE, "weight_buffer.bytes=8 KiB", "accumulator_buffer.ports=1rw"),
            ("accumulator_buffer.ports=2rw", "accumulator_buffer.banks=2"),
        ),
    ],
)
def test_what_should_cure_a_conflict_does(
    what: str, layers: tuple[Any, ...], chip_as: tuple[str, ...], cures: tuple[str, ...]
) -> None:
    before = conflicts(layers, *chip_as)
    assert before[what] > 0
    for cure in cures:
        assert conflicts(layers, *chip_as, cure)[what] == 0


def test_more_banks_conflict_less_and_less() -> None:
    found = [
        conflicts(CHAIN, "dram=ideal", f"spike_buffer.banks={banks}")["reads of spikes"] for banks in (2, 4, 16, 64)
    ]
    assert found == sorted(found, reverse=True)
    assert found[0] > 4 * found[-1]


def test_narrow_words_take_the_banks_that_a_line_needs() -> None:
    """A line of 256 bits over four banks of 32 bits takes two cycles, over eight or over two-port banks one.

    Ports for writes of their own keep the words that arrive out of the count, but for two-port banks, which share them.
    """
    machine = (*ONE_TILE, "dram=ideal", "spike_buffer.ports=1r1w")
    lines = run(HEAVY, *machine)["buffers"]["spike_buffer"]
    assert lines["conflicts"] == 0
    narrow = ("spike_buffer.width_bits=32", "spike_buffer.banks=4")
    poor = run(HEAVY, *machine, *narrow)["buffers"]["spike_buffer"]
    assert poor["conflicts"] == poor["reads"] == lines["reads"]
    for cure in ("spike_buffer.banks=8", "spike_buffer.width_bits=64"):
        assert run(HEAVY, *machine, *narrow, cure)["buffers"]["spike_buffer"]["conflicts"] == 0
    two_ports = run(HEAVY, *machine, *narrow, "spike_buffer.ports=2rw")["buffers"]["spike_buffer"]
    assert two_ports["conflicts"] < 0.05 * poor["conflicts"]


def test_peaks_are_those_of_overlapping_images() -> None:
    """Layers that work on different images hold the words of both; no peak passes its capacity."""
    pipelined = "mapping={schedule: pipelined}"
    one, several = (run(CHAIN, pipelined, images=images) for images in (1, 3))
    for report in (one, several):
        for name, queue in report["queues"].items():
            assert queue["peak"] > 0, name
            # A packet longer than its queue still goes into an empty one.
            assert queue["capacity"] is None or queue["peak"] <= queue["capacity"], name
        spikes = report["buffers"]["spike_buffer"]
        assert 0 < spikes["peak_bytes"] <= spikes["reserved_bytes"] <= spikes["capacity_bytes"]
    # Queues of words depend on when they meet, too: what was 128 with one image may be 127 with three.
    for name in one["queues"]:
        assert several["queues"][name]["peak"] >= 0.9 * one["queues"][name]["peak"]
    assert several["buffers"]["spike_buffer"]["peak_bytes"] > one["buffers"]["spike_buffer"]["peak_bytes"]


def test_a_full_queue_shows_in_its_peak() -> None:
    """What presses a queue to its bound is seen there: one place of results, and few words of FIFO."""
    report = run(HEAVY, *ONE_TILE, "neuron_unit.results=1", "pe_array.fifo_words=16")
    assert report["queues"]["results"] == {"unit": "pixels", "peak": 1, "capacity": 1}
    assert report["queues"]["detector_fifo"]["peak"] == 16
