"""From a torch module with packed neurons, directly trained, to the integer network that a chip runs.

The module computes sums over values theta z, normalises them, and rounds. With the normalisation folded into the
scales of the weights that is a `Model`, at the one T that it was trained for, whose full scales were learnt.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, fx, nn

from accelsim.errors import InputError, Problem
from accelsim.reference.model import Model, integer_network
from accelsim.reference.network import Network
from accelsim.reference.node import Node, window_shape
from accelsim.reference.quantise import fold_batch_norm, thresholds
from accelsim.training.neuron import PackedNeuron, largest_word
from accelsim.training.quantise import rounded_weights, write_rounded

Floats = NDArray[np.float64]
Shape = tuple[int, int, int]

PASSED = (nn.Identity, nn.Dropout, nn.Dropout2d, nn.Flatten)
"""Modules that leave words as they are: a linear layer reads a map of words without flattening it."""

SUPPORTED = (
    "convolutions and linear layers, batch normalisation and packed neurons after them, max and mean pooling, sums of "
    "words, flattening, dropout"
)

WEAKEST_CHANNEL = 2.0**-20
"""Floor of a channel's scale relative to the strongest: one that normalisation switched off has no threshold."""


def packed_model(module: nn.Module, input_shape: Shape, *, name: str = "packed", image_step: float = 1 / 255) -> Model:
    """The model of a module whose images [n, channels, rows, columns] are words of 8 bits times `image_step`.

    Its weights must read as `quantised`; those of a layer without neurons in one scale for all channels. Layers bear
    the names of the modules that hold their weights; layers that fire through one neuron share its step. Raises
    `InputError` with every part of the module that has no counterpart.
    """
    return _Reading(module, input_shape, image_step).model(name)


def packed_network(
    module: nn.Module, input_shape: Shape, *, name: str = "packed", image_step: float = 1 / 255
) -> Network:
    """The integer network of the module at its own T, comparator and weight bits. Raises like `packed_model`.

    Thresholds and biases are rounded to integers, which few bits a weight make coarse: see `settle`.
    """
    reading = _Reading(module, input_shape, image_step)
    neuron = next(iter(reading.neurons.values()))
    network = integer_network(reading.model(name), neuron.timesteps)
    bits = {sums.node.name: sums.weight_bits for sums in reading.sums}
    layers = tuple(replace(layer, weight_bits=bits.get(layer.name, 0)) for layer in network.layers)
    return replace(network, layers=layers, comparator=neuron.comparator)


def settle(module: nn.Module, input_shape: Shape, *, image_step: float = 1 / 255) -> None:
    """Move the module's gains and biases to where `packed_network`, which stays the same, has rounded them.

    From then on the module in evaluation mode fires the words of that network, all of them, in float64; in float32
    while U / theta is good to 1 / (4 theta). Raises like `packed_model`.
    """
    for sums in _Reading(module, input_shape, image_step).sums:
        sums.settle()


@dataclass(frozen=True, slots=True)
class _Map:
    """Words on an edge: who makes them, in which shape, what a unit is worth, and which neuron fired them."""

    name: str
    shape: Shape
    step: float
    stream: str = ""


@dataclass(frozen=True)
class _Sums:
    """A layer's y = scale * integers * words * step + bias, scale and bias [out_channels], and the neuron on it."""

    node: Node
    shape: Shape
    step: float
    weights: nn.Conv2d | nn.Linear
    integers: Floats
    scale: Floats
    bias: Floats
    weight_bits: int
    norm: nn.BatchNorm1d | nn.BatchNorm2d | None = None
    neuron: PackedNeuron | None = None

    @property
    def theta(self) -> Floats:
        """Thresholds in units of the membrane, integers; 1 without a neuron."""
        if self.neuron is None:
            return np.ones_like(self.scale)
        return thresholds(self.scale, self.step, self._theta).astype(np.float64)

    @property
    def offset(self) -> Floats:
        """What is added to a membrane before it is compared with multiples of theta, integers."""
        return np.rint((self.bias + self._half) / (self.scale * self.step))

    @property
    def model_bias(self) -> Floats:
        """The bias of a model, whose integer network adds half a threshold, rounded down."""
        half = self.theta // 2 if self.neuron else 0
        return (self.offset - half) * self.scale * self.step

    @property
    def _theta(self) -> float:
        assert self.neuron is not None
        return float(self.neuron.theta.detach())

    @property
    def _half(self) -> float:
        return self._theta / 2 if self.neuron and self.neuron.rounding == "nearest" else 0.0

    def settle(self) -> None:
        """Write gain and bias so that real sums and thresholds are multiples of the unit of the membrane."""
        scale, offset = self.scale, self.offset
        if self.neuron is not None:
            scale = self._theta / (self.theta * self.step)
            # Where an integer meets a multiple of theta exactly, floating point must not decide.
            offset = offset + (0.25 if self.neuron.comparator == ">=" else -0.25)
        bias = offset * scale * self.step - self._half
        with torch.no_grad():
            if self.norm is None:
                write_rounded(self.weights, _tensor(self.integers), _tensor(scale))
                self.weights.bias = nn.Parameter(_tensor(bias).to(self.weights.weight))
            else:
                spread = np.sqrt(_array(self.norm.running_var) + self.norm.eps)
                sign = np.where(_array(self.norm.weight) < 0, -1.0, 1.0)
                gain = sign * scale * spread / _array(rounded_weights(self.weights).scale)
                before = 0.0 if self.weights.bias is None else _array(self.weights.bias)
                self.norm.weight.copy_(_tensor(gain))
                self.norm.bias.copy_(_tensor(bias - gain / spread * (before - _array(self.norm.running_mean))))


_Value = _Map | _Sums | None
"""None follows from what was refused."""


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, PackedNeuron) or super().is_leaf_module(m, module_qualified_name)


class _Reading:
    """One walk over the module's graph: its nodes, their sums, and the neurons that fire on them by stream."""

    def __init__(self, module: nn.Module, input_shape: Shape, image_step: float) -> None:
        self.nodes: list[Node] = []
        self.sums: list[_Sums] = []
        self.neurons: dict[str, PackedNeuron] = {}
        self._problems: list[Problem] = []
        self._modules = dict(module.named_modules())
        self._image = _Map("", input_shape, image_step)
        values: dict[fx.Node, _Value] = {}
        for place in _Tracer().trace(module).nodes:
            operands = [values[operand] for operand in place.all_input_nodes]
            known = [operand for operand in operands if operand is not None]
            values[place] = self._read(place, known) if len(known) == len(operands) else None
        if not self._problems:
            self._check_neurons()
        if self._problems:
            raise InputError(self._problems)

    def model(self, name: str) -> Model:
        return Model(
            name=name,
            dataset="",
            image_shape=self._image.shape,
            image_bits=8,
            image_step=self._image.step,
            nodes=tuple(self.nodes),
            weights={sums.node.name: sums.integers.astype(np.int8) for sums in self.sums},
            scale={sums.node.name: sums.scale for sums in self.sums},
            bias={sums.node.name: sums.model_bias for sums in self.sums},
            full_scale={
                stream: np.array([float(neuron.theta.detach()) * largest_word(neuron.timesteps)])
                for stream, neuron in self.neurons.items()
            },
        )

    def _read(self, place: fx.Node, operands: list[_Map | _Sums]) -> _Value:
        if place.op == "placeholder":
            return self._image
        if place.op == "output":
            for operand in operands:
                if isinstance(operand, _Sums):
                    self._emit(operand)
            return None
        if place.op == "call_module" and len(operands) == 1:
            return self._apply(str(place.target), operands[0])
        if place.target in (torch.flatten, "flatten") and len(operands) == 1:
            return operands[0]
        if place.target in (operator.add, torch.add, "add") and len(operands) == 2:
            return self._add(place.name, operands)
        return self._refuse(place.name, "no counterpart for this operation", str(place.target), SUPPORTED)

    def _apply(self, name: str, operand: _Map | _Sums) -> _Value:
        module = self._modules[name]
        if isinstance(module, PASSED):
            return operand
        if isinstance(operand, _Sums):
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                return self._normalise(operand, name, module)
            if isinstance(module, PackedNeuron):
                return self._fire(operand, name, module)
            fired = "sums that no neuron fired on"
        else:
            if isinstance(module, nn.Conv2d | nn.Linear):
                return self._weigh(operand, name, module)
            if isinstance(module, nn.MaxPool2d | nn.AvgPool2d | nn.AdaptiveAvgPool2d):
                return self._pool(operand, name, module)
            fired = "words"
        return self._refuse(name, f"no counterpart for this module on {fired}", type(module).__name__, SUPPORTED)

    def _weigh(self, source: _Map, name: str, module: nn.Conv2d | nn.Linear) -> _Value:
        try:
            rounded = rounded_weights(module)
        except ValueError as error:
            return self._refuse(name, str(error), type(module).__name__, "quantised(module, bits)")
        weights, scale = _array(rounded.integers), _array(rounded.scale)
        inputs = (source.name,) if source.name else ()
        if isinstance(module, nn.Linear):
            weights = weights.reshape(len(weights), *source.shape)
            node = Node(name, "linear", inputs, kernel=source.shape[1:])
        else:
            if isinstance(module.padding, str) or module.padding_mode != "zeros":
                value = f"{module.padding}, {module.padding_mode}"
                return self._refuse(name, "padding is not a number of zeros", value, "padding=(rows, columns)")
            node = Node(
                name,
                "conv2d",
                inputs,
                kernel=_pair(module.kernel_size),
                stride=_pair(module.stride),
                padding=_pair(module.padding),
                dilation=_pair(module.dilation),
                groups=module.groups,
            )
        shape = (len(weights), *window_shape(source.shape[1:], node))
        bias = np.zeros(len(weights)) if module.bias is None else _array(module.bias)
        return _Sums(node, shape, source.step, module, weights, scale, bias, rounded.bits)

    def _normalise(self, sums: _Sums, name: str, norm: nn.BatchNorm1d | nn.BatchNorm2d) -> _Value:
        """A channel whose normalisation turns its sign gets weights of the other sign: scales are positive."""
        if not (norm.affine and norm.track_running_stats) or sums.norm is not None:
            return self._refuse(name, "normalises twice, or without gain or statistics", str(norm), "one, with both")
        mean, variance, gain, offset = map(_array, (norm.running_mean, norm.running_var, norm.weight, norm.bias))
        scale, bias = fold_batch_norm(sums.scale, mean - sums.bias, variance, gain, offset, norm.eps)
        sign = np.where(gain < 0, -1.0, 1.0)
        floor = WEAKEST_CHANNEL * np.abs(scale).max() or 1.0
        integers = sums.integers * sign.reshape(-1, *[1] * (sums.integers.ndim - 1))
        return replace(sums, integers=integers, scale=np.maximum(np.abs(scale), floor), bias=bias, norm=norm)

    def _fire(self, sums: _Sums, stream: str, neuron: PackedNeuron) -> _Map:
        self.neurons[stream] = neuron
        self._emit(replace(sums, node=replace(sums.node, stream=stream), neuron=neuron))
        return _Map(sums.node.name, sums.shape, float(neuron.theta.detach()), stream)

    def _emit(self, sums: _Sums) -> None:
        if not sums.node.stream and np.ptp(sums.scale) > 0:
            rule = "channels that are compared have several scales"
            self._refuse(sums.node.name, rule, len(np.unique(sums.scale)), "quantised(module, bits, per_channel=False)")
        self.nodes.append(sums.node)
        self.sums.append(sums)

    def _pool(self, source: _Map, name: str, module: nn.MaxPool2d | nn.AvgPool2d | nn.AdaptiveAvgPool2d) -> _Value:
        if isinstance(module, nn.AdaptiveAvgPool2d):
            if _pair(module.output_size) != (1, 1):
                return self._refuse(name, "windows may differ", str(module.output_size), "1")
            node = Node(name, "avgpool2d", (source.name,), kernel=source.shape[1:], stride=source.shape[1:])
        else:
            kernel, stride, padding = (_pair(size) for size in (module.kernel_size, module.stride, module.padding))
            mean = isinstance(module, nn.AvgPool2d)
            unlike = (mean and module.divisor_override) or (not mean and _pair(module.dilation) != (1, 1))
            if unlike or module.ceil_mode or (mean and not module.count_include_pad and padding != (0, 0)):
                return self._refuse(name, "no counterpart for these windows", str(module), "whole windows")
            node = Node(name, "avgpool2d" if mean else "maxpool2d", (source.name,), kernel, stride, padding)
        self.nodes.append(node)
        shape = (source.shape[0], *window_shape(source.shape[1:], node))
        if node.op == "maxpool2d":
            return replace(source, name=name, shape=shape)
        return _Map(name, shape, source.step / (node.kernel[0] * node.kernel[1]))

    def _add(self, name: str, operands: list[_Map | _Sums]) -> _Value:
        first, second = operands
        if not (isinstance(first, _Map) and isinstance(second, _Map)):
            return self._refuse(name, "no counterpart for a sum of sums that no neuron fired on", "add", SUPPORTED)
        if not first.stream or (first.stream, first.shape) != (second.stream, second.shape):
            value = [f"{list(operand.shape)} of {operand.stream or 'no neuron'}" for operand in (first, second)]
            return self._refuse(name, "operands of a sum differ", value, "words of one shape, fired by one neuron")
        self.nodes.append(Node(name, "add", (first.name, second.name)))
        return replace(first, name=name)

    def _check_neurons(self) -> None:
        if not self.neurons:
            self._refuse("", "no packed neurons", None, "PackedNeuron")
        for what, of in (("timesteps", "one T"), ("comparator", "one comparator")):
            found = {stream: getattr(neuron, what) for stream, neuron in self.neurons.items()}
            if len(set(found.values())) > 1:
                self._refuse("", f"neurons differ in their {what}", found, of)
        for stream, neuron in self.neurons.items():
            if neuron.tau != 2:
                self._refuse(stream, "words of this neuron are not integers", neuron.tau, "tau = 2")

    def _refuse(self, key: str, rule: str, value: object, allowed: str) -> _Value:
        self._problems.append(Problem(rule, key=key, value=value, allowed=allowed))
        return None


def _array(tensor: Tensor | None) -> Floats:
    assert tensor is not None
    return tensor.detach().cpu().numpy().astype(np.float64)


def _tensor(array: Floats) -> Tensor:
    return torch.from_numpy(array)


def _pair(sizes: object) -> tuple[int, int]:
    rows, columns = sizes if isinstance(sizes, tuple) else (sizes, sizes)
    return int(rows), int(columns)
