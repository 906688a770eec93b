"""Networks of a few small layers with words computed by the untimed model: workloads that run in milliseconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import Problem
from accelsim.reference.network import Network, run
from accelsim.workload.graph import input_shape, link, output_shape
from accelsim.workload.layer import ARRAY_OPS, ATTENTION_OPS, Layer, Op
from accelsim.workload.workload import Parameters

Shape = tuple[int, int, int]
WORD_BITS = 4


class SmallWorkload:
    """A `Workload` of the given layers; words, weights and thresholds are drawn from a seed, outputs computed."""

    name = "small"
    timesteps = WORD_BITS
    drawn: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    source: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self, layers: Sequence[Layer], images: int = 2, density: float = 0.4, seed: int = 1) -> None:
        random = np.random.default_rng(seed)
        self.layers = tuple(layers)
        self.images = images
        self.seed = seed
        self._parameters = {layer.name: draw_parameters(layer, random) for layer in layers if layer.op in ARRAY_OPS}
        shapes = {layer.in_shape for layer in layers if not layer.inputs}
        assert len(shapes) == 1, "all first layers consume the same image"
        shape = shapes.pop()
        words = random.integers(1, 1 << WORD_BITS, (images, *shape))
        self._images = np.where(random.random(words.shape) < density, words, 0)
        network = Network(self.name, self.layers, self._parameters, WORD_BITS)
        self._outputs = [run(network, image) for image in self._images]

    def replace_images(self, images: NDArray[np.integer[Any]]) -> SmallWorkload:
        """The same network with the given words [images, channels, rows, columns]."""
        self.images = len(images)
        self._images = np.asarray(images)
        network = Network(self.name, self.layers, self._parameters, WORD_BITS)
        self._outputs = [run(network, image) for image in self._images]
        return self

    def input_words(self, layer: str, image: int, operand: int = 0) -> NDArray[np.uint16]:
        inputs = next(other for other in self.layers if other.name == layer).inputs
        if not inputs:
            return self._images[image % self.images].astype(np.uint16)
        return self._outputs[image % self.images][inputs[operand]].astype(np.uint16)

    def output_words(self, layer: str, image: int) -> NDArray[np.int64]:
        return self._outputs[image % self.images][layer]

    def parameters(self, layer: str) -> Parameters | None:
        return self._parameters.get(layer)


def draw_parameters(layer: Layer, random: np.random.Generator) -> Parameters:
    """Small weights and a threshold at which about half of the neurons fire."""
    channels = layer.out_shape[0]
    theta = np.full(channels, 24 if layer.fires else 1, np.int64)
    if layer.op in ATTENTION_OPS:
        return Parameters(np.zeros((channels, 0, 1, 1), np.int8), np.zeros(channels, np.int64), theta * layer.fan_in)
    weights = random.integers(-8, 9, (channels, layer.group_inputs, *layer.kernel)).astype(np.int8)
    return Parameters(weights, random.integers(-10, 30, channels), theta)


def conv(name: str, in_shape: Shape, channels: int, kernel: int = 3, inputs: tuple[str, ...] = ()) -> Layer:
    """A convolution with stride 1 that keeps the size of the map."""
    return Layer(
        name=name,
        op="conv2d",
        inputs=inputs,
        in_shape=in_shape,
        out_shape=(channels, *in_shape[1:]),
        kernel=(kernel, kernel),
        padding=(kernel // 2, kernel // 2),
        weight_bits=8,
        timesteps=WORD_BITS,
        word_bits=WORD_BITS,
        out_word_bits=WORD_BITS,
    )


def max_pool(name: str, source: Layer) -> Layer:
    """A 2x2 max pool of what `source` makes."""
    channels, rows, columns = source.out_shape
    return Layer(
        name=name,
        op="maxpool2d",
        inputs=(source.name,),
        in_shape=source.out_shape,
        out_shape=(channels, rows // 2, columns // 2),
        kernel=(2, 2),
        stride=(2, 2),
        timesteps=WORD_BITS,
        word_bits=source.out_word_bits,
        out_word_bits=source.out_word_bits,
    )


def add(name: str, first: Layer, second: Layer) -> Layer:
    """The sum of what two layers make: one bit wider."""
    return Layer(
        name=name,
        op="add",
        inputs=(first.name, second.name),
        in_shape=first.out_shape,
        out_shape=first.out_shape,
        timesteps=WORD_BITS,
        word_bits=first.out_word_bits,
        out_word_bits=first.out_word_bits + 1,
    )


def linear(name: str, source: Layer, features: int) -> Layer:
    """A layer without neurons over all that `source` makes."""
    return Layer(
        name=name,
        op="linear",
        inputs=(source.name,),
        in_shape=source.out_shape,
        out_shape=(features, 1, 1),
        kernel=source.out_shape[1:],
        weight_bits=8,
        timesteps=WORD_BITS,
        word_bits=source.out_word_bits,
        out_word_bits=32,
        fires=False,
    )


def residual_layers(channels: int = 24, size: int = 8) -> tuple[Layer, ...]:
    """One layer of every operator: two convolutions, their sum, a max pool and a linear layer."""
    first = conv("first", (3, size, size), channels)
    second = conv("second", first.out_shape, channels, inputs=("first",))
    summed = add("summed", first, second)
    pooled = max_pool("pooled", summed)
    return first, second, summed, pooled, linear("scores", pooled, 10)


def operator_layers(size: int = 6) -> tuple[Layer, ...]:
    """A network with every operator: grouped, depthwise and dilated, attention, joined, repeated, globally pooled."""
    layers: list[Layer] = []
    shapes: dict[str, Shape] = {}

    def append(name: str, op: Op, *inputs: str, channels: int = 0, in_shape: Shape | None = None, **keys: Any) -> None:
        shape = in_shape or input_shape(op, [shapes[name] for name in inputs])
        weight_bits = 8 if op in ("conv2d", "linear") else 0
        layer = Layer(name, op, inputs, shape, (channels, 1, 1), timesteps=WORD_BITS, weight_bits=weight_bits, **keys)
        layer = replace(layer, out_shape=output_shape(layer), word_bits=0 if inputs else WORD_BITS, out_word_bits=0)
        shapes[name] = layer.out_shape
        layers.append(layer)

    three: dict[str, Any] = {"kernel": (3, 3), "padding": (1, 1)}
    append("stem", "conv2d", in_shape=(3, size, size), channels=20, **three)
    append("depthwise", "conv2d", "stem", channels=20, groups=20, **three)
    append("dilated", "conv2d", "depthwise", channels=8, groups=4, kernel=(3, 3), padding=(2, 2), dilation=(2, 2))
    for name in ("q", "k", "v"):
        append(name, "conv2d", "dilated", channels=8)
    append("scores", "attention_scores", "q", "k", groups=2, fires=False)
    append("values", "attention_values", "scores", "v", channels=8, groups=2)
    append("joined", "concat", "values", "stem", "dilated")
    append("halved", "maxpool2d", "joined", kernel=(2, 2), stride=(2, 2))
    append("doubled", "upsample", "halved", factor=(2, 2))
    append("summed", "add", "doubled", "joined")
    append("pooled", "avgpool2d", "summed", kernel=(size, size), stride=(size, size))
    append("scores10", "linear", "pooled", channels=10, fires=False)

    def place(index: int, key: str, rule: str, value: object, allowed: str) -> Problem:
        return Problem(rule, key=f"{index}.{key}", value=value, allowed=allowed)

    return link(layers, WORD_BITS, place).layers
