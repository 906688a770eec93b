"""A small trace: a convolution on an image, a pool, a convolution, a residual add, a linear layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

Meta = dict[str, Any]
Arrays = dict[str, Any]


@pytest.fixture
def meta() -> Meta:
    return {
        "format": "accelsim-trace",
        "version": 1,
        "network": "small",
        "dataset": "noise",
        "images": 2,
        "timesteps": 4,
        "encoding": {"form": "packed", "neuron": "spikepack", "tau": 2, "reset": "subtract", "comparator": ">="},
        "bit_order": "first step = most significant bit",
        "layers": [
            {
                "name": "conv1",
                "op": "conv2d",
                "inputs": [],
                "in_shape": [3, 8, 8],
                "out_shape": [4, 8, 8],
                "kernel": 3,
                "padding": 1,
                "weight_bits": 8,
                "kind": "integers",
                "word_bits": 8,
            },
            {
                "name": "pool1",
                "op": "maxpool2d",
                "inputs": ["conv1"],
                "in_shape": [4, 8, 8],
                "out_shape": [4, 4, 4],
                "kernel": 2,
            },
            {
                "name": "conv2",
                "op": "conv2d",
                "inputs": ["pool1"],
                "in_shape": [4, 4, 4],
                "out_shape": [4, 4, 4],
                "kernel": [3, 3],
                "stride": [1, 1],
                "padding": [1, 1],
                "weight_bits": 8,
            },
            {
                "name": "add",
                "op": "add",
                "inputs": ["conv2", "pool1"],
                "in_shape": [4, 4, 4],
                "out_shape": [4, 4, 4],
                "out_word_bits": 5,
            },
            {
                "name": "fc",
                "op": "linear",
                "inputs": ["add"],
                "in_shape": [64],
                "out_shape": [10],
                "word_bits": 5,
                "fires": False,
            },
        ],
    }


@pytest.fixture
def arrays() -> Arrays:
    rng = np.random.default_rng(7)
    pooled = rng.integers(0, 16, (2, 4, 4, 4), dtype=np.uint8)
    second = rng.integers(0, 16, (2, 4, 4, 4), dtype=np.uint8)
    return {
        "in/conv1": rng.integers(0, 256, (2, 3, 8, 8), dtype=np.uint8),
        "in/conv2": pooled,
        "out/conv2": second,
        "in/fc": (pooled + second).reshape(2, 64),
        "out/fc": rng.integers(-1000, 1000, (2, 10), dtype=np.int32),
        "weights/conv2": rng.integers(-128, 128, (4, 4, 3, 3), dtype=np.int8),
        "bias/conv2": np.arange(4),
        "theta/conv2": np.arange(1, 5),
        "weights/fc": rng.integers(-128, 128, (10, 64), dtype=np.int8),
        "labels": np.array([3, 8]),
    }
