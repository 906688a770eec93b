from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim.stats.sparsity import ones
from accelsim.workload.statistics import layer_statistics, network_statistics
from accelsim.workload.trace import Trace, read_trace, write_trace

Meta = dict[str, Any]
Arrays = dict[str, Any]


@pytest.fixture
def trace(tmp_path: Path, meta: Meta, arrays: Arrays) -> Trace:
    write_trace(tmp_path / "t.npz", meta, arrays)
    return read_trace(tmp_path / "t.npz")


def test_counts_of_the_words_consumed(trace: Trace, arrays: Arrays) -> None:
    found = layer_statistics(trace, "conv2", images=2)
    words = arrays["in/conv2"]
    assert (found.layer.name, found.images) == ("conv2", 2)
    assert found.words == words.size == 128
    assert found.nonzero_words == np.count_nonzero(words)
    assert found.bits == 4 * 128
    assert found.ones == int(ones(words).sum(dtype=np.int64))
    assert sum(found.ones_by_plane) == found.ones
    assert 3 < found.entropy_bits <= 4


def test_work_of_a_padded_convolution(trace: Trace, arrays: Arrays) -> None:
    found = layer_statistics(trace, "conv2")
    words = arrays["in/conv2"][0]
    fan_out = 4 * np.outer([2, 3, 3, 2], [2, 3, 3, 2])
    assert found.synops == int((ones(words) * fan_out).sum())
    assert found.word_macs == int(((words > 0) * fan_out).sum())
    assert 0 < found.effective_macs <= found.word_macs
    assert found.effective_acs == 0
    assert found.dense_macs == 4 * 16 * 4 * 9


def test_work_of_a_linear_layer(trace: Trace, arrays: Arrays) -> None:
    found = layer_statistics(trace, "fc")
    words = arrays["in/fc"][0]
    assert found.word_macs == 10 * np.count_nonzero(words)
    weights = arrays["weights/fc"] != 0
    assert found.effective_macs == int((weights & (words > 0)).sum())
    assert found.bit_budget == 8 * 5
    assert found.s_ace == 640 * 40
    # Without padding every set bit is one b_w-bit operation, so that NS-ACE = b_w synops.
    assert found.ns_ace == pytest.approx(8 * found.synops)


def test_one_bit_words_accumulate(tmp_path: Path, meta: Meta, arrays: Arrays) -> None:
    meta["timesteps"] = 1
    meta["layers"] = [meta["layers"][0] | {"kind": "spikes", "word_bits": 1, "fires": False}]
    write_trace(tmp_path / "t.npz", meta, {"in/conv1": arrays["in/conv1"] & 1})
    found = layer_statistics(read_trace(tmp_path / "t.npz"), "conv1")
    assert found.effective_macs == 0
    assert found.effective_acs == found.word_macs == found.synops


def test_layers_without_weights_do_no_synaptic_work(trace: Trace) -> None:
    for name in ("pool1", "add"):
        found = layer_statistics(trace, name)
        assert (found.synops, found.word_macs, found.dense_macs, found.s_ace, found.ns_ace) == (0, 0, 0, 0, 0.0)
        assert (found.weight_bytes, found.footprint_bytes) == (0, 0)
    assert layer_statistics(trace, "add").words == 2 * 64


def test_bytes(trace: Trace) -> None:
    found = layer_statistics(trace, "conv2", images=2)
    assert found.weight_bytes == 4 * 4 * 9
    assert found.input_bytes == found.output_bytes == 64 // 2
    assert found.footprint_bytes == 4 * 4 * 9 + 4 * (64 + 2 * 4)


def test_images_beyond_the_recorded_ones_repeat(trace: Trace) -> None:
    one, two, four = (layer_statistics(trace, "conv2", images) for images in (1, 2, 4))
    assert four.synops == 2 * two.synops
    assert one.synops < two.synops


def test_a_network_of_the_size_of_vgg_16_takes_no_time(tmp_path: Path) -> None:
    """About as many words and multiply-accumulates as the layers of VGG-16 for a 32x32 image together have."""
    shape = [64, 64, 64]
    layer = {"name": "conv", "op": "conv2d", "in_shape": shape, "out_shape": shape, "kernel": 3, "padding": 1}
    meta = {"format": "accelsim-trace", "version": 1, "network": "wide", "images": 1, "timesteps": 4, "layers": [layer]}
    words = np.random.default_rng(0).integers(0, 16, (1, *shape), dtype=np.uint8)
    write_trace(tmp_path / "t.npz", meta, {"in/conv": words})
    trace = read_trace(tmp_path / "t.npz")
    began = time.perf_counter()
    (found,) = network_statistics(trace)
    assert time.perf_counter() - began < 0.3
    assert found.words == 64**3
