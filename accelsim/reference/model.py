"""A quantised network before the number of time steps is chosen, and the integer network that it becomes at any T."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from accelsim.reference.convert import Floats, integer_bias, requantise, thresholds
from accelsim.reference.network import Network
from accelsim.reference.node import Node, window_shape
from accelsim.workload.layer import ARRAY_OPS, Layer, Op
from accelsim.workload.workload import Parameters

MODEL_OPS: tuple[Op, ...] = ("conv2d", "linear", "maxpool2d", "avgpool2d", "add")
"""Operators that a trained network of this kind may have."""

ACCUMULATOR_BITS = 32
"""Width of the accumulators that leave a layer without neurons."""


@dataclass(frozen=True)
class Model:
    """A network with integer weights whose activations are still real numbers.

    Image words are unsigned integers of `image_bits` bits, each worth `image_step`. Per layer with weights: `weights`
    int8 [out_channels, in_channels, kernel rows, kernel columns], their `scale` and the real `bias`, float64
    [out_channels]. `full_scale` holds for each stream the activation of the largest word at T = 1, 2, ..; its last
    entry serves all larger T. `images` and `labels` were not seen in training.
    """

    name: str
    dataset: str
    image_shape: tuple[int, int, int]
    image_bits: int
    image_step: float
    nodes: tuple[Node, ...]
    weights: Mapping[str, NDArray[np.int8]]
    scale: Mapping[str, Floats]
    bias: Mapping[str, Floats]
    full_scale: Mapping[str, Floats]
    images: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((0, 0, 0, 0), dtype=np.uint8))
    labels: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def step(self, stream: str, timesteps: int) -> float:
        """The activation that one unit of a word of the stream stands for at T time steps."""
        table = self.full_scale[stream]
        largest = float(table[min(timesteps, len(table)) - 1])
        return largest / ((1 << timesteps) - 1)


@dataclass(frozen=True, slots=True)
class _Flow:
    """What travels along an edge: words of a shape, up to a largest value, each unit worth a step."""

    shape: tuple[int, int, int]
    largest: int
    step: float
    spikes: bool


def integer_network(model: Model, timesteps: int, weight_bits: int = 8) -> Network:
    """The SpikePack network of the model at T time steps and 2 to 8 bits a weight: weights, thresholds and widths."""
    flows = {"": _Flow(model.image_shape, 2**model.image_bits - 1, model.image_step, spikes=False)}
    layers = []
    parameters: dict[str, Parameters] = {}
    for node in model.nodes:
        sources = [flows[name] for name in node.inputs or ("",)]
        weighted = node.op in ARRAY_OPS
        result = _flow_out(model, node, sources, timesteps)
        flows[node.name] = result
        if weighted:
            weights, scale = requantise(model.weights[node.name], model.scale[node.name], weight_bits)
            step_in = sources[0].step
            theta = thresholds(scale, step_in, result.step) if node.stream else np.ones(len(weights), dtype=np.int64)
            bias = integer_bias(model.bias[node.name], scale, step_in) + theta // 2
            parameters[node.name] = Parameters(weights, bias, theta)
        word_bits = max(source.largest.bit_length() for source in sources)
        spikes = all(source.spikes for source in sources)
        layers.append(
            Layer(
                name=node.name,
                op=node.op,
                inputs=node.inputs,
                in_shape=sources[0].shape,
                out_shape=result.shape,
                kernel=node.kernel,
                stride=node.stride,
                padding=node.padding,
                weight_bits=weight_bits if weighted else 0,
                kind="spikes" if spikes else "integers",
                timesteps=timesteps if spikes else 1,
                bits_per_step=1 if spikes else word_bits,
                word_bits=word_bits,
                out_word_bits=result.largest.bit_length() if node.stream or not weighted else ACCUMULATOR_BITS,
                fires=bool(node.stream) or not weighted,
            )
        )
    return Network(model.name, tuple(layers), parameters, timesteps)


def _flow_out(model: Model, node: Node, sources: list[_Flow], timesteps: int) -> _Flow:
    first = sources[0]
    window = node.kernel[0] * node.kernel[1]
    if node.op == "add":
        return _Flow(
            first.shape, sum(source.largest for source in sources), first.step, all(source.spikes for source in sources)
        )
    rows, columns = window_shape(first.shape[1:], node)
    if node.op == "maxpool2d":
        return _Flow((first.shape[0], rows, columns), first.largest, first.step, first.spikes)
    if node.op == "avgpool2d":
        return _Flow((first.shape[0], rows, columns), first.largest * window, first.step / window, spikes=False)
    shape = (len(model.weights[node.name]), rows, columns)
    if not node.stream:
        return _Flow(shape, 2 ** (ACCUMULATOR_BITS - 1) - 1, 1.0, spikes=False)
    return _Flow(shape, (1 << timesteps) - 1, model.step(node.stream, timesteps), spikes=True)
