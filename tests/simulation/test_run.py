"""Whole runs of small networks: words, invariants, accounting."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chips import DIGITS, chip
from small_workload import SmallWorkload, conv, residual_layers

from accelsim.build.arch import load_arch
from accelsim.errors import InputError, SimulationError
from accelsim.kernels import network_state as n
from accelsim.kernels import payload
from accelsim.kernels import state as k
from accelsim.report.schema import missing_keys, undocumented_keys
from accelsim.simulation import simulate
from accelsim.simulation.invariants import check_invariants
from accelsim.simulation.run import run_engine
from accelsim.simulation.verify import verify_outputs
from accelsim.workload.load import load_input

ROOT = Path(__file__).resolve().parents[2]
SERIAL = ("pe_array.spike_mode=bit_serial", "pe_array.lane_bits=1", "neuron_unit.decoding=serial")
DENSE = ("pe_array.skip=nothing", "pe_array.lane_bits=8")


@pytest.mark.parametrize("machine", [(), SERIAL, DENSE], ids=["packed", "serial", "dense"])
def test_every_machine_computes_the_words_of_the_untimed_model(machine: tuple[str, ...]) -> None:
    workload = SmallWorkload(residual_layers())
    report = simulate(chip(*machine), workload, images=2, verify=True).report
    assert report["verified"]["layers"] == len(workload.layers)
    assert report["verified"]["words"] == 2 * sum(int(np.prod(layer.out_shape)) for layer in workload.layers)


def test_the_shipped_network_computes_its_trace() -> None:
    report = simulate(load_arch(ROOT / "arch_configs" / "spikepack.yaml"), load_input(DIGITS), verify=True).report
    assert report["verified"]["layers"] == 30
    assert missing_keys(report) == []
    assert undocumented_keys(report) == []


def test_partial_sums_over_chunks_and_strips_are_exact() -> None:
    """Small buffers force chunks of input channels, strips of rows and words through DRAM."""
    layers = (conv("a", (40, 9, 9), 24), conv("b", (24, 9, 9), 20, inputs=("a",)))
    tight = ("weight_buffer.bytes=2 KiB", "spike_buffer.bytes=1536", "accumulator_buffer.bytes=1 KiB")
    for machine in ((), SERIAL):
        run = run_engine(chip(*tight, *machine), SmallWorkload(layers), images=2, verify=True)
        assert len(run.plan.layers[0].parts[0].chunks) > 1
        check_invariants(run)
        verify_outputs(run)


def test_a_word_that_differs_is_found() -> None:
    workload = SmallWorkload(residual_layers())
    run = run_engine(chip(), workload, verify=True)
    run.program.contents.outputs[7] += 1
    with pytest.raises(
        SimulationError,
        match=r"first, image 0: 1 of 1536 words differ, the first at \(channel, row, column\) \(7, 0, 0\)",
    ):
        verify_outputs(run)


@pytest.mark.parametrize(
    ("disturb", "message"),
    [
        (lambda run: run.fabric.tiles.events.__setitem__((0, k.E_SYNOPS), 1), "1 synaptic operations done, the trace"),
        (lambda run: run.fabric.clock.scalars.__setitem__(k.RECEIVED_FLITS, 3), r"flits sent, 3 received"),
        (lambda run: run.fabric.network.vc.__setitem__((0, n.COUNT), 2), "2 flits in routers at the end"),
        (lambda run: run.fabric.tiles.cycles.__setitem__((0, 0, 0), 10**9), "tile 0: states add up to"),
        (lambda run: run.fabric.clock.left.__setitem__(0, -4), "a group was counted down below zero"),
        (lambda run: run.fabric.tiles.events.__setitem__((0, k.E_DRAM_READ), 0), "bytes read from DRAM, the program"),
        (lambda run: run.fabric.tiles.events.__setitem__((0, k.E_MACS), 10**12), "products in array cycles that have"),
        (lambda run: run.fabric.tiles.events.__setitem__((0, k.E_SENT_WORDS), 1), "first, image 0: 1 words sent"),
        (lambda run: run.fabric.tiles.events.__setitem__((4, k.E_DRAM_WRITE), 1), "scores, image 0: 1 bytes written"),
        (
            lambda run: run.fabric.tiles.payload.__setitem__((0, payload.DENSE, k.Q_BITS), 7),
            "first: 7 bits of dense payload",
        ),
        (
            lambda run: run.fabric.tiles.payload.__setitem__((0, payload.AUTO, k.Q_BITS), 10**9),
            "of the shortest payloads",
        ),
    ],
)
def test_every_broken_invariant_is_told(disturb: Any, message: str) -> None:
    run = run_engine(chip(), SmallWorkload(residual_layers()))
    check_invariants(run)
    disturb(run)
    with pytest.raises(SimulationError, match=message):
        check_invariants(run)


def test_layer_accounts_close() -> None:
    """compute + stalls + sequencing + idle = cycles, for every layer, and no share exceeds one."""
    report = simulate(chip(), SmallWorkload(residual_layers()), images=2).report
    for layer in report["layers"]:
        stalls = layer["stall_cycles"]
        parts = layer["compute_cycles"] + sum(stalls.values()) + layer["sequencing_cycles"] + layer["idle_cycles"]
        assert parts == layer["cycles"]
        assert layer["idle_cycles"] >= 0 and 0 <= layer["utilisation"] <= 1
        assert layer["load_cycles"] == stalls["weights_missing"] + stalls["spikes_missing"]
        assert layer["energy_j"] >= 0
    assert sum(layer["energy_j"] for layer in report["layers"]) > 0
    assert 0 <= report["total"]["utilisation"] <= 1


def test_images_overlap_and_weights_that_fit_are_read_once() -> None:
    workload = SmallWorkload(residual_layers())
    one = simulate(chip(), workload, images=1).report
    four = simulate(chip(), workload, images=4).report
    assert four["total"]["interval_cycles"] < one["total"]["latency_cycles"]
    weights = sum(layer.fan_in * layer.out_shape[0] for layer in workload.layers if layer.op in ("conv2d", "linear"))
    image = int(np.prod(workload.layers[0].in_shape)) * workload.layers[0].word_bits // 8
    extra = four["dram"]["read_bytes"] - one["dram"]["read_bytes"]
    assert one["dram"]["read_bytes"] >= weights
    assert extra < weights, "weights were read again"
    assert extra >= 3 * image


def test_chosen_layers_run_alone() -> None:
    workload = SmallWorkload(residual_layers())
    name = workload.layers[1].name
    result = simulate(chip(), workload, layers=[name], verify=True)
    assert [layer["name"] for layer in result.report["layers"]] == [name]
    with pytest.raises(InputError, match="--layers: no such layer \\(got 'nope'\\); allowed: "):
        simulate(chip(), workload, layers=["nope"])


def test_the_same_run_gives_the_same_report() -> None:
    workload = SmallWorkload(residual_layers())
    first, second = (simulate(chip(), workload, images=2) for _ in range(2))
    assert first.report == second.report
    for name, array in first.timeline.items():
        assert np.array_equal(array, second.timeline[name])


def test_a_full_write_buffer_holds_packets_back_and_loses_no_credit() -> None:
    """Outputs come faster than the DRAM writes them; requests for weights pass the same sink."""
    slow = ("memory_controller.write_buffer_bytes=16", "dram={bandwidth_gb_per_s: 0.5, latency_ns: 60}")
    layers = (conv("a", (8, 12, 12), 64), conv("b", (64, 12, 12), 32, inputs=("a",)))
    for virtual_channels in (1, 3):
        machine = (*slow, "spike_buffer.bytes=3 KiB", f"noc.virtual_channels={virtual_channels}")
        report = simulate(chip(*machine), SmallWorkload(layers), images=2, verify=True).report
        assert report["buffers"]["dram_write_buffer"]["peak_bytes"] > 16
        assert report["dram"]["write_bytes"] > 0


def test_bits_read_from_the_spike_buffer_are_those_of_the_words() -> None:
    """Five-bit words take two scans of four-bit lanes, which read five bits; a serial machine reads five planes."""
    layer = replace(conv("a", (16, 6, 6), 16, kernel=1), word_bits=5)
    workload = SmallWorkload((layer,))
    for machine in ((), SERIAL):
        traffic = simulate(chip(*machine), workload).report["layers"][0]["traffic"]
        assert traffic["spike_read_bits"] == 16 * 36 * 5


def test_the_smallest_spike_buffer_still_computes_the_words() -> None:
    layers = (conv("a", (16, 8, 8), 32), conv("b", (32, 8, 8), 16, inputs=("a",)))
    report = simulate(chip("spike_buffer.bytes=384"), SmallWorkload(layers), images=2, verify=True).report
    assert report["buffers"]["spike_buffer"]["peak_bytes"] <= 384


def test_conflict_cycles_are_those_of_the_weight_buffer_and_of_reads_that_lost() -> None:
    run = run_engine(chip("weight_buffer.banks=4", "spike_buffer.banks=1"), SmallWorkload(residual_layers()))
    conflicts = run.fabric.tiles.cycles[:, :, k.BANK_CONFLICT].sum()
    events = run.fabric.tiles.events.sum(axis=0)
    assert 0 < events[k.E_WEIGHT_CONFLICTS] < conflicts <= events[k.E_WEIGHT_CONFLICTS] + events[k.E_CONFLICTS]


@pytest.mark.parametrize("machine", [(), SERIAL, DENSE], ids=["packed", "serial", "dense"])
def test_verifying_changes_no_cycle(machine: tuple[str, ...]) -> None:
    """Without it the queues of the banks are counts; with it they hold words, which meet their weights."""
    fabrics = [
        run_engine(chip(*machine), SmallWorkload(residual_layers()), images=2, verify=verify).fabric
        for verify in (False, True)
    ]
    for name in ("cycles", "span", "bins", "events", "payload"):
        counted, verified = (getattr(fabric.tiles, name) for fabric in fabrics)
        assert np.array_equal(counted, verified), name
    assert np.array_equal(*(fabric.network.latency for fabric in fabrics))
