"""Random networks of real numbers with every operator, for whatever must hold of all of them."""

from __future__ import annotations

import random

import numpy as np

from accelsim.reference.ann import RELU, Activation, Ann
from accelsim.reference.node import Node, output_shape
from accelsim.workload.layer import Shape

ACTIVATIONS = (None, RELU, RELU, Activation(0.1), Activation(ceiling=1.5), Activation(2.0))
OPS = ("conv2d", "conv2d", "depthwise", "maxpool2d", "avgpool2d", "add", "concat", "upsample", "attention")


class _Builder:
    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.rng = np.random.default_rng(seed)
        self.shapes: dict[str, Shape] = {}
        self.positive: set[str] = set()
        self.nodes: list[Node] = []
        self.weights: dict[str, np.ndarray] = {}
        self.bias: dict[str, np.ndarray] = {}
        self.activation: dict[str, Activation] = {}
        self.gain: dict[str, float] = {}

    def put(self, node: Node, outs: int = 0, activation: Activation | None = None, positive: bool = False) -> str:
        sources = [self.shapes[name] for name in node.inputs or ("",)]
        if outs:
            members = sources[0][0] // node.groups
            spread = np.sqrt(members * node.kernel[0] * node.kernel[1])
            self.weights[node.name] = (self.rng.normal(size=(outs, members, *node.kernel)) / spread).astype(np.float32)
            self.bias[node.name] = self.rng.normal(size=outs) / 4
        if activation:
            self.activation[node.name] = activation
        if positive or (activation and not activation.slope):
            self.positive.add(node.name)
        self.shapes[node.name] = output_shape(node, sources, outs)
        self.nodes.append(node)
        return node.name

    def conv(self, source: str, outs: int, activation: Activation | None) -> str:
        shape = self.shapes[source]
        kernel = self.draw.choice([1, 2, 3])
        groups = self.draw.choice([n for n in (1, 2, 4) if not shape[0] % n and not outs % n])
        padding = self.draw.choice([0, 1]) if kernel > 1 else 0
        dilation = 2 if kernel == 2 and padding and min(shape[1:]) > 2 else 1
        if min(shape[1:]) + 2 * padding < kernel:
            kernel, padding = 1, 0
        stride = self.draw.choice([(1, 1), (1, 1), (2, 1)])
        node = Node(
            f"n{len(self.nodes)}",
            "conv2d",
            (source,) if source else (),
            (kernel, kernel),
            stride,
            (padding, padding),
            dilation=(dilation, dilation),
            groups=groups,
        )
        return self.put(node, outs, activation)

    def step(self) -> None:
        names = list(self.shapes)[1:]
        name, activation = f"n{len(self.nodes)}", self.draw.choice(ACTIVATIONS)
        source = self.draw.choice(names[-3:]) if names else ""
        shape, op = self.shapes[source], self.draw.choice(OPS) if names else "conv2d"
        fits = [other for other in names if self.shapes[other] == shape]
        if op == "conv2d":
            self.conv(source, self.draw.choice([2, 3, 4]), activation)
        elif op == "depthwise":
            self.put(Node(name, "conv2d", (source,), groups=shape[0]), shape[0] * self.draw.choice([1, 2]), activation)
        elif op == "maxpool2d" and source in self.positive:
            self.put(Node(name, op, (source,), (2, 2), (1, 2), (1, 1)), 0, activation, True)
        elif op == "avgpool2d":
            self.put(Node(name, op, (source,), (2, 2), (2, 1), (1, 0) if shape[2] > 1 else (1, 1)), 0, activation)
        elif op == "add":
            other = self.draw.choice(fits)
            positive = {source, other} <= self.positive and not (activation and activation.slope)
            self.put(Node(name, op, (source, other)), 0, activation, positive)
        elif op == "concat":
            sizes = [other for other in names if self.shapes[other][1:] == shape[1:] and self.shapes[other][0] < 9]
            inputs = (source, *self.draw.choices(sizes or [source], k=self.draw.choice([1, 2])))
            self.put(Node(name, op, inputs), 0, activation)
        elif op == "upsample" and shape[1] * shape[2] < 40:
            self.put(Node(name, op, (source,), factor=(2, 1)), 0, activation)
        elif op == "attention" and shape[1] * shape[2] < 30:
            q, k = (self.put(Node(f"{name}{x}", "conv2d", (source,)), 4, RELU) for x in "qk")
            v = self.put(Node(f"{name}v", "conv2d", (source,)), 4, self.draw.choice(ACTIVATIONS))
            scores = self.put(Node(f"{name}s", "attention_scores", (q, k), groups=2), 0, None, True)
            self.put(Node(name, "attention_values", (scores, v), groups=2), 0, activation)
            self.gain |= {scores: 0.25, name: 1 / (shape[1] * shape[2])}


def random_ann(seed: int, layers: int = 8) -> Ann:
    """A network of that many layers or a little fewer, then a linear layer; its activations are of the order of 1."""
    builder = _Builder(seed)
    builder.shapes[""] = (builder.draw.choice([1, 3, 4]), 5, builder.draw.choice([4, 6]))
    for _ in range(layers):
        builder.step()
    last = builder.nodes[-1].name
    builder.put(Node("answer", "linear", (last,), builder.shapes[last][1:]), 3)
    others = tuple(builder.draw.sample([node.name for node in builder.nodes[:-1]], 1))
    return Ann(
        f"random{seed}",
        builder.shapes[""],
        tuple(builder.nodes),
        builder.weights,
        builder.bias,
        builder.activation,
        builder.gain,
        ("answer", *others),
    )
