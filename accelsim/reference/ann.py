"""A network of real numbers, as frameworks train it: what a conversion to spikes starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf

import numpy as np
from numpy.typing import NDArray

from accelsim.reference.node import Node

Reals = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Activation:
    """y = x between 0 and `ceiling`, `ceiling` above it, `slope` x below 0: a ReLU unless said otherwise."""

    slope: float = 0.0
    ceiling: float = inf


IDENTITY = Activation(slope=1.0)


@dataclass(frozen=True)
class Ann:
    """Nodes in execution order, batch normalisation folded.

    `weights` float32 [out_channels, in_channels / groups, kernel rows, kernel columns] and `bias` float64
    [out_channels] of convolutions and linear layers; a linear layer is the convolution whose kernel covers its input.
    `activation` of nodes that have one; the others pass what they compute. `gain` multiplies the sums of attention
    products (1 where it is missing). `avgpool2d` is the mean here. `input_shape` is (channels, rows, columns); nodes
    without inputs consume it. `outputs` names the nodes whose values are the network's answer.
    """

    name: str
    input_shape: tuple[int, int, int]
    nodes: tuple[Node, ...]
    weights: Mapping[str, Reals]
    bias: Mapping[str, NDArray[np.float64]]
    activation: Mapping[str, Activation] = field(default_factory=dict)
    gain: Mapping[str, float] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
