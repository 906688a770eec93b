"""ResNet-18 of random weights as a network of real numbers, for benchmarks that look at no accuracy."""

from __future__ import annotations

import numpy as np

from accelsim.reference.ann import RELU, Activation, Ann
from accelsim.reference.node import Node

BLOCKS = (2, 2, 2, 2)
"""Residual blocks of each stage (He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, CVPR 2016)."""


def resnet18(size: int = 224, width: int = 64, classes: int = 1000, seed: int = 0) -> Ann:
    """ResNet-18 on size x size images of 3 channels, activations after the residual sums, He's random weights."""
    rng = np.random.default_rng(seed)
    nodes: list[Node] = []
    weights: dict[str, np.ndarray] = {}
    bias: dict[str, np.ndarray] = {}
    activation: dict[str, Activation] = {}

    def convolution(name: str, source: str, inputs: int, outputs: int, kernel: int, stride: int, act: bool) -> str:
        sources = (source,) if source else ()
        nodes.append(Node(name, "conv2d", sources, (kernel,) * 2, (stride,) * 2, (kernel // 2,) * 2))
        fan_in = inputs * kernel * kernel
        weights[name] = rng.normal(0, (2 / fan_in) ** 0.5, (outputs, inputs, kernel, kernel)).astype(np.float32)
        bias[name] = np.zeros(outputs)
        if act:
            activation[name] = RELU
        return name

    convolution("conv1", "", 3, width, 7, 2, act=True)
    nodes.append(Node("maxpool", "maxpool2d", ("conv1",), (3, 3), (2, 2), (1, 1)))
    source, channels = "maxpool", width
    for stage, blocks in enumerate(BLOCKS):
        outputs = width << stage
        for block in range(blocks):
            name = f"layer{stage + 1}.{block}"
            stride = 2 if stage and not block else 1
            inner = convolution(f"{name}.conv1", source, channels, outputs, 3, stride, act=True)
            inner = convolution(f"{name}.conv2", inner, outputs, outputs, 3, 1, act=False)
            if stride > 1 or channels != outputs:
                source = convolution(f"{name}.downsample", source, channels, outputs, 1, stride, act=False)
            nodes.append(Node(f"{name}.add", "add", (inner, source)))
            activation[f"{name}.add"] = RELU
            source, channels = f"{name}.add", outputs
    side = size // 32
    nodes.append(Node("avgpool", "avgpool2d", (source,), (side, side), (side, side)))
    nodes.append(Node("fc", "linear", ("avgpool",)))
    weights["fc"] = rng.normal(0, channels**-0.5, (classes, channels, 1, 1)).astype(np.float32)
    bias["fc"] = np.zeros(classes)
    return Ann("resnet18", (3, size, size), tuple(nodes), weights, bias, activation)
