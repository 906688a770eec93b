"""A network of real numbers, as frameworks train it: what a conversion to spikes starts from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import inf

import numpy as np
from numpy.typing import NDArray

from accelsim.reference.node import Node, output_shape
from accelsim.reference.reals import Reals, column_bytes, compute
from accelsim.workload.layer import Shape

BATCH_BYTES = 1 << 26
"""Scratch memory of a forward pass; so many images go through it at once as their largest layer leaves room for."""


@dataclass(frozen=True, slots=True)
class Activation:
    """y = x between 0 and `ceiling`, `ceiling` above it, `slope` x below 0: a ReLU unless said otherwise."""

    slope: float = 0.0
    ceiling: float = inf

    def __call__(self, values: Reals) -> Reals:
        below = np.float32(self.slope) * np.minimum(values, 0) if self.slope else np.float32(0)
        return np.clip(values, 0, self.ceiling) + below


RELU = Activation()
IDENTITY = Activation(slope=1.0)


@dataclass(frozen=True)
class Ann:
    """Nodes in execution order, batch normalisation folded.

    `weights` float32 [out_channels, in_channels / groups, kernel rows, kernel columns] and `bias` float64
    [out_channels] of convolutions and linear layers; a linear layer is the convolution whose kernel covers its input.
    `activation` of nodes that have one; the others pass what they compute. `gain` multiplies the sums of attention
    products (1 where it is missing). `avgpool2d` is the mean here, padding counted. `input_shape` is (channels, rows,
    columns); nodes without inputs consume it. `outputs` names the nodes whose values are the network's answer: the
    last one where it is empty.
    """

    name: str
    input_shape: tuple[int, int, int]
    nodes: tuple[Node, ...]
    weights: Mapping[str, Reals]
    bias: Mapping[str, NDArray[np.float64]]
    activation: Mapping[str, Activation] = field(default_factory=dict)
    gain: Mapping[str, float] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()

    @property
    def answers(self) -> tuple[str, ...]:
        """`outputs`, or the last node where none are named."""
        return self.outputs or (self.nodes[-1].name,)

    def shapes(self) -> dict[str, Shape]:
        """(channels, rows, columns) of every node's values, and of the image under no name."""
        shapes: dict[str, Shape] = {"": self.input_shape}
        for node in self.nodes:
            operands = [shapes[name] for name in node.inputs or ("",)]
            shapes[node.name] = output_shape(node, operands, len(self.weights.get(node.name, ())))
        return shapes


def forward(ann: Ann, images: NDArray[np.floating], names: Iterable[str] | None = None) -> dict[str, Reals]:
    """Values float32 [images, channels, rows, columns] of the named nodes, after their activations; by default of
    the network's outputs. `images`: [images, channels, rows, columns] as the network eats them."""
    wanted = tuple(ann.answers if names is None else names)
    parts: dict[str, list[Reals]] = {name: [] for name in wanted}
    for batch in batches(ann, images):
        for name, values in walk(ann, batch, wanted):
            parts[name].append(values)
    return {name: np.concatenate(values) for name, values in parts.items()}


def batches(ann: Ann, images: NDArray[np.floating]) -> Iterator[Reals]:
    """The images float32, as many at a time as `BATCH_BYTES` leave room for."""
    shapes = ann.shapes()
    needed = (column_bytes(node, *_split(shapes[(node.inputs or ("",))[0]])) for node in ann.nodes)
    count = max(1, BATCH_BYTES // max(1, *needed))
    for start in range(0, len(images), count):
        yield images[start : start + count].astype(np.float32)


def walk(ann: Ann, images: Reals, names: Iterable[str]) -> Iterator[tuple[str, Reals]]:
    """The named nodes' values for a batch, in execution order; what no later node consumes is let go."""
    wanted = set(names)
    last = {name: node for node in ann.nodes for name in node.inputs or ("",)}
    values = {"": images}
    for node in ann.nodes:
        operands = [values[name] for name in node.inputs or ("",)]
        result = compute(
            node, operands, ann.weights.get(node.name), ann.bias.get(node.name), ann.gain.get(node.name, 1.0)
        )
        if node.name in ann.activation:
            result = ann.activation[node.name](result)
        for name in node.inputs or ("",):
            if last[name] is node:
                values.pop(name, None)
        if node.name in last:
            values[node.name] = result
        if node.name in wanted:
            yield node.name, result


def _split(shape: Shape) -> tuple[int, tuple[int, int]]:
    return shape[0], shape[1:]
