"""A quantised network before the number of time steps is chosen, and the integer network that it becomes at any T."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InputError, Problem
from accelsim.reference.ann import Activation, Ann
from accelsim.reference.network import Network
from accelsim.reference.node import Node, output_shape
from accelsim.reference.quantise import Floats, bits_needed, integer_bias, requantise, thresholds
from accelsim.reference.rails import split
from accelsim.reference.spikes import LARGEST_WORD_BITS
from accelsim.workload.layer import ARRAY_OPS, ATTENTION_OPS, WEIGHTED_OPS, Layer, Shape
from accelsim.workload.workload import Parameters

ACCUMULATOR_BITS = 32
"""Width of the accumulators that leave a layer without neurons."""


@dataclass(frozen=True)
class Model:
    """A network with integer weights whose activations are still real numbers.

    Image words are unsigned integers of `image_bits` bits, each worth `image_step`; where the image is signed
    (`image_rails`) they are its rails, and `image_shape` counts both. Per layer with weights: `weights` int8
    [out_channels, in_channels / groups, kernel rows, kernel columns], their `scale` and the real `bias`, float64
    [out_channels]. `gain` multiplies the sums of attention products (1 where it is missing), `ceiling` bounds the
    activations of layers that have one. `full_scale` holds for each stream the activation of the largest word at
    T = 1, 2, ..; its last entry serves all larger T. `outputs` names the layers that are the network's answer, the
    last one where it is empty. `images` were not seen in training; `labels` are their classes, or none.
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
    gain: Mapping[str, float] = field(default_factory=dict)
    ceiling: Mapping[str, float] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    image_rails: bool = False

    @property
    def answers(self) -> tuple[str, ...]:
        """`outputs`, or the last layer where none are named."""
        return self.outputs or (self.nodes[-1].name,)

    def step(self, stream: str, timesteps: int) -> float:
        """The activation that one unit of a word of the stream stands for at T time steps."""
        table = self.full_scale[stream]
        largest = float(table[min(timesteps, len(table)) - 1])
        return largest / ((1 << timesteps) - 1)

    def encode(self, images: NDArray[Any]) -> NDArray[np.int32]:
        """Words [image, channels, rows, columns] of images.

        Integers are words already; real numbers, as the network eats them, are rounded to words and, where the image
        is signed, split into rails first. Raises `InputError` for images of another shape.
        """
        if np.issubdtype(images.dtype, np.integer):
            return self._shaped(images).astype(np.int32)
        real = self._shaped(split(images) if self.image_rails else images)
        return np.clip(np.rint(real / self.image_step), 0, 2**self.image_bits - 1).astype(np.int32)

    def _shaped(self, images: NDArray[Any]) -> NDArray[Any]:
        if images.shape[1:] != self.image_shape:
            allowed = f"[image, {', '.join(map(str, self.image_shape))}]"
            raise InputError(Problem("images of the wrong shape", key="images", value=images.shape, allowed=allowed))
        return images


@dataclass(frozen=True, slots=True)
class Flow:
    """What travels along an edge: words of a shape, up to a largest value, each unit worth a step."""

    shape: Shape
    largest: int
    step: float
    spikes: bool


def integer_network(model: Model, timesteps: int, weight_bits: int = 8) -> Network:
    """The SpikePack network of the model at T time steps and 1 to 8 bits a weight: weights, thresholds and widths.

    Raises `InputError` for time steps or weight bits out of range, and where integers or words would be too wide.
    """
    problems = [
        Problem(f"{what} out of range", key=key, value=value, allowed=f"1 to {largest}")
        for key, what, value, largest in (
            ("timesteps", "time steps", timesteps, LARGEST_WORD_BITS),
            ("weight_bits", "weight bits", weight_bits, 8),
        )
        if not 1 <= value <= largest
    ]
    if problems:
        raise InputError(problems)
    flows = {"": image_flow(model)}
    layers = []
    parameters: dict[str, Parameters] = {}
    for node in model.nodes:
        sources = [flows[name] for name in node.inputs or ("",)]
        result, own = _layer_out(model, node, sources, timesteps, weight_bits)
        flows[node.name] = result
        bits = 0
        if own is not None:
            parameters[node.name] = own
            bits = bits_needed(model.weights[node.name], weight_bits) if node.op in WEIGHTED_OPS else 0
        layers.append(_layer(node, sources, result, timesteps, bits))
    return Network(model.name, tuple(layers), parameters, timesteps)


def image_flow(model: Model) -> Flow:
    """The words of the image."""
    return Flow(model.image_shape, 2**model.image_bits - 1, model.image_step, spikes=False)


def units(model: Model, timesteps: int, weight_bits: int = 8) -> dict[str, float]:
    """What one unit of the words, or of the accumulators, that leave each layer is worth at T time steps."""
    flows = {"": image_flow(model)}
    for node in model.nodes:
        sources = [flows[name] for name in node.inputs or ("",)]
        flows[node.name], _ = _layer_out(model, node, sources, timesteps, weight_bits)
    return {name: flow.step for name, flow in flows.items() if name}


def output_unit(model: Model, layer: str, timesteps: int, weight_bits: int = 8) -> float:
    """`units` of one layer."""
    return units(model, timesteps, weight_bits)[layer]


def ann_of(model: Model) -> Ann:
    """The network of real numbers that the model is: its weights times their scale, real activations, no rounding.

    It eats `encode(images) * image_step`.
    """
    return Ann(
        name=model.name,
        input_shape=model.image_shape,
        nodes=model.nodes,
        weights={
            name: (weights * model.scale[name][:, None, None, None]).astype(np.float32)
            for name, weights in model.weights.items()
        },
        bias=model.bias,
        activation={
            node.name: Activation(ceiling=model.ceiling.get(node.name, inf)) for node in model.nodes if node.stream
        },
        gain=model.gain,
        outputs=model.outputs,
    )


def _layer(node: Node, sources: list[Flow], result: Flow, timesteps: int, weight_bits: int) -> Layer:
    first = sources[0]
    word_bits = max(source.largest.bit_length() for source in sources)
    if node.op in ATTENTION_OPS:
        word_bits, weight_bits = first.largest.bit_length(), sources[1].largest.bit_length()
    spikes = all(source.spikes for source in sources)
    signed = node.op in WEIGHTED_OPS and not node.stream
    joined = node.op == "concat"
    return Layer(
        name=node.name,
        op=node.op,
        inputs=node.inputs,
        in_shape=result.shape if joined else first.shape,
        out_shape=result.shape,
        kernel=node.kernel,
        stride=node.stride,
        padding=node.padding,
        weight_bits=weight_bits,
        kind="spikes" if spikes else "integers",
        timesteps=timesteps if spikes else 1,
        bits_per_step=1 if spikes else word_bits,
        word_bits=word_bits,
        out_word_bits=ACCUMULATOR_BITS if signed else result.largest.bit_length(),
        fires=bool(node.stream) or node.op not in ARRAY_OPS,
        groups=node.groups,
        dilation=node.dilation,
        factor=node.factor,
        operand_channels=tuple(source.shape[0] for source in sources) if joined else (),
    )


def _layer_out(
    model: Model, node: Node, sources: list[Flow], timesteps: int, weight_bits: int
) -> tuple[Flow, Parameters | None]:
    """The words that leave a layer, and its integers where it has weights or thresholds."""
    first = sources[0]
    weights = model.weights.get(node.name)
    shape = output_shape(node, [source.shape for source in sources], 0 if weights is None else len(weights))
    spikes = all(source.spikes for source in sources)
    if node.op not in ARRAY_OPS:
        window = prod(node.kernel)
        if node.op == "avgpool2d":
            return Flow(shape, first.largest * window, first.step / window, spikes=False), None
        summed = sum if node.op == "add" else max
        return Flow(shape, summed(source.largest for source in sources), first.step, spikes), None
    step_in = first.step
    if weights is None:
        scale = np.full(shape[0], model.gain.get(node.name, 1.0) * sources[1].step)
        if not node.stream:
            largest = first.largest * sources[1].largest * (first.shape[0] // node.groups)
            return Flow(shape, largest, float(scale[0]) * step_in, spikes=False), None
        weights, bias = np.zeros((shape[0], 0, 1, 1), dtype=np.int8), np.zeros(shape[0])
    else:
        bits = bits_needed(weights, weight_bits)
        weights, scale = requantise(weights, model.scale[node.name], bits, per_channel=bool(node.stream))
        bias = model.bias[node.name]
    if node.stream:
        result = Flow(shape, (1 << timesteps) - 1, model.step(node.stream, timesteps), spikes=True)
        theta = thresholds(scale, step_in, result.step, f"{model.name}.{node.name}")
    else:
        result = Flow(shape, 2 ** (ACCUMULATOR_BITS - 1) - 1, float(scale[0]) * step_in, spikes=False)
        theta = np.ones(len(weights), dtype=np.int64)
    return result, Parameters(
        weights, integer_bias(bias, scale, step_in, f"{model.name}.{node.name}") + theta // 2, theta
    )
