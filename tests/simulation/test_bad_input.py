"""What does not fit or cannot be: whole messages, exit code 2, and nothing written."""

from __future__ import annotations

from pathlib import Path

import pytest
from chips import DIGITS, SPIKEPACK

from accelsim import cli

ONE_LAYER = """\
name: one
timesteps: 4
layers:
  - {name: conv1, op: conv2d, in_shape: [8, 12, 12], out_channels: 20, kernel: 3, padding: 1, density: 0.3}
"""
ARCH = str(SPIKEPACK)


def refuse(tmp_path: Path, capsys: pytest.CaptureFixture[str], arch: str, given: str, *options: str) -> str:
    """What a run that must be refused prints."""
    out = tmp_path / "out"
    assert cli.main(["run", arch, given, "--out", str(out), *options]) == 2
    assert not out.exists()
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    printed = capsys.readouterr()
    assert printed.out == ""
    return printed.err.rstrip("\n")


@pytest.fixture
def workload(tmp_path: Path) -> str:
    path = tmp_path / "one.yaml"
    path.write_text(ONE_LAYER, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["noc.virtual_channels=13"],
            "--set: noc.virtual_channels: 5 ports of 13 channels are more than the 62 that a router's allocators take "
            "(got 13); allowed: <= 12",
        ),
        (["noc.virtual_channels=0"], "--set: noc.virtual_channels: must be at least 1 (got 0)"),
        (["noc.link_cycles=5"], "--set: noc.link_cycles: must be at most 4 (got 5)"),
        (
            ["network_interface.payload=sparse"],
            "--set: network_interface.payload: is not one of the choices (got 'sparse'); "
            "allowed: dense, bitmap, address_event, auto",
        ),
        (["neuron_unit.results=17"], "--set: neuron_unit.results: must be at most 16 (got 17)"),
        (["technology.node_nm=7"], "--set: technology.node_nm: must be at least 22 (got 7)"),
        (["clock_mhz=1e300"], "--set: clock_mhz: must be at most 1000000 (got 1e+300)"),
        (["clock_mhz=nan"], "--set: clock_mhz: must be a number (got 'nan')"),
        (["dram.latency_ns=1e18"], "--set: dram.latency_ns: must be at most 1000000 (got 1e+18)"),
        (["dram=real"], "--set: dram: must be ideal or a mapping (got 'real')"),
        (
            ["noc=none"],
            "--set: noc: wires one tile to memory, and there are 16 (got 'none'); allowed: a network, or tiles: "
            "{columns: 1, rows: 1}",
        ),
        (["noc=wires"], "--set: noc: must be none or a mapping (got 'wires')"),
        (["memory_controller.nodes=[]"], "--set: memory_controller.nodes: must have at least 1 entries"),
        (
            ["memory_controller.nodes=[0, 99]"],
            "--set: memory_controller.nodes: must be nodes of the noc (got [0, 99]); allowed: 0 to 19",
        ),
        (["memory_controller.nodes=[4, 4]"], "--set: memory_controller.nodes: names a node twice (got [4, 4])"),
        (
            ["tiles.columns=8", "noc.columns=5"],
            "--set: noc.columns: 20 nodes do not cover 32 tiles and 4 memory controllers (got 5)",
        ),
        (
            ["clock_mhz=333.33333333333", "dram.bandwidth_gb_per_s=25.6"],
            "--set: dram.bandwidth_gb_per_s: over clock_mhz = 333.33333333333 is a fraction of more digits than time "
            "is counted with (got 25.6); allowed: fewer decimals of either",
        ),
        (
            ["pe_array.fifo_words=1"],
            "--set: pe_array.fifo_words: the FIFO must hold the words of one cycle (got 1); allowed: >= 16",
        ),
        (
            ["pe_array.spike_mode=bit_serial", "pe_array.lane_bits=4"],
            "--set: pe_array.lane_bits: a bit-serial array takes one bit of a word a scan (got 4); allowed: 1",
        ),
        (
            ["pe_array.rows=0", "noc.flit_bits=x", "nonsense=1"],
            "--set: pe_array.rows: must be at least 1 (got 0)\n"
            "--set: nonsense: unknown key; allowed: accumulator_buffer, clock_mhz, dram, mapping, memory_controller, "
            "name, network_interface, neuron_unit, noc, pe_array, spike_buffer, technology, tiles, weight_buffer\n"
            "--set: noc.flit_bits: must be a whole number (got 'x')",
        ),
    ],
)
def test_chips_that_cannot_be(
    tmp_path: Path, workload: str, capsys: pytest.CaptureFixture[str], overrides: list[str], message: str
) -> None:
    options = [word for override in overrides for word in ("--set", override)]
    assert refuse(tmp_path, capsys, ARCH, workload, *options) == message


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["spike_buffer.bytes=64"],
            "--set: spike_buffer.bytes: no tiling fits the spike buffer: one output row of conv1 needs 144 bytes, "
            "there are 64; allowed: >= 144",
        ),
        (
            ["weight_buffer.bytes=16"],
            "--set: weight_buffer.bytes: no tiling fits the weight buffer: one input channel of conv1 needs 144 bytes "
            "at once, there are 8; allowed: >= 288",
        ),
        (
            ["accumulator_buffer.bytes=16", "pe_array.spike_mode=bit_serial", "pe_array.lane_bits=1"],
            "--set: accumulator_buffer.bytes: no tiling fits the accumulator buffer: one output row of conv1 needs "
            "576 bytes, there are 15; allowed: >= 576",
        ),
    ],
)
def test_layers_that_no_tiling_fits(
    tmp_path: Path, workload: str, capsys: pytest.CaptureFixture[str], overrides: list[str], message: str
) -> None:
    options = [word for override in overrides for word in ("--set", override)]
    assert refuse(tmp_path, capsys, ARCH, workload, *options) == message


def test_layers_that_the_trace_does_not_have(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = refuse(tmp_path, capsys, ARCH, str(DIGITS), "--layers", "conv1,conv9")
    assert message.startswith("--layers: no such layer (got 'conv9'); allowed: conv1, layer1.0.conv1, ")


def test_verify_without_weights(tmp_path: Path, workload: str, capsys: pytest.CaptureFixture[str]) -> None:
    message = refuse(tmp_path, capsys, ARCH, workload, "--verify")
    assert message == "weights/conv1: --verify needs weights, bias and theta in the trace"


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (
            "in_shape: [100000, 10000, 10000], out_channels: 4",
            "{file}:4: layers[0].in_shape: has too many words: 100000x10000x10000; allowed: at most 268435456",
        ),
        (
            "in_shape: [8, 12, 12], out_channels: 2000000000",
            "{file}:4: layers[0].out_shape: has too many words: 2000000000x10x10; allowed: at most 268435456",
        ),
    ],
)
def test_maps_that_fit_no_memory(tmp_path: Path, capsys: pytest.CaptureFixture[str], shape: str, message: str) -> None:
    path = tmp_path / "huge.yaml"
    path.write_text(
        f"name: huge\ntimesteps: 4\nlayers:\n  - {{name: a, op: conv2d, {shape}, kernel: 3, density: 0.1}}\n",
        encoding="utf-8",
    )
    assert refuse(tmp_path, capsys, ARCH, str(path)) == message.format(file=path)
