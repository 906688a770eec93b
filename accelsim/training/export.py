"""From a torch module with packed neurons, directly trained, to the integer network that a chip runs.

The module computes sums over values theta z, normalises them, and rounds. With the normalisation folded into the
scales of the weights that is a `Model`, at the one T that it was trained for, whose full scales were learnt.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, replace
from math import prod
from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import fx, nn

from accelsim.errors import InputError, Problem
from accelsim.reference.model import Model, integer_network
from accelsim.reference.network import Network
from accelsim.reference.node import Node, output_shape
from accelsim.training.lif import LIF
from accelsim.training.neuron import PackedNeuron, largest_word
from accelsim.training.quantise import rounded_weights
from accelsim.training.sums import Norm, Sums, array
from accelsim.workload.layer import Shape

PASSED = (nn.Identity, nn.Dropout, nn.Dropout2d, nn.Flatten)
"""Modules that leave words as they are: a linear layer reads a map of words without flattening it."""

SUPPORTED = (
    "convolutions and linear layers, batch normalisation and packed neurons after them, max and mean pooling, "
    "upsampling, sums and concatenations of words, flattening, dropout"
)


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

    @property
    def inputs(self) -> tuple[str, ...]:
        """As a node that reads it names it: the image has no name."""
        return (self.name,) if self.name else ()


_Value = _Map | Sums | None
"""None follows from what was refused."""

_Pool: TypeAlias = nn.MaxPool2d | nn.AvgPool2d | nn.AdaptiveAvgPool2d


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, PackedNeuron | LIF) or super().is_leaf_module(m, module_qualified_name)


class _Reading:
    """One walk over the module's graph: its nodes, their sums, and the neurons that fire on them by stream."""

    def __init__(self, module: nn.Module, input_shape: Shape, image_step: float) -> None:
        self.nodes: list[Node] = []
        self.sums: list[Sums] = []
        self.neurons: dict[str, PackedNeuron] = {}
        self._problems: list[Problem] = []
        self._modules = dict(module.named_modules())
        self._image = _Map("", input_shape, image_step)
        self._outputs: tuple[str, ...] = ()
        self._used: set[str] = set()
        values: dict[fx.Node, _Value] = {}
        for place in self._trace(module):
            operands = [values[operand] for operand in place.all_input_nodes]
            known = [operand for operand in operands if operand is not None]
            values[place] = self._read(place, known) if len(known) == len(operands) else None
        if not self._problems:
            self._check_neurons()
        if self._problems:
            raise InputError(self._problems)

    def _trace(self, module: nn.Module) -> list[fx.Node]:
        try:
            places = list(_Tracer().trace(module).nodes)
        except fx.proxy.TraceError as error:
            raise InputError(Problem("what it computes depends on values", value=str(error))) from None
        images = [place.name for place in places if place.op == "placeholder"]
        if len(images) > 1:
            self._refuse("", "several inputs", ", ".join(images), "one: the images")
        return places

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
            outputs=self._outputs,
        )

    def _read(self, place: fx.Node, operands: list[_Map | Sums]) -> _Value:
        if place.op == "placeholder":
            return self._image
        if place.op == "output":
            for operand in operands:
                if isinstance(operand, Sums):
                    self._emit(operand)
            self._outputs = tuple(each.name if isinstance(each, _Map) else each.node.name for each in operands)
            return None
        if place.op == "call_module" and len(operands) == 1:
            return self._apply(place, operands[0])
        if place.target in (torch.flatten, "flatten") and len(operands) == 1:
            return operands[0]
        if place.target in (operator.add, operator.iadd, torch.add) and len(operands) == 2 and not place.kwargs:
            return self._join(place.name, "add", operands)
        if place.target in (torch.cat, torch.concat) and 1 in (*place.args[1:], place.kwargs.get("dim")):
            return self._join(place.name, "concat", operands)
        return self._refuse(place.name, "no counterpart for this operation", str(place.target), SUPPORTED)

    def _apply(self, place: fx.Node, operand: _Map | Sums) -> _Value:
        name = str(place.target)
        module = self._modules[name]
        if isinstance(module, PASSED):
            return operand
        if isinstance(operand, Sums):
            if isinstance(module, Norm):
                return self._normalise(operand, name, module)
            if isinstance(module, PackedNeuron):
                return self._fire(operand, name, module)
            fired = "sums that no neuron fired on"
        else:
            if isinstance(module, nn.Conv2d | nn.Linear):
                return self._weigh(operand, name, module) if self._first_use(name) else None
            # Modules without parameters are often called several times.
            own = name if name not in self._used else place.name
            if isinstance(module, _Pool):
                return self._pool(operand, own, module)
            if isinstance(module, nn.Upsample):
                return self._upsample(operand, own, module)
            fired = "words"
        return self._refuse(name, f"no counterpart for this module on {fired}", type(module).__name__, SUPPORTED)

    def _first_use(self, name: str) -> bool:
        if name in self._used:
            self._refuse(name, "called twice", None, "one call of a module with parameters")
            return False
        self._used.add(name)
        return True

    def _weigh(self, source: _Map, name: str, module: nn.Conv2d | nn.Linear) -> _Value:
        try:
            rounded = rounded_weights(module)
        except ValueError as error:
            return self._refuse(name, str(error), type(module).__name__, "quantised(module, bits)")
        weights, scale = array(rounded.integers), array(rounded.scale)
        inputs = source.inputs
        if isinstance(module, nn.Linear):
            if module.in_features != prod(source.shape):
                return self._refuse(name, "reads a part of each map", module.in_features, str(prod(source.shape)))
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
        shape = output_shape(node, [source.shape], len(weights))
        bias = np.zeros(len(weights)) if module.bias is None else array(module.bias)
        return Sums(node, shape, source.step, module, weights, scale, bias, rounded.bits)

    def _normalise(self, sums: Sums, name: str, norm: Norm) -> _Value:
        if not (norm.affine and norm.track_running_stats) or sums.norm is not None:
            return self._refuse(name, "normalises twice, or without gain or statistics", "BatchNorm", "both")
        return sums.normalised(norm) if self._first_use(name) else None

    def _fire(self, sums: Sums, stream: str, neuron: PackedNeuron) -> _Map:
        self.neurons[stream] = neuron
        self._emit(replace(sums, node=replace(sums.node, stream=stream), neuron=neuron))
        return _Map(sums.node.name, sums.shape, float(neuron.theta.detach()), stream)

    def _emit(self, sums: Sums) -> None:
        if any(sums.node.name == node.name for node in self.nodes):
            self._refuse(sums.node.name, "fired on, or answered, twice", None, "one neuron")
        if not sums.node.stream and np.ptp(sums.scale) > 0:
            rule = "channels that are compared have several scales"
            self._refuse(sums.node.name, rule, len(np.unique(sums.scale)), "quantised(module, bits, per_channel=False)")
        self.nodes.append(sums.node)
        self.sums.append(sums)

    def _pool(self, source: _Map, name: str, module: _Pool) -> _Value:
        if isinstance(module, nn.AdaptiveAvgPool2d):
            if _pair(module.output_size) != (1, 1):
                return self._refuse(name, "windows may differ", str(module.output_size), "1")
            node = Node(name, "avgpool2d", source.inputs, kernel=source.shape[1:], stride=source.shape[1:])
        else:
            kernel, stride, padding = (_pair(size) for size in (module.kernel_size, module.stride, module.padding))
            mean = isinstance(module, nn.AvgPool2d)
            unlike = (mean and module.divisor_override) or (not mean and _pair(module.dilation) != (1, 1))
            if unlike or module.ceil_mode or (mean and not module.count_include_pad and padding != (0, 0)):
                return self._refuse(
                    name, "no counterpart for these windows", type(module).__name__, "whole windows, zeros counted"
                )
            node = Node(name, "avgpool2d" if mean else "maxpool2d", source.inputs, kernel, stride, padding)
        if node.op == "maxpool2d":
            return self._pass(node, [source], source.step, source.stream)
        return self._pass(node, [source], source.step / prod(node.kernel))

    def _upsample(self, source: _Map, name: str, module: nn.Upsample) -> _Value:
        factor = _pair(module.scale_factor or 0)
        if module.mode != "nearest" or module.scale_factor not in (factor, factor[0]) or not all(factor):
            return self._refuse(name, "does not repeat words", type(module).__name__, "nearest by whole factors")
        node = Node(name, "upsample", source.inputs, factor=factor)
        return self._pass(node, [source], source.step, source.stream)

    def _join(self, name: str, op: Literal["add", "concat"], operands: list[_Map | Sums]) -> _Value:
        maps = [operand for operand in operands if isinstance(operand, _Map)]
        if len(maps) < len(operands):
            return self._refuse(name, "no counterpart for sums that no neuron fired on", op, SUPPORTED)
        first = maps[0]
        sizes = {each.shape[1:] if op == "concat" else each.shape for each in maps}
        if not first.stream or len(sizes) > 1 or len({each.stream for each in maps}) > 1:
            value = [f"{list(operand.shape)} of {operand.stream or 'no neuron'}" for operand in maps]
            return self._refuse(name, f"operands of {op} differ", value, "words of one shape, fired by one neuron")
        return self._pass(Node(name, op, tuple(each.name for each in maps)), maps, first.step, first.stream)

    def _pass(self, node: Node, operands: list[_Map], step: float, stream: str = "") -> _Map:
        """Words that follow from others without weights."""
        self.nodes.append(node)
        self._used.add(node.name)
        return _Map(node.name, output_shape(node, [operand.shape for operand in operands]), step, stream)

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


def _pair(sizes: object) -> tuple[int, int]:
    rows, columns = sizes if isinstance(sizes, tuple) else (sizes, sizes)
    return int(rows), int(columns)
