"""A tile that is wired to memory, without a network: what costs time, what does not, and what the report says of it."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chips import chip, lone_tile
from random_chips import RandomWorkload
from small_workload import SmallWorkload, conv, linear, residual_layers

from accelsim.errors import InputError
from accelsim.report.plot import plot_timeline
from accelsim.report.schema import missing_keys, undocumented_keys
from accelsim.report.text import render
from accelsim.simulation import simulate
from accelsim.simulation.relief import relieve

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
    tile = lone_tile(SYSTOLIC % dataflow, *IDEAL, *overrides)
    report: dict[str, Any] = simulate(tile, workload, images=images, verify=True).report
    return report


@pytest.mark.parametrize("dataflow", CYCLES)
def test_with_ideal_surroundings_a_layer_takes_the_cycles_of_its_array(dataflow: str) -> None:
    report = ideal_run(dataflow, images=2)
    assert [layer["cycles"] for layer in report["layers"]] == [2 * cycles for cycles in CYCLES[dataflow]]
    for layer in report["layers"]:
        assert layer["cycles"] == layer["compute_cycles"]
        assert layer["load_cycles"] == layer["store_cycles"] == layer["sequencing_cycles"] == layer["idle_cycles"] == 0
    assert report["total"]["cycles"] == 2 * sum(CYCLES[dataflow])


@pytest.mark.parametrize("lanes", [1, 2])
def test_lanes_cost_service_where_a_neuron_unit_that_takes_no_time_costs_none(lanes: int) -> None:
    """The array ends a layer with 4 pixels and with one, of the last 2 of 10 outputs, in t.

    They are served from t + 1 on; in the cycle after that their packet goes, which the next layer waits for.
    """
    ideal = ideal_run("output_stationary")["total"]["cycles"]
    served = ideal_run("output_stationary", f"neuron_unit={{lanes: {lanes}, results: 8}}")["total"]["cycles"]
    service = 2 // lanes
    assert served == ideal + (4 * service + 2) + (service + 2)


def kinds() -> list[str]:
    """Every kind of memory that may lie behind a lone tile."""
    return [
        "dram=ideal",
        PORTS % (16, 2.5, 0.3, 3),
        PORTS % ("ideal", 4, 1, 0),
        "dram={bandwidth_gb_per_s: 1.7, latency_ns: 20}",
        "dram={preset: lpddr4_3200, channels: 1}",
    ]


@pytest.mark.parametrize("memory", kinds())
def test_any_network_runs_right_whatever_the_memory(memory: str) -> None:
    """Words are those of plain numpy, every invariant holds, and no byte is lost."""
    ran = 0
    for seed in range(6):
        neurons = ("neuron_unit=ideal",) if seed % 2 else ("network_interface.packet_payload_bits=1",)
        workload = RandomWorkload(seed)
        try:
            report = simulate(lone_tile(memory, *neurons), workload, images=1 + seed % 2, verify=True).report
        except InputError as error:
            assert all(problem.rule.startswith("no tiling fits the ") for problem in error.problems), str(error)
            continue
        ran += 1
        assert report["noc"]["flits"] == report["noc"]["packets"] == report["noc"]["payload"]["packets"] == 0
        traffic = [layer["traffic"] for layer in report["layers"]]
        assert report["dram"]["read_bytes"] == sum(layer["dram_read_bytes"] for layer in traffic)
        assert report["dram"]["write_bytes"] == sum(layer["dram_write_bytes"] for layer in traffic)
    assert ran > 3


def test_memory_without_a_limit_makes_no_array_wait() -> None:
    for seed in range(8):
        report = simulate(lone_tile(), RandomWorkload(seed), images=2).report
        assert all(layer["load_cycles"] == 0 for layer in report["layers"])


@pytest.mark.parametrize("latency", [0, 5])
@pytest.mark.parametrize("rate", ["1", "2.5", "8", "64"])
def test_weights_hold_an_array_until_their_last_byte_has_crossed(rate: str, latency: int) -> None:
    """Blocks of 4, 4 and 2 of 10 columns, of 27 and of 360 rows, follow each other over the port from cycle 0 on.

    Each block is worked on for 9 folds of 33 cycles, and for one of 366, once the last of its bytes is there.
    """
    report = ideal_run("output_stationary", PORTS % (rate, "ideal", "ideal", latency))
    crossed = now = 0
    for rows, cycles in ((27, 9 * 33), (360, 366)):
        for columns in (4, 4, 2):
            crossed += rows * columns
            now = max(now, latency + ceil(crossed / Fraction(rate))) + cycles
    assert report["total"]["cycles"] == now
    waited = sum(layer["stall_cycles"]["weights_missing"] for layer in report["layers"])
    assert waited == now - sum(CYCLES["output_stationary"])
    assert report["dram"]["read_bytes"] == crossed + 3 * 6 * 6 // 2
    assert report["layers"][1]["bound_by"] == ("dram" if rate in ("1", "2.5") else "pe_array")


@pytest.mark.parametrize("rate", ["0.25", "0.3", "2"])
def test_rows_hold_an_array_until_their_last_byte_has_crossed(rate: str) -> None:
    """Rows of 3 x 6 words of 4 bits: 9 bytes. A fold of 4 of the 6 x 6 pixels needs the row below its last pixel."""
    report = ideal_run("output_stationary", PORTS % ("ideal", rate, "ideal", 0))
    now = 0
    for fold in range(9):
        row = min(5, (4 * fold + 3) // 6 + 1)
        now = max(now, ceil(9 * (row + 1) / Fraction(rate))) + 33
    # The other two blocks of columns find all rows there.
    assert report["total"]["cycles"] == now + 2 * 9 * 33 + 3 * 366
    assert report["layers"][0]["stall_cycles"]["spikes_missing"] == now - 9 * 33


ADDERS = "pe_array={dataflow: %s, columns: 4, spike_mode: bit_serial, skip: zero_bits}"


@pytest.mark.parametrize("lanes", [1, 4])
def test_a_layer_without_any_spike_lasts_while_its_sums_leave(lanes: int) -> None:
    """36 pixels of 4, 4 and 2 outputs, which take the array no cycle and the neuron unit its services.

    An image takes a few cycles more: commands that end and begin, and the way to the neuron unit.
    """
    first = conv("first", (3, 6, 6), 10)
    silent = SmallWorkload([first]).replace_images(np.zeros((2, 3, 6, 6), np.int64))
    tile = lone_tile(ADDERS % "bit_sparsity", *IDEAL[1:], f"neuron_unit={{lanes: {lanes}, results: 8}}")
    report = simulate(tile, silent, images=2, verify=True).report
    (layer,) = report["layers"]
    assert layer["compute_cycles"] == 0
    services = 36 * (ceil(4 / lanes) + ceil(4 / lanes) + ceil(2 / lanes))
    assert 2 * services < layer["cycles"] < 2 * (services + 12)
    assert report["total"]["utilisation"] == 0


def test_spikes_that_are_streamed_over_a_slow_bus_are_all_in_the_timeline() -> None:
    """The bus is taken far beyond the cycle in which a tile of spikes, and its weights, are asked for."""
    wide = ("pe_array.columns=64", "pe_array.tile_rows=64", "dram={bandwidth_gb_per_s: 0.0001, latency_ns: 0}")
    tile = lone_tile(ADDERS % "product_sparsity", *IDEAL, *wide)
    result = simulate(tile, SmallWorkload([conv("only", (24, 8, 8), 64)]))
    assert result.timeline["dram_read_bytes"].sum() == result.report["dram"]["read_bytes"]


def test_a_slow_store_port_blocks_the_output_of_an_array() -> None:
    """The last layer writes 10 sums of 32 bits: 40 bytes at 1/4 byte a cycle."""
    ideal = ideal_run("output_stationary")["total"]["cycles"]
    slow = ideal_run("output_stationary", PORTS % ("ideal", "ideal", 0.25, 0))
    # Of the sums in three blocks of columns the last 2 leave with the last cycle; 32 bytes are written before.
    assert slow["total"]["cycles"] == ideal + 2 * 4 * 4
    assert slow["dram"]["write_bytes"] == 40


def test_the_report_of_a_lone_tile_has_every_section(tmp_path: Path) -> None:
    workload = SmallWorkload(residual_layers(8, 4))
    result = simulate(lone_tile(), workload)
    report = result.report
    assert missing_keys(report) == undocumented_keys(report) == []
    assert report["noc"]["latency_cycles"] == dict.fromkeys(("mean", "p50", "p99", "max"))
    assert report["energy_j"]["by_component"]["noc"] == report["area_mm2"]["noc"] == 0
    assert report["buffers"]["spike_buffer"]["writes"] > 0
    assert "Network on chip\n  none: tile and memory are wired to each other\n" in render(report)
    plot_timeline(report, result.timeline, tmp_path / "timeline.png")
    assert (tmp_path / "timeline.png").stat().st_size > 10_000


def test_words_written_are_priced_by_their_bits() -> None:
    """Every word of a map is written to the spike buffer once: 3 x 36 of 4 bits from memory, 10 x 36 by the array."""
    report = ideal_run("output_stationary")
    assert report["buffers"]["spike_buffer"]["writes"] == 3 * 36 // 2 + 10 * 36 // 2


def test_relief_leaves_out_what_a_chip_does_not_have() -> None:
    found = relieve(lone_tile("neuron_unit=ideal"), SmallWorkload([conv("first", (3, 4, 4), 8)]))
    assert {"noc", "neuron_unit"}.isdisjoint(found.relieved)
    assert "dram" in found.relieved


def test_a_neuron_unit_that_takes_no_time_sends_over_a_network_too() -> None:
    workload = SmallWorkload(residual_layers(8, 6))
    plain, ideal = (
        simulate(chip("dram=ideal", *keys), workload, images=2, verify=True).report
        for keys in ((), ("neuron_unit=ideal",))
    )
    assert ideal["total"]["cycles"] < plain["total"]["cycles"]
    assert ideal["noc"]["packets"] == plain["noc"]["packets"] > 0
    assert ideal["total"]["occupied_cycles"]["neuron_unit"] < plain["total"]["occupied_cycles"]["neuron_unit"]
