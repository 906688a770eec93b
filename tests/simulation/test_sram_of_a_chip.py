"""Each conflict in the buffers of whole chips, and the parameter that cures it; peaks of buffers and queues."""

from __future__ import annotations

from typing import Any

import pytest

from accelsim.simulation.run import Result, simulate
from tests.support.chips import chip
from tests.support.small_workload import SmallWorkload, conv

ONE_TILE = ("tiles={columns: 1, rows: 1}", "noc.columns=2", "noc.rows=1", "memory_controller.nodes=[1]")
CHAIN = (conv("first", (64, 12, 12), 64), conv("second", (64, 12, 12), 64, inputs=("first",)))
"""A layer whose words arrive at the next one while that one reads."""
HEAVY = (conv("heavy", (128, 8, 8), 64),)
"""Weights arrive while the array works."""


def run(layers: tuple[Any, ...], *overrides: str, images: int = 1) -> Result:
    return simulate(chip(*overrides), SmallWorkload(layers, images=1), images=images, verify=True)


def conflicts(layers: tuple[Any, ...], *overrides: str) -> dict[str, int]:
    buffers = run(layers, *overrides).report["buffers"]
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
            ("weight_buffer.ports=1r1w", "weight_buffer.ports=2rw", "weight_buffer.arbitration=writes_first"),
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
    print(what, before, [conflicts(layers, *chip_as, cure) for cure in cures])
    assert before[what] > 0
    for cure in cures:
        assert conflicts(layers, *chip_as, cure)[what] == 0
