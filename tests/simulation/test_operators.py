"""Networks of every operator from files to verified words, on chips of every kind; what is wrong is told whole."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chips import ROOT, chip
from small_workload import WORD_BITS, SmallWorkload, operator_layers

from accelsim.build.weights import WeightBuffer
from accelsim.cli import main
from accelsim.interop.raw import import_raw
from accelsim.mapping.plan import block_bytes
from accelsim.reference.network import Network
from accelsim.reference.trace_maker import record
from accelsim.simulation import simulate
from accelsim.simulation.run import run_engine
from accelsim.workload.layer import ATTENTION_OPS, Op
from accelsim.workload.synthetic import read_workload
from accelsim.workload.trace import read_trace, write_trace

CHIPS = {
    "plain": (),
    "serial": ("pe_array.spike_mode=bit_serial", "pe_array.lane_bits=1", "neuron_unit.decoding=serial"),
    "dense": ("pe_array.skip=nothing",),
    "pressed": ("spike_buffer.bytes=600", "weight_buffer.bytes=1 KiB", "weight_buffer.double=false"),
    "narrow": ("pe_array.columns=3", "pe_array.line_words=5"),
    "trees": ("noc.multicast=tree", "noc.buffer_flits=8"),
    "pipelined": ("mapping={schedule: pipelined}",),
}


@cache
def network() -> tuple[Network, SmallWorkload]:
    workload = SmallWorkload(operator_layers(), images=2)
    return Network("every", workload.layers, workload._parameters, WORD_BITS), workload


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    made, workload = network()
    found = record(made, workload._images)
    path = tmp_path / "every.npz"
    write_trace(path, found.meta, found.arrays)
    return path


def test_a_trace_gives_the_network_again(trace: Path) -> None:
    read = read_trace(trace)
    _, workload = network()
    assert read.layers == workload.layers
    assert read.drawn == () and read.notes == ()
    for layer in read.layers:
        assert np.array_equal(read.output_words(layer.name, 1), workload.output_words(layer.name, 1))


@pytest.mark.parametrize("kind", CHIPS)
def test_every_word_is_computed_on_every_kind_of_chip(kind: str, trace: Path) -> None:
    report = simulate(chip(*CHIPS[kind]), read_trace(trace), images=3, verify=True).report
    layers = operator_layers()
    assert report["verified"]["layers"] == len(layers)
    assert [layer["op"] for layer in report["layers"]] == [layer.op for layer in layers]


def test_every_operator_is_there() -> None:
    assert {layer.op for layer in operator_layers()} | {"conv2d"} >= set(Op.__args__)  # type: ignore[attr-defined]


def test_the_command_line_runs_and_verifies_it(trace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    arch = ROOT / "arch_configs" / "spikepack.yaml"
    assert main(["run", str(arch), str(trace), "--verify", "--out", str(out)]) == 0
    assert "k: outputs go through DRAM to scores, which takes them in place of weights" in capsys.readouterr().out
    assert main(["trace", "show", str(trace)]) == 0
    shown = capsys.readouterr().out
    for text in ("3x3+1x1 g20", "3x3+2x2 g4 d2x2", "2 heads", "x2x2"):
        assert text in shown


def test_words_in_place_of_weights_are_loaded_for_every_image_and_weights_once() -> None:
    _, workload = network()
    run = run_engine(chip("weight_buffer.bytes=64 KiB"), workload, images=3)
    assert all(run.plan.weights_stay)
    layers = len(run.layers)
    for index, layer in enumerate(run.layers):
        loaded = run.program.weight_bytes[index::layers]
        if layer.op in ATTENTION_OPS:
            assert loaded[0] == loaded[1] == loaded[2] > 0
        else:
            assert list(loaded[1:]) == [0, 0]


def test_what_changes_waits_for_the_room_that_weights_leave() -> None:
    _, workload = network()
    run = run_engine(chip(), workload)
    plan, capacity = run.plan, run.arch.capacity
    entry = next(entry for entry in plan.layers if entry.layer.name == "scores")
    tile, group, chunk = entry.parts[0].tile, entry.parts[0].groups[0], entry.parts[0].chunks[0]
    size = block_bytes(entry.layer, group[1] - group[0], chunk[1] - chunk[0])
    room = plan.staying_bytes[tile] + 2 * size

    class Small:
        weight_buffer_bytes = room
        prefetches = capacity.prefetches

    buffer = WeightBuffer(plan, tile, Small())  # type: ignore[arg-type]
    after = []
    for image in range(3):
        held, waits = buffer.load(image, (entry.index, group, chunk), size, group=image)
        held.last_pass = 100 + image
        after.append(waits)
        assert buffer.find(image, (entry.index, group, chunk)) is held
        assert buffer.find(image + 1, (entry.index, group, chunk)) is None
    assert after == [(), (), (100,)]
    weights = (0, (0, 16), (0, 3))
    assert buffer.load(0, weights, 27, group=9)[1] == ()
    assert buffer.find(5, weights) is not None


WORKLOAD = """
name: block
timesteps: 4
layers:
  - {name: x, op: conv2d, in_shape: [3, 6, 6], out_channels: 8, kernel: 3, padding: 1, density: 1, kind: integers}
  - {name: q, op: conv2d, inputs: [x], out_channels: 8, kernel: 1, density: 0.3}
  - {name: k, op: conv2d, inputs: [x], out_channels: 8, kernel: 1, density: 0.3}
  - {name: v, op: conv2d, inputs: [x], out_channels: 8, kernel: 1, density: 0.3}
  - {name: scores, op: attention_scores, inputs: [q, k], heads: 2, density: 0.2, weight_density: 0.5, fires: false}
  - {name: values, op: attention_values, inputs: [scores, v], heads: 2, weight_density: 0.1}
  - {name: both, op: concat, inputs: [values, x]}
  - {name: large, op: upsample, inputs: [both], factor: 2}
  - {name: next, op: conv2d, inputs: [large], out_channels: 16, kernel: 3, dilation: 2, padding: 2, groups: 4}
  - {name: pool, op: maxpool2d, inputs: [next], kernel: global, density: 0.6}
  - {name: fc, op: linear, inputs: [pool], out_features: 10, fires: false, density: 0.6}
"""


def test_a_workload_file_of_every_operator(tmp_path: Path) -> None:
    path = tmp_path / "block.yaml"
    path.write_text(WORKLOAD)
    workload = read_workload(path)
    by_name = {layer.name: layer for layer in workload.layers}
    assert by_name["scores"].out_shape == (72, 6, 6) and by_name["values"].out_shape == (8, 6, 6)
    assert by_name["both"].in_shape == (16, 6, 6) and by_name["large"].out_shape == (16, 12, 12)
    assert by_name["pool"].kernel == (12, 12) and by_name["fc"].in_shape == (16, 1, 1)
    # Sums of 4 products of 4 bits each, and they are computed.
    assert by_name["scores"].out_word_bits == (4 * 15 * 15).bit_length()
    assert "scores" not in workload.drawn and "values" in workload.drawn
    shares = {
        name: np.count_nonzero(workload.output_words(name, 0)) / workload.output_words(name, 0).size
        for name in ("q", "k", "v")
    }
    assert shares["q"] == pytest.approx(0.2, abs=0.08)
    assert shares["k"] == pytest.approx(0.5, abs=0.1)
    assert shares["v"] == pytest.approx(0.1, abs=0.07)
    report = simulate(chip(), workload, images=2).report
    assert [layer["name"] for layer in report["layers"]] == list(by_name)


def test_what_is_wrong_with_operators_is_told_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "wrong.yaml"
    text = WORKLOAD.replace("factor: 2", "kernel: 2").replace("kernel: global", "kernel: whole")
    path.write_text(text.replace("kernel: 1, density: 0.3}", "kernel: global, density: 0.3}", 1))
    assert main(["check", str(ROOT / "arch_configs" / "spikepack.yaml"), str(path)]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"{path}:6: layers[1].kernel: covers the whole map in maxpool2d and avgpool2d, not in conv2d (got 'global')",
        f"{path}:12: layers[7].factor: is missing: upsample needs it",
        f"{path}:14: layers[9].kernel: must be one number, two, or global (got 'whole'); "
        "allowed: N, [rows, columns] or global",
    ]
    path.write_text(WORKLOAD.replace("groups: 4", "groups: 3").replace("heads: 2, density", "heads: 3, density"))
    assert main(["check", str(ROOT / "arch_configs" / "spikepack.yaml"), str(path)]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"{path}:9: layers[4].heads: does not divide the 8 channels that go in (got 3)",
        f"{path}:10: layers[5].heads: has not a channel for each of 36 tokens of a head: 108x6x6 (got 2)",
        f"{path}:13: layers[8].groups: does not divide the 16 channels that go in (got 3)",
        f"{path}:13: layers[8].groups: does not divide the 16 channels that go out (got 3)",
    ]


RAW = """
layers:
  - {name: x, op: conv2d, out_channels: 4, kernel: 3, padding: 1, groups: 2}
  - {name: q, op: conv2d, out_channels: 4, kernel: 3, padding: 2, dilation: 2, inputs: [x]}
  - {name: k, op: conv2d, out_channels: 4, kernel: 1, inputs: [x]}
  - {name: scores, op: attention_scores, inputs: [q, k], heads: 2, fires: false}
  - {name: values, op: attention_values, inputs: [scores, k], heads: 2, fires: true}
  - {name: joined, op: concat, inputs: [values, x]}
  - {name: pool, op: avgpool2d, kernel: global}
  - {name: fc, op: linear, out_features: 3}
"""


def test_raw_arrays_of_what_layers_produced_feed_attention(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    spikes: dict[str, Any] = {
        name: rng.integers(0, 2, (4, 4, 3, 3)) for name in ("x", "q", "k", "out/q", "out/k", "out/values")
    }
    spikes["q"] = spikes["k"]
    pooled = 2 ** np.arange(3, -1, -1) @ np.concatenate([spikes["out/values"], spikes["k"]], axis=1).reshape(4, -1)
    np.savez(tmp_path / "raw.npz", **spikes, fc=pooled.reshape(1, 8, 9).sum(axis=2))
    (tmp_path / "raw.layers.yaml").write_text(RAW)
    meta, arrays, _ = import_raw(tmp_path / "raw.npz", tmp_path / "raw.layers.yaml")
    write_trace(tmp_path / "trace.npz", meta, arrays)
    trace = read_trace(tmp_path / "trace.npz")
    assert trace.drawn == ("fc",)
    weigh = 2 ** np.arange(3, -1, -1)
    assert np.array_equal(trace.output_words("q", 0), np.tensordot(weigh, spikes["out/q"], 1))
    q, k = trace.output_words("q", 0).astype(int), trace.output_words("k", 0).astype(int)
    scores = np.einsum("hci,hcj->hji", q.reshape(2, 2, 9), k.reshape(2, 2, 9))
    assert np.array_equal(trace.output_words("scores", 0), scores.reshape(18, 3, 3))
    assert simulate(chip(), trace).report["total"]["cycles"] > 0
