"""A network of integer layers and its untimed run: the oracle for every word that a simulated chip produces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InputError, Problem
from accelsim.reference import operators
from accelsim.reference.neuron import Comparator, Form, fire, integrate
from accelsim.reference.spikes import LARGEST_WORD_BITS, unpack
from accelsim.reference.synapses import Synapses, Words
from accelsim.workload.layer import ARRAY_OPS, ATTENTION_OPS, WEIGHTED_OPS, Layer
from accelsim.workload.workload import Parameters


@dataclass(frozen=True)
class Network:
    """Layers in execution order and the integer parameters of those with weights or thresholds.

    The first layer consumes the image; every other names its producers. Raises `InputError` where a sum, a threshold
    or a word could outgrow the integers that hold it.
    """

    name: str
    layers: tuple[Layer, ...]
    parameters: Mapping[str, Parameters]
    timesteps: int
    comparator: Comparator = ">="
    _synapses: dict[str, Synapses] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        problems = []
        for layer in self.layers:
            if max(layer.word_bits, 0 if layer.signed else layer.out_word_bits) > LARGEST_WORD_BITS:
                problems.append(
                    Problem(
                        "words are too wide for the reference model",
                        key=f"{self.name}.{layer.name}",
                        value=max(layer.word_bits, layer.out_word_bits),
                        allowed=f"at most {LARGEST_WORD_BITS} bits",
                    )
                )
            elif layer.op in WEIGHTED_OPS:
                problems += _too_wide(self, layer)
        if problems:
            raise InputError(problems)

    def synapses(self, layer: Layer) -> Synapses:
        """The weights of a layer as the kernels take them, kept from run to run."""
        if layer.name not in self._synapses:
            self._synapses[layer.name] = Synapses(layer, self.parameters[layer.name].weights)
        return self._synapses[layer.name]


def _too_wide(network: Network, layer: Layer) -> list[Problem]:
    parameters = network.parameters[layer.name]
    largest = {
        "sums": operators.largest_accumulator(parameters, layer.word_bits),
        "thresholds": int(parameters.theta.max()) << (network.timesteps - 1),
    }
    return [
        Problem(
            f"{what} may not fit an integer of 64 bits",
            key=f"{network.name}.{layer.name}",
            value=value,
            allowed="below 2^63",
        )
        for what, value in largest.items()
        if value >= 1 << 63
    ]


def run(network: Network, image: NDArray[np.integer[Any]], form: Form = "packed") -> dict[str, NDArray[np.int64]]:
    """The words that every layer produces for one image [channels, rows, columns], by layer name, each `out_shape`.

    "packed" computes one sum of weight times word and the closed form of the neuron. "serial" sends a word's bit
    planes one after another, most significant first, doubles the membrane between them, and decodes spikes in T
    steps. Both give the same words; a layer that does not fire yields its accumulators U + bias.
    """
    words: dict[str, NDArray[np.int64]] = {}
    for layer in network.layers:
        operands = [words[producer].astype(np.int32) for producer in layer.inputs] or [image.astype(np.int32)]
        words[layer.name] = produce(network, layer, operands, form)
    return words


def produce(network: Network, layer: Layer, operands: list[Words], form: Form = "packed") -> NDArray[np.int64]:
    """The words [out_shape] that one layer makes of its operands' words."""
    if layer.op not in ARRAY_OPS:
        return operators.without_weights(layer, operands).astype(np.int64)
    if layer.op in ATTENTION_OPS:
        channels = layer.out_shape[0]
        bias, theta = np.zeros(channels, dtype=np.int64), np.ones(channels, dtype=np.int64)
        if layer.fires:
            bias, theta = network.parameters[layer.name].bias, network.parameters[layer.name].theta
        synapses = operators.attention(operands[1], layer)
    else:
        parameters = network.parameters[layer.name]
        bias, theta = parameters.bias, parameters.theta
        synapses = network.synapses(layer)
    if form == "packed":
        membrane = synapses.sums(operands[0])
    else:
        planes = unpack(operands[0], layer.word_bits).astype(np.int32)
        membrane = integrate(np.stack([synapses.sums(plane) for plane in planes]))
    membrane += bias[:, None, None]
    if not layer.fires:
        return membrane
    return fire(membrane, theta, network.timesteps, network.comparator, form)


def classify(network: Network, images: NDArray[np.integer[Any]], form: Form = "packed") -> NDArray[np.int64]:
    """Index of the largest accumulator of the last layer, for each of the images [n, channels, rows, columns]."""
    last = network.layers[-1].name
    return np.array([int(np.argmax(run(network, image, form)[last])) for image in images], dtype=np.int64)
