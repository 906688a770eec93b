from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim.errors import InputError
from accelsim.interop.raw import import_raw
from accelsim.workload.trace import Trace, read_trace, write_trace

VGG16 = os.environ.get("ACCELSIM_VGG16_TRACE", "")
"""The .npz of the VGG-16 spikes that LoAS and Prosperity publish, as raw arrays, its .layers.yaml beside it."""

LAYERS = """
note: A small network in the form of recorded VGG-16 spikes.
layers:
- name: conv0
  op: conv2d
  out_channels: 4
  kernel: 3
  stride: 1
  padding: 1
  input: direct-coded image, 8 bit, same at every time step
- {name: conv1, op: conv2d, out_channels: 8, kernel: 3, stride: 1, padding: 1, input: spikes}
- {name: conv2, op: conv2d, out_channels: 8, kernel: 3, stride: 1, padding: 1, input: spikes}
- {name: fc0, op: linear, out_features: 10, input: spikes}
"""

SHAPES = {"conv1": (4, 8, 8), "conv2": (8, 4, 4), "fc0": (8 * 2 * 2,)}


def raw_arrays(steps: int = 4, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    spikes = {name: (rng.random((steps, *shape)) < 0.3).astype(np.uint8) for name, shape in SHAPES.items()}
    return {"conv0": np.ones((1, 3, 8, 8), dtype=np.uint8), **spikes}


def files(directory: Path, arrays: dict[str, Any], layers: str = LAYERS) -> tuple[Path, Path]:
    np.savez(directory / "small.npz", **arrays)
    (directory / "small.layers.yaml").write_text(layers)
    return directory / "small.npz", directory / "small.layers.yaml"


def imported(directory: Path, arrays: dict[str, Any], layers: str = LAYERS) -> Trace:
    meta, words, _ = import_raw(*files(directory, arrays, layers))
    write_trace(directory / "t.npz", meta, words)
    return read_trace(directory / "t.npz")


def problems(directory: Path, arrays: dict[str, Any], layers: str = LAYERS) -> list[str]:
    with pytest.raises(InputError) as caught:
        import_raw(*files(directory, arrays, layers))
    return [
        str(problem).replace(f"{directory}/small.npz", "RAW").replace(f"{directory}/small.layers.yaml", "LAYERS")
        for problem in caught.value.problems
    ]


def packed(planes: Any, bits: int = 1) -> Any:
    """Words by the definition: sum over steps of s_t 2^(b (T - t))."""
    steps = len(planes)
    return sum(planes[step].astype(np.int64) << bits * (steps - 1 - step) for step in range(steps))


def test_spikes_are_packed_first_step_first(tmp_path: Path) -> None:
    arrays = raw_arrays()
    trace = imported(tmp_path, arrays)
    assert (trace.name, trace.timesteps, trace.images) == ("small", 4, 1)
    for name in ("conv1", "conv2"):
        assert np.array_equal(trace.input_words(name, 0), packed(arrays[name]))
    assert np.array_equal(trace.input_words("fc0", 0).reshape(-1), packed(arrays["fc0"]))


def test_layers_chain_and_missing_pools_are_noted(tmp_path: Path) -> None:
    meta, arrays, notes = import_raw(*files(tmp_path, raw_arrays()))
    assert [(layer["name"], layer["inputs"]) for layer in meta["layers"]] == [
        ("conv0", []),
        ("conv1", ["conv0"]),
        ("conv1_pool", ["conv1"]),
        ("conv2", ["conv1_pool"]),
        ("conv2_pool", ["conv2"]),
        ("fc0", ["conv2_pool"]),
    ]
    assert notes == (
        "conv1_pool: 2x2 max pool inferred, as conv1 makes 8x8x8 and conv2 consumes 8x4x4",
        "conv2_pool: 2x2 max pool inferred, as conv2 makes 8x4x4 and fc0 consumes 32x1x1",
    )
    assert list(arrays) == ["in/conv0", "in/conv1", "in/conv2", "in/fc0"]
    assert meta["note"] == "A small network in the form of recorded VGG-16 spikes."


def test_the_image_is_integers_and_the_last_layer_does_not_fire(tmp_path: Path) -> None:
    trace = imported(tmp_path, raw_arrays())
    first, last = trace.layers[0], trace.layers[-1]
    assert (first.kind, first.timesteps, first.word_bits, first.out_word_bits) == ("integers", 1, 8, 4)
    assert (last.kernel, last.fires, last.out_word_bits) == ((2, 2), False, 32)
    assert trace.drawn == ("conv1", "conv2", "fc0")


def test_a_leading_image_axis(tmp_path: Path) -> None:
    one, other = raw_arrays(seed=1), raw_arrays(seed=2)
    trace = imported(tmp_path, {name: np.stack([one[name], other[name]]) for name in one})
    assert trace.images == 2
    assert np.array_equal(trace.input_words("conv2", 1), packed(other["conv2"]))
    assert np.array_equal(trace.input_words("fc0", 0).reshape(-1), packed(one["fc0"]))


@pytest.mark.parametrize("dtype", [bool, np.float32, np.float64, np.int64, np.uint16])
def test_any_type_of_whole_numbers(tmp_path: Path, dtype: type) -> None:
    arrays = raw_arrays()
    trace = imported(tmp_path, {name: array.astype(dtype) for name, array in arrays.items()})
    assert np.array_equal(trace.input_words("conv1", 0), packed(arrays["conv1"]))


def test_small_integers_take_the_bits_that_they_need(tmp_path: Path) -> None:
    arrays = raw_arrays()
    arrays["conv2"] = arrays["conv2"] * 3
    trace = imported(tmp_path, arrays)
    layer = next(layer for layer in trace.layers if layer.name == "conv2")
    assert (layer.timesteps, layer.bits_per_step, layer.word_bits) == (4, 2, 8)
    assert np.array_equal(trace.input_words("conv2", 0), packed(arrays["conv2"], bits=2))


def test_residual_adds_by_inputs(tmp_path: Path) -> None:
    shape = (4, 8, 8)
    rng = np.random.default_rng(0)
    arrays = {name: rng.integers(0, 2, (2, *shape)) for name in ("a", "b", "c")}
    arrays["c"] += rng.integers(0, 2, (2, *shape))
    layers = """
name: residual
dataset: noise
layers:
- {name: a, op: conv2d, out_channels: 4, kernel: 3, padding: 1}
- {name: b, op: conv2d, out_channels: 4, kernel: 3, padding: 1, weight_bits: 4}
- {name: sum, op: add, inputs: [b, a]}
- {name: c, op: conv2d, out_channels: 4, kernel: 3, padding: 1, fires: true}
- {name: d, op: avgpool2d, kernel: 8, inputs: [c]}
"""
    trace = imported(tmp_path, arrays, layers)
    assert (trace.name, trace.dataset) == ("residual", "noise")
    assert [layer.inputs for layer in trace.layers] == [(), ("a",), ("b", "a"), ("sum",), ("c",)]
    assert [layer.word_bits for layer in trace.layers] == [2, 2, 2, 4, 2]
    assert [layer.weight_bits for layer in trace.layers] == [8, 4, 0, 8, 0]
    assert np.array_equal(trace.output_words("sum", 0), packed(arrays["c"], bits=2))


def test_an_empty_list_of_inputs_cuts_the_chain(tmp_path: Path) -> None:
    trace = imported(tmp_path, raw_arrays(), LAYERS.replace("conv2, op: conv2d,", "conv2, op: conv2d, inputs: [],"))
    assert [layer.name for layer in trace.layers] == ["conv0", "conv1", "conv2", "conv2_pool", "fc0"]
    assert trace.layers[2].inputs == ()


def test_arrays_of_no_layer_are_left_out_and_noted(tmp_path: Path) -> None:
    _, arrays, notes = import_raw(*files(tmp_path, {**raw_arrays(), "extra": np.zeros(3)}))
    assert notes[0] == "extra: array of no layer, left out"
    assert "in/extra" not in arrays


def test_keys_of_the_layers_are_checked(tmp_path: Path) -> None:
    layers = LAYERS.replace("out_features: 10, input: spikes", "input: currents").replace(
        "padding: 1, input", "pad: 1, input"
    )
    allowed = (
        "bits_per_step, dilation, factor, fires, groups, heads, input, inputs, kernel, name, op, out_channels, "
        "out_features, padding, stride, weight_bits, weight_density"
    )
    assert problems(tmp_path, raw_arrays(), layers)[:3] == [
        f"LAYERS:11: layers[1].pad: unknown key; did you mean padding?; allowed: {allowed}",
        f"LAYERS:12: layers[2].pad: unknown key; did you mean padding?; allowed: {allowed}",
        "LAYERS:13: layers[3].input: says neither spikes nor integers (got 'currents'); "
        "allowed: spikes; integers, N bit; direct-coded image, N bit",
    ]
    assert problems(tmp_path, raw_arrays(), LAYERS.replace("out_features: 10, ", "")) == [
        "LAYERS:13: layers[3].out_features: is missing: linear needs it"
    ]


def test_headers_of_the_arrays_are_checked_together(tmp_path: Path) -> None:
    arrays = raw_arrays()
    del arrays["conv0"]
    arrays["conv1"] = np.array(["a"] * 4).reshape(2, 2)
    arrays["conv2"] = np.zeros((3, 4, 8, 4, 4), dtype=np.uint8)
    arrays["fc0"] = np.zeros(32)
    assert problems(tmp_path, arrays) == [
        "RAW: conv0: is missing: what the layer consumed; allowed: conv1, conv2, fc0",
        "RAW: conv1: has the wrong type (got '<U1'); allowed: numbers or booleans",
        "RAW: fc0: has the wrong shape (got [32]); allowed: [time, channel, row, column] or [time, feature], "
        "perhaps with an image axis before",
        "RAW: arrays differ in the number of images (got 'conv1: 1, conv2: 3')",
    ]


def test_values_of_the_arrays_are_checked_together(tmp_path: Path) -> None:
    arrays = {name: array.astype(np.float64) for name, array in raw_arrays(8).items()}
    arrays["conv0"] = np.stack([arrays["conv0"][0], arrays["conv0"][0] + 1])
    arrays["conv1"][0, 0, 0, 0] = 0.5
    arrays["conv2"][0, 0, 0, 0] = -1
    arrays["fc0"][0, 0] = 200
    assert problems(tmp_path, arrays) == [
        "RAW: conv0: holds integers that change with time; allowed: the same at every time step, or input: spikes",
        "RAW: conv1: holds numbers that are not whole; allowed: spikes of 0 and 1, or small integers",
        "RAW: conv2: holds negative numbers (got -1); allowed: 0 and above",
        "RAW: fc0: makes words that are too wide (got '8 time steps of 8 bits'); allowed: 32 bits together",
    ]
    arrays = raw_arrays()
    arrays["conv0"] = arrays["conv0"].astype(np.int32) * 256
    arrays["conv1"] = arrays["conv1"] * np.float32("nan")
    assert problems(tmp_path, arrays) == [
        "RAW: conv0: holds numbers of more than 8 bits (got 256)",
        "RAW: conv1: holds numbers that are not whole; allowed: spikes of 0 and 1, or small integers",
    ]


def test_time_steps_agree(tmp_path: Path) -> None:
    arrays = {**raw_arrays(4), "conv2": raw_arrays(3)["conv2"]}
    assert problems(tmp_path, arrays) == ["RAW: conv2: has other time steps (got 3); allowed: 1 or 4"]


def test_layers_that_do_not_chain(tmp_path: Path) -> None:
    assert problems(tmp_path, raw_arrays(), LAYERS.replace("out_channels: 4", "out_channels: 5")) == [
        "LAYERS:11: layers[1].inputs: conv0 makes 5x8x8, but conv1 consumes 4x8x8; "
        "allowed: the shape that it consumes, or one whose maps 2x2 pooling makes so"
    ]
    assert problems(tmp_path, raw_arrays(), LAYERS.replace("kernel: 3, stride: 1", "kernel: 30, stride: 1")) == [
        "LAYERS:11: layers[1].kernel: does not fit into the map 4x8x8 (got (30, 30))",
        "LAYERS:12: layers[2].kernel: does not fit into the map 8x4x4 (got (30, 30))",
    ]
    assert problems(tmp_path, raw_arrays(), LAYERS + "- {name: pool, op: maxpool2d, kernel: 2, inputs: [conv7]}\n") == [
        "LAYERS:14: layers[4].inputs: names no layer before this one; allowed: conv0, conv1, conv2, fc0"
    ]


if VGG16:

    def test_recorded_vgg16(tmp_path: Path) -> None:
        """Spikes of a trained VGG-16 on CIFAR-10 at T = 4, five pools left out."""
        raw = Path(VGG16)
        meta, arrays, notes = import_raw(raw, raw.with_suffix(".layers.yaml"))
        write_trace(tmp_path / "t.npz", meta, arrays)
        trace = read_trace(tmp_path / "t.npz")
        assert len(notes) == 5
        assert notes[-1] == "conv12_pool: 2x2 max pool inferred, as conv12 makes 512x2x2 and fc0 consumes 512x1x1"
        assert len(trace.layers) == 19
        assert sum(layer.dense_macs for layer in trace.layers) == 313_201_664
        with np.load(raw) as recorded:
            assert np.array_equal(trace.input_words("conv6", 0), packed(recorded["conv6"]))
