"""A network of real numbers rewritten so that only values that a spike can stand for travel in it: none is negative.

A signed value x travels as two, max(x, 0) on channel 2c and max(-x, 0) on channel 2c + 1 (its rails). Who makes it
has the weights [w, -w] interleaved over its outputs, who consumes it has them interleaved over its inputs, so that
nothing but the number of channels changes: the rewritten network computes what the given one does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InputError, Problem
from accelsim.reference.ann import IDENTITY, RELU, Activation, Ann
from accelsim.reference.node import Node
from accelsim.reference.reals import Reals
from accelsim.workload.layer import ATTENTION_OPS, WEIGHTED_OPS, Shape

BOTH = np.array([1.0, -1.0], dtype=np.float32)
"""A signed value from its rails, and its rails from it."""


def rails(ann: Ann, signed_image: bool = False) -> Ann:
    """The same network on values that are never negative: its outputs have the same names, shapes and values.

    - A layer of weights that others consume has a ReLU, with or without a ceiling; one whose activation lets negative
      values through makes rails. One without an activation that nobody consumes is an output as it is.
    - An `add` with an activation becomes a 1x1 convolution over the `concat` of its operands: a neuron with one
      synapse a branch. Other operators that neurons must follow are followed by a convolution of one synapse a
      neuron; where values meet, so is an operand that no neuron fired, that lacks rails, or whose ceiling is another.
    - Products of attention have a ReLU.

    With `signed_image` the image comes as rails too (`split`). Raises `InputError` naming every node that has no such
    form.
    """
    return _Rewrite(_early_activations(ann), signed_image, ann.shapes()).run()


def split(values: NDArray[np.floating]) -> Reals:
    """Rails [..., 2 channels, rows, columns] of signed values [..., channels, rows, columns]."""
    pairs = np.stack([np.maximum(values, 0), np.maximum(-values, 0)], axis=-3)
    return pairs.reshape(*values.shape[:-3], -1, *values.shape[-2:]).astype(np.float32)


def _early_activations(ann: Ann) -> Ann:
    """Activations of pools, concatenations and upsampled maps given to their producers, where nobody else sees these.

    They commute: an activation never decreases.
    """
    consumers: dict[str, int] = dict.fromkeys(ann.answers, 1)
    for node in ann.nodes:
        for name in node.inputs:
            consumers[name] = consumers.get(name, 0) + 1
    activation = dict(ann.activation)
    for node in reversed(ann.nodes):
        free = all(consumers[name] == 1 and name not in activation for name in node.inputs)
        if node.op in ("maxpool2d", "upsample", "concat") and node.name in activation and node.inputs and free:
            moved = activation.pop(node.name)
            activation |= dict.fromkeys(node.inputs, moved)
    return replace(ann, activation=activation)


@dataclass(frozen=True, slots=True)
class _Value:
    """Where a node's value is found: under which name, on how many channels before rails, and whether on rails.

    `ceiling` is that of the neurons that fired it, so that words which meet come from neurons of one range.
    """

    name: str
    channels: int
    signed: bool
    fired: bool
    ceiling: float = inf


@dataclass
class _Rewrite:
    ann: Ann
    signed_image: bool
    shapes: Mapping[str, Shape]
    nodes: list[Node] = field(default_factory=list)
    weights: dict[str, Reals] = field(default_factory=dict)
    bias: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    activation: dict[str, Activation] = field(default_factory=dict)
    gain: dict[str, float] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    relays: dict[tuple[str, bool], _Value] = field(default_factory=dict)

    def run(self) -> Ann:
        channels, *size = self.ann.input_shape
        values = {"": _Value("", channels, self.signed_image, False)}
        consumed = {name for node in self.ann.nodes for name in node.inputs}
        for node in self.ann.nodes:
            operands = [values[name] for name in node.inputs or ("",)]
            answers = node.name in self.ann.answers
            values[node.name] = self._node(node, operands, node.name in consumed, answers)
        if self.problems:
            raise InputError(self.problems)
        return Ann(
            self.ann.name,
            (2 * channels if self.signed_image else channels, size[0], size[1]),
            tuple(self.nodes),
            self.weights,
            self.bias,
            self.activation,
            self.gain,
            self.ann.answers,
        )

    def _node(self, node: Node, operands: list[_Value], consumed: bool, answers: bool) -> _Value:
        act = self.ann.activation.get(node.name, IDENTITY)
        if not 0 <= act.slope < inf or act.ceiling <= 0 or (act.slope and act.ceiling < inf):
            rule = "its activation has no form on rails"
            self._refuse(node, rule, act, "a slope of 0 or more, a ceiling above 0 only where the slope is 0")
        if node.op in WEIGHTED_OPS:
            weights = self.ann.weights[node.name]
            bias = self.ann.bias.get(node.name, np.zeros(len(weights)))
            if operands[0].signed:
                weights = _interleave(weights, 1, BOTH)
            if act == IDENTITY and answers and not consumed:
                self._put(replace(node, inputs=_names(operands)), weights, bias)
                return _Value(node.name, len(weights), False, False)
            signed = bool(act.slope) and not _never_negative(operands[0], weights, bias)
            made = self._neurons(node, operands, weights, bias, act, signed, answers)
        elif node.op in ATTENTION_OPS:
            made = self._attention(node, operands, act, answers)
        else:
            made = self._without_weights(node, operands, act, answers)
        if answers and made.signed:
            self._relay(node.name, made, BOTH[None, :], None)
        return made

    def _neurons(
        self,
        node: Node,
        operands: list[_Value],
        weights: Reals,
        bias: NDArray[np.float64],
        act: Activation,
        signed: bool,
        answers: bool,
    ) -> _Value:
        """A layer of weights that fires: on rails where `signed`."""
        channels = len(weights)
        if signed:
            pair = BOTH * np.array([1.0, act.slope], dtype=np.float32)
            weights, bias = _interleave(weights, 0, pair), _interleave(bias, 0, pair)
        name = self._name(f"{node.name}.rails") if signed and answers else node.name
        self._put(replace(node, name=name, inputs=_names(operands)), weights, bias, Activation(ceiling=act.ceiling))
        return _Value(name, channels, signed, True, act.ceiling)

    def _attention(self, node: Node, operands: list[_Value], act: Activation, answers: bool) -> _Value:
        first, second = operands
        if first.signed or (second.signed and node.op == "attention_scores"):
            rule = "multiplies values that may be negative"
            self._refuse(
                node, rule, ", ".join(node.inputs), "a ReLU after each (the second of attention_values is free)"
            )
        if self.ann.gain.get(node.name, 1.0) <= 0:
            self._refuse(node, "its gain is not positive", self.ann.gain[node.name], "above 0")
        late = second.signed and act != IDENTITY
        name = self._name(f"{node.name}.rails") if second.signed and (late or answers) else node.name
        self._put(
            replace(node, name=name, inputs=_names(operands)),
            activation=RELU if late else Activation(ceiling=act.ceiling),
        )
        self.gain[name] = self.ann.gain.get(node.name, 1.0)
        made = _Value(name, self.shapes[node.name][0], second.signed, True, inf if late else act.ceiling)
        return self._activate(node, made, act, answers) if late else made

    def _without_weights(self, node: Node, operands: list[_Value], act: Activation, answers: bool) -> _Value:
        signed = any(operand.signed for operand in operands)
        acts = (signed and act != IDENTITY) or act.ceiling < inf
        if node.op == "maxpool2d" and signed:
            rule = "takes the maximum of values that may be negative"
            self._refuse(node, rule, ", ".join(node.inputs) or "the image", "a ReLU before it, or after it alone")
        if node.op == "add" and acts:
            joined = self._name(f"{node.name}.operands")
            fired = self._meeting(operands)
            self._put(Node(joined, "concat", _names(fired)))
            unit = np.eye(operands[0].channels, dtype=np.float32)
            blocks = [_interleave(unit, 1, BOTH) if operand.signed else unit for operand in operands]
            weights = np.concatenate(blocks, axis=1)[:, :, None, None]
            source = [_Value(joined, weights.shape[1], False, True)]
            sum_ = Node(node.name, "conv2d")
            return self._neurons(sum_, source, weights, np.zeros(len(weights)), act, bool(act.slope), answers)
        if node.op in ("add", "concat"):
            operands = self._meeting(operands, signed)
        name = self._name(f"{node.name}.rails") if acts or (signed and answers) else node.name
        self._put(replace(node, name=name, inputs=_names(operands)))
        passes = node.op != "avgpool2d" and operands[0].fired
        made = _Value(name, self.shapes[node.name][0], signed, passes, operands[0].ceiling)
        return self._activate(node, made, act, answers) if acts else made

    def _activate(self, node: Node, value: _Value, act: Activation, answers: bool) -> _Value:
        """A convolution of one synapse a neuron that gives a value its activation."""
        weights = BOTH[None, :] if value.signed else np.ones((1, 1), dtype=np.float32)
        weights = np.tile(weights, (value.channels, 1))[:, :, None, None]
        after = Node(node.name, "conv2d", groups=value.channels)
        signed = value.signed and bool(act.slope)
        return self._neurons(after, [value], weights, np.zeros(len(weights)), act, signed, answers)

    def _meeting(self, values: list[_Value], signed: bool = False) -> list[_Value]:
        """Values as words of one step that neurons fire, on rails where `signed`.

        What has a ceiling and meets what has another is fired once more, so that its own ceiling still cuts it off.
        """
        fired = [
            value if value.fired and (value.signed or not signed) else self._again(value, signed) for value in values
        ]
        if len({value.ceiling for value in fired}) == 1:
            return fired
        return [value if value.ceiling == inf else self._again(value, signed) for value in fired]

    def _again(self, value: _Value, signed: bool) -> _Value:
        wanted = (value.name, value.signed or signed)
        if wanted not in self.relays:
            taken = np.eye(2, dtype=np.float32)[: 1 + wanted[1], : 1 + value.signed]
            name = self._name(f"{value.name or 'image'}.{'rails' if wanted[1] else 'words'}")
            self.relays[wanted] = self._relay(name, value, taken, RELU)
        return self.relays[wanted]

    def _relay(self, name: str, value: _Value, weights: Reals, act: Activation | None) -> _Value:
        """A convolution that takes each channel, of one or two rails, through `weights` [made, taken] by itself."""
        tiled = np.tile(weights, (value.channels, 1))[:, :, None, None].astype(np.float32)
        node = Node(name, "conv2d", _names([value]), groups=value.channels)
        self._put(node, tiled, np.zeros(len(tiled)), act)
        return _Value(name, value.channels, len(weights) == 2, act is not None)

    def _put(
        self,
        node: Node,
        weights: Reals | None = None,
        bias: NDArray[np.float64] | None = None,
        activation: Activation | None = None,
    ) -> None:
        self.nodes.append(node)
        if weights is not None and bias is not None:
            self.weights[node.name] = weights
            self.bias[node.name] = bias
        if activation is not None:
            self.activation[node.name] = activation

    def _name(self, wanted: str) -> str:
        taken = {node.name for node in (*self.ann.nodes, *self.nodes)}
        while wanted in taken:
            wanted += "'"
        return wanted

    def _refuse(self, node: Node, rule: str, value: object, allowed: str) -> None:
        self.problems.append(Problem(rule, key=f"{self.ann.name}.{node.name}", value=value, allowed=allowed))


def _names(values: list[_Value]) -> tuple[str, ...]:
    return tuple(value.name for value in values if value.name)


def _never_negative(source: _Value, weights: Reals, bias: NDArray[np.float64]) -> bool:
    return not source.signed and bool((weights >= 0).all() and (bias >= 0).all())


def _interleave(values: NDArray[Any], axis: int, pair: Reals) -> NDArray[Any]:
    """Every slice along an axis followed by itself, times the one and the other of the pair."""
    factors = np.tile(pair, values.shape[axis]).astype(values.dtype)
    made: NDArray[Any] = values.repeat(2, axis=axis) * factors.reshape(-1, *[1] * (values.ndim - axis - 1))
    return made
