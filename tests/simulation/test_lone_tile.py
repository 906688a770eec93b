"""A tile that is wired to memory, without a network: what costs time, what does not, and what the report says of it."""

from __future__ import annotations

from typing import Any

import pytest
from chips import lone_tile
from random_chips import RandomWorkload
from small_workload import SmallWorkload, conv, linear, residual_layers

from accelsim.errors import InputError
from accelsim.report.text import render
from accelsim.simulation import simulate

IDEAL = (
    "neuron_unit=ideal",
    *(f"{name}.ports=ideal" for name in ("spike_buffer", "weight_buffer", "accumulator_buffer")),
)
SYSTOLIC = "pe_array={dataflow: %s, rows: 4, columns: 4, lane_bits: 4, spike_mode: packed, skip: nothing}"
PORTS = "dram={weight_bytes_per_cycle: %s, spike_bytes_per_cycle: %s, store_bytes_per_cycle: %s, latency_cycles: %d}"


CYCLES = {
    "output_stationary": (9 * 3 * (4 + 4 + 27 - 2), 1 * 3 * (4 + 4 + 360 - 2)),
    "weight_stationary": (7 * 3 * (2 * 4 + 4 + 36 - 2), 90 * 3 * (2 * 4 + 4 + 1 - 2)),
    "input_stationary": (7 * 9 * (2 * 4 + 4 + 10 - 2), 90 * 1 * (2 * 4 + 4 + 10 - 2)),
}
"""Folds times cycles a fold on a 4x4 array, of GEMMs of 36 x 27 x 10 and of 1 x 360 x 10."""


def ideal_run(dataflow: str, *overrides: str, images: int = 1) -> dict[str, Any]:
    """The report of two layers on an array whose surroundings take no time, but for what is overridden."""
    first = conv("first", (3, 6, 6), 10)
    workload = SmallWorkload([first, linear("scores", first, 10)])
    chip = lone_tile(SYSTOLIC % dataflow, *IDEAL, *overrides)
    report: dict[str, Any] = simulate(chip, workload, images=images, verify=True).report
    return report


@pytest.mark.parametrize("dataflow", CYCLES)
def test_with_ideal_surroundings_a_layer_takes_the_cycles_of_its_array(dataflow: str) -> None:
    report = ideal_run(dataflow, images=2)
    assert [layer["cycles"] for layer in report["layers"]] == [2 * cycles for cycles in CYCLES[dataflow]]
    for layer in report["layers"]:
        assert layer["cycles"] == layer["compute_cycles"]
        assert layer["load_cycles"] == layer["store_cycles"] == layer["sequencing_cycles"] == layer["idle_cycles"] == 0
    assert report["total"]["cycles"] == 2 * sum(CYCLES[dataflow])


def test_lanes_cost_service_and_a_neuron_unit_that_takes_no_time_costs_none() -> None:
    """The last pixel of the last layer, 10 outputs in blocks of 4: 2 outputs on one lane take 2 cycles, and one to go."""
    ideal = ideal_run("output_stationary")["total"]["cycles"]
    assert ideal_run("output_stationary", "neuron_unit={lanes: 1}")["total"]["cycles"] > ideal
