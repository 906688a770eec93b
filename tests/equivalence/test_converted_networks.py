"""Converted networks, with every operator and rails, on a simulated chip: each word is the reference model's."""

from pathlib import Path

import numpy as np
import pytest
from random_anns import random_ann

import accelsim
from accelsim.reference.convert import convert
from accelsim.reference.trace_maker import make_trace
from accelsim.workload.trace import read_trace, write_trace

ARCH = Path(__file__).parents[2] / "arch_configs" / "spikepack.yaml"


@pytest.mark.parametrize(("seed", "timesteps", "weight_bits"), [(0, 4, 8), (1, 1, 8), (3, 8, 1), (6, 3, 2), (15, 2, 4)])
def test_every_word_of_a_converted_network_is_computed(seed: int, timesteps: int, weight_bits: int, tmp_path) -> None:
    ann = random_ann(seed)
    images = np.random.default_rng(seed).normal(size=(2, *ann.input_shape)).astype(np.float32)
    made = make_trace(convert(ann, images, per_channel=bool(seed % 2)), timesteps, images, weight_bits)
    write_trace(tmp_path / "trace.npz", made.meta, made.arrays)
    trace = read_trace(tmp_path / "trace.npz")
    assert len(trace.layers) > len(ann.nodes)
    result = accelsim.simulate(accelsim.load_arch(ARCH), trace, verify=True)
    assert result.report["total"]["cycles"] > 0
