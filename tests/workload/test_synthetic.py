from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from accelsim.errors import InputError
from accelsim.workload.statistics import network_statistics
from accelsim.workload.synthetic import Synthetic, read_workload

RESNET = Path(__file__).parents[2] / "workloads" / "resnet18_cifar_w64.yaml"


def workload(directory: Path, layers: str, seed: int = 0, head: str = "timesteps: 4") -> Synthetic:
    path = directory / "w.yaml"
    path.write_text(f"name: net\n{head}\nlayers:\n{layers}")
    return read_workload(path, seed)


def problems(directory: Path, layers: str, head: str = "timesteps: 4") -> list[str]:
    with pytest.raises(InputError) as caught:
        workload(directory, layers, head=head)
    return [str(problem).replace(f"{directory}/w.yaml", "FILE") for problem in caught.value.problems]


CHAIN = """
  - {name: conv1, op: conv2d, in_shape: [3, 32, 32], out_channels: 16, kernel: 3, padding: 1, density: 1,
     kind: integers}
  - {name: conv2, op: conv2d, inputs: [conv1], in_shape: [16, 16, 16], out_channels: 16, kernel: 3, padding: 1,
     density: 0.3, bit_density: 0.1}
  - {name: sum, op: add, inputs: [conv2, conv1_pool], density: 0.5}
  - {name: pool, op: avgpool2d, inputs: [sum], kernel: 16}
  - {name: fc, op: linear, inputs: [pool], out_features: 10, fires: false}
"""


def test_layers_and_their_defaults(tmp_path: Path) -> None:
    found = workload(tmp_path, CHAIN.replace("conv1_pool", "conv2"))
    assert (found.name, found.timesteps, found.images) == ("net", 4, 16)
    assert [layer.name for layer in found.layers] == ["conv1", "conv1_pool", "conv2", "sum", "pool", "fc"]
    assert [layer.in_shape for layer in found.layers] == [
        (3, 32, 32),
        (16, 32, 32),
        (16, 16, 16),
        (16, 16, 16),
        (16, 16, 16),
        (16, 1, 1),
    ]
    assert [layer.word_bits for layer in found.layers] == [8, 4, 4, 4, 5, 13]
    assert [layer.timesteps for layer in found.layers] == [1, 4, 4, 4, 4, 4]
    assert [layer.weight_bits for layer in found.layers] == [8, 0, 8, 0, 0, 8]
    assert found.layers[4].stride == (16, 16)
    assert found.layers[-1].out_word_bits == 32
    assert found.notes == (
        "conv1_pool: 2x2 max pool inferred, as conv1 makes 16x32x32 and conv2 consumes 16x16x16",
        "all words are drawn at random, at the densities of the workload file",
    )


def test_words_flow_through_the_graph(tmp_path: Path) -> None:
    found = workload(tmp_path, CHAIN.replace("conv1_pool", "conv2"))
    pooled = found.output_words("conv1_pool", 0)
    assert np.array_equal(found.input_words("conv2", 0), pooled)
    assert np.array_equal(found.output_words("conv1", 0).reshape(16, 16, 2, 16, 2).max(axis=(2, 4)), pooled)
    assert np.count_nonzero(pooled) / pooled.size == pytest.approx(0.3, abs=0.03)
    total = found.output_words("sum", 0)
    assert np.array_equal(total, found.input_words("sum", 0, 0) + found.input_words("sum", 0, 1))
    sums = found.output_words("pool", 0)
    assert np.array_equal(sums.reshape(16), total.reshape(16, -1).sum(axis=1))
    assert found.output_words("fc", 0).dtype == np.int64
    assert found.parameters("conv2") is None
    assert found.drawn == ("conv1", "conv1_pool", "conv2", "fc")


def test_words_depend_on_seed_image_and_layer_alone(tmp_path: Path) -> None:
    one, other = workload(tmp_path, CHAIN.replace("conv1_pool", "conv2")), None
    other = read_workload(tmp_path / "w.yaml")
    for layer in reversed(other.layers):
        assert np.array_equal(other.input_words(layer.name, 2), one.input_words(layer.name, 2))
    assert not np.array_equal(one.input_words("conv1", 0), one.input_words("conv1", 1))
    assert np.array_equal(one.input_words("conv1", 0), one.input_words("conv1", 16))
    seeded = read_workload(tmp_path / "w.yaml", seed=1)
    assert not np.array_equal(seeded.input_words("conv1", 0), one.input_words("conv1", 0))


def test_layers_without_inputs_read_fresh_words(tmp_path: Path) -> None:
    found = workload(
        tmp_path,
        "  - {name: a, op: conv2d, in_shape: [8, 9, 9], out_channels: 8, kernel: 1, density: 0.5}\n"
        "  - {name: b, op: conv2d, in_shape: [8, 9, 9], out_channels: 8, kernel: 1, density: 0.5}\n",
    )
    assert [layer.inputs for layer in found.layers] == [(), ()]
    assert not np.array_equal(found.input_words("b", 0), found.output_words("a", 0))
    assert found.output_words("b", 0).shape == (8, 9, 9)


def test_a_gemm_is_a_convolution_of_one_tap(tmp_path: Path) -> None:
    found = workload(tmp_path, "  - {name: g0, op: gemm, m: 100, n: 10, k: 784, density: 0.2}\n")
    (layer,) = found.layers
    assert (layer.op, layer.in_shape, layer.out_shape, layer.kernel) == ("conv2d", (784, 100, 1), (10, 100, 1), (1, 1))
    assert layer.dense_macs == 100 * 10 * 784
    words = found.input_words("g0", 0)
    assert np.count_nonzero(words) / words.size == pytest.approx(0.2, abs=0.01)


def test_bits_a_step_and_time_steps_of_a_layer(tmp_path: Path) -> None:
    text = "  - {name: a, op: gemm, m: 4, n: 4, k: 4, density: 1, timesteps: 2, bits_per_step: 3, weight_bits: 4}\n"
    (layer,) = workload(tmp_path, text).layers
    assert (layer.timesteps, layer.bits_per_step, layer.word_bits, layer.weight_bits) == (2, 3, 6, 4)


def test_weight_density_is_that_of_the_layer(tmp_path: Path) -> None:
    found = workload(tmp_path, "  - {name: a, op: gemm, m: 4, n: 4, k: 4, density: 1, weight_density: 0.5}\n")
    assert found.layers[0].weight_density == 0.5
    assert found.notes[0] == "a: zero weights are drawn at its weight_density; they count on arrays that skip them"


def test_two_consumers_of_the_same_words_share_a_density(tmp_path: Path) -> None:
    text = (
        "  - {name: a, op: conv2d, in_shape: [8, 9, 9], out_channels: 8, kernel: 1, density: 1}\n"
        "  - {name: b, op: conv2d, inputs: [a], out_channels: 8, kernel: 1, density: 0.5}\n"
        "  - {name: c, op: conv2d, inputs: [a], out_channels: 8, kernel: 1%s}\n"
    )
    found = workload(tmp_path, text % "")
    assert np.array_equal(found.input_words("b", 0), found.input_words("c", 0))
    assert problems(tmp_path, text % ", density: 0.4") == [
        "FILE:6: layers[2].density: differs from that of b, which consumes the same words (got 0.4)"
    ]


def test_keys_are_checked_with_their_lines(tmp_path: Path) -> None:
    assert problems(
        tmp_path,
        "  - {name: a, op: conv3d, density: 1}\n"
        "  - {name: b, op: conv2d, in_shape: [3, 8, 8], out_channels: 4, density: 1}\n"
        "  - {name: c, op: gemm, m: 1, n: 2, density: 2}\n"
        "  - {name: d, op: linear, out_features: 4, density: 1}\n"
        "  - {name: e, op: conv2d, in_shape: [3, 8, 8], out_channels: 4, kernel: 3, strides: 2, density: 1}\n"
        "  - {name: f, op: conv2d, in_shape: [3, 8, 8], out_channels: 4, kernel: 3, heads: 3, density: 1}\n"
        "  - {name: g, op: linear, in_shape: [8], out_features: 4, out_channels: 4, density: 1}\n"
        "  - {name: h h, op: linear, in_shape: [8], out_features: 4, density: 1, spatial_correlation: -1}\n",
    ) == [
        "FILE:4: layers[0].op: is not one of the choices; did you mean conv2d? (got 'conv3d'); "
        "allowed: conv2d, linear, attention_scores, attention_values, maxpool2d, avgpool2d, add, concat, upsample, "
        "gemm",
        "FILE:5: layers[1].kernel: is missing: conv2d needs it",
        "FILE:6: layers[2].density: must be at most 1 (got 2)",
        "FILE:7: layers[3].in_shape: is missing: without inputs, words come from DRAM in this shape",
        "FILE:8: layers[4].strides: unknown key; did you mean stride?; allowed: bit_density, bits_per_step, "
        "channel_correlation, density, dilation, factor, fires, groups, heads, in_shape, inputs, k, kernel, kind, m, "
        "n, name, neighbour_correlation, op, out_channels, out_features, out_word_bits, padding, spatial_correlation, "
        "stride, timesteps, weight_bits, weight_density, word_bits, word_shares",
        "FILE:9: layers[5].heads: belongs to attention_scores and attention_values, not to conv2d (got 3)",
        "FILE:10: layers[6].out_channels: belongs to conv2d, not to linear",
        "FILE:11: layers[7].name: must be a name without spaces, commas and slashes (got 'h h')",
        "FILE:11: layers[7].spatial_correlation: must be at least 0 (got -1)",
    ]


def test_rules_over_layers_are_checked_with_their_lines(tmp_path: Path) -> None:
    base = "  - {name: a, op: conv2d, in_shape: [8, 9, 9], out_channels: 8, kernel: 1"
    assert problems(tmp_path, base + "}\n  - {name: b, op: conv2d, inputs: [a], out_channels: 8, kernel: 1}\n") == [
        "FILE:4: layers[0].density: is missing: the share of nonzero words consumed; allowed: 0 to 1",
        "FILE:5: layers[1].density: is missing: the share of nonzero words consumed; allowed: 0 to 1",
    ]
    assert problems(tmp_path, base + ", density: 0.4, bit_density: 0.5}\n") == [
        "FILE:4: layers[0].bit_density: does not go with density 0.4 and words of 4 bits (got 0.5); allowed: 0.1 to 0.4"
    ]
    assert problems(tmp_path, base + ", density: 1}\n  - {name: b, op: maxpool2d, inputs: [c], kernel: 2}\n") == [
        "FILE:5: layers[1].inputs: names no layer before this one (got 'c'); allowed: a"
    ]
    assert problems(tmp_path, base + ", density: 1, timesteps: 33}\n") == [
        "FILE:4: layers[0].word_bits: is too wide (got 33); allowed: at most 32"
    ]
    assert problems(tmp_path, base + ", density: 1, spatial_correlation: 0.6, channel_correlation: 0.6}\n") == [
        "FILE:4: layers[0].channel_correlation: is more than spatial_correlation leaves (got 0.6)"
    ]


def test_the_full_width_resnet(tmp_path: Path) -> None:
    found = read_workload(RESNET)
    assert len(found.layers) == 30
    assert found.timesteps == 4
    weighted = [entry for entry in network_statistics(found) if entry.dense_macs]
    # 11,173,962 parameters, of which 4,800 channels' batch norms (2 each) are folded into thresholds and 10 are biases.
    assert sum(entry.weight_bytes for entry in weighted) == 11_173_962 - 2 * 4_800 - 10
    assert sum(entry.dense_macs for entry in weighted) == 555_422_720
    block = next(entry for entry in weighted if entry.layer.name == "layer2.0.conv2")
    assert block.nonzero_words / block.words == pytest.approx(0.42, abs=0.01)
    assert block.ones / block.bits == pytest.approx(0.14, abs=0.01)
    after = next(entry for entry in weighted if entry.layer.name == "layer2.0.conv1")
    assert after.layer.word_bits == 6
    assert after.nonzero_words > block.nonzero_words


def test_bit_statistics(tmp_path: Path) -> None:
    gemm = "  - {name: %s, op: gemm, m: 40, n: 4, k: 200, density: 0.5, %s}\n"
    found = workload(
        tmp_path,
        gemm % ("a", "bit_density: [0.1, 0.3, 0.2, 0.4]")
        + gemm % ("b", "timesteps: 2, word_shares: [0.7, 0, 0.3], neighbour_correlation: 0.5"),
    )
    words = found.input_words("a", 0)
    planes = [np.count_nonzero(words >> plane & 1) / words.size for plane in (3, 2, 1, 0)]
    assert planes == pytest.approx([0.1, 0.3, 0.2, 0.4], abs=0.03)
    counts = np.bincount(found.input_words("b", 0).reshape(-1), minlength=4)
    assert counts[0] == 4000
    assert counts[1:] / 4000 == pytest.approx([0.7, 0, 0.3], abs=0.04)


def test_bit_statistics_are_checked_with_their_lines(tmp_path: Path) -> None:
    gemm = "  - {name: %s, op: gemm, m: 4, n: 4, k: 4, density: 0.4, %s}\n"
    assert problems(
        tmp_path,
        gemm % ("a", "bit_density: [0.1, 0.2]")
        + gemm % ("b", "bit_density: [0.1, 0.5, 0.1, 0.1]")
        + gemm % ("c", "bit_density: [0.1, 0.1, 0.1, 0.05]")
        + gemm % ("d", "timesteps: 2, word_shares: [0.5, 0.5]")
        + gemm % ("e", "timesteps: 2, word_shares: [0.5, 0.5, 0.5]")
        + gemm % ("f", "timesteps: 9, word_shares: [0.5, 0.5]"),
    ) == [
        "FILE:4: layers[0].bit_density: must be one number, or 4 for words of that many bits (got 2)",
        "FILE:5: layers[1].bit_density: does not go with density 0.4 and words of 4 bits (got 0.5); "
        "allowed: at most 0.4 in a plane",
        "FILE:6: layers[2].bit_density: does not go with density 0.4 and words of 4 bits in the mean (got 0.0875); "
        "allowed: 0.1 to 0.4",
        "FILE:7: layers[3].word_shares: must have 3 values for words of 2 bits (got 2)",
        "FILE:8: layers[4].word_shares: must sum to 1 (got 1.5)",
        "FILE:9: layers[5].word_shares: are given for words of 9 bits; "
        "allowed: words of up to 8 bits; bit_density beyond",
    ]
    assert problems(
        tmp_path,
        gemm % ("a", "timesteps: 1, word_shares: [1], bit_density: 0.4")
        + "  - {name: b, op: gemm, m: 4, n: 4, k: 4, neighbour_correlation: 0.5}\n",
    ) == [
        "FILE:4: layers[0].word_shares: says more than bit_density: give one of them",
        "FILE:5: layers[1].neighbour_correlation: says nothing without density",
    ]


def test_sizes_that_are_no_sizes(tmp_path: Path) -> None:
    text = "  - {name: a, op: conv2d, in_shape: [3, 8], out_channels: 4, kernel: [3, 3, 3], padding: -1, density: 1}\n"
    assert problems(tmp_path, text) == [
        "FILE:4: layers[0].kernel: must be one number or two (got [3, 3, 3]); allowed: N or [rows, columns]",
        "FILE:4: layers[0].in_shape: must be one number or three (got [3, 8]); "
        "allowed: [features] or [channels, rows, columns]",
        "FILE:4: layers[0].padding: must be at least 0 (got -1)",
    ]
    assert problems(tmp_path, "  []\n") == ["FILE:3: layers: holds no layer"]


def test_a_kernel_that_does_not_fit(tmp_path: Path) -> None:
    text = (
        "  - {name: a, op: conv2d, in_shape: [3, 8, 8], out_channels: 4, kernel: 9, density: 1}\n"
        "  - {name: b, op: conv2d, inputs: [a], out_channels: 4, kernel: 3, density: 1}\n"
    )
    assert problems(tmp_path, text) == [
        "FILE:4: layers[0].kernel: does not fit into the map 3x8x8 (got (9, 9))",
        "FILE:5: layers[1].kernel: does not fit into the map 4x0x0 (got (3, 3))",
    ]
