"""The conventional conversion of a `Model`: activations become firing rates of integrate-and-fire neurons.

A spike of a layer stands for the full scale lambda of its stream in one of T steps, so that n spikes stand for the
activation lambda n / T. In units of a membrane, scale * unit_in (what a weight of 1 makes of one spike),
theta = lambda / (scale * unit_in): max-normalised thresholds (Diehl et al., IJCNN 2015), soft reset (Rueckauer et
al., Front. Neurosci. 2017). The image is a constant current in every step, biases too. Residual sums, concatenations,
sums of windows and upsampling work step by step; a maximum pool passes on by how much the largest count of its window
grew, so that its own count is the largest. All in integers; membranes, thresholds and biases have `PLACES` binary
places below a unit, so that roundings are not what a comparison sees.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InputError, Problem
from accelsim.reference import operators
from accelsim.reference.lif import IF, CausalNeuron, fire_causal
from accelsim.reference.model import ACCUMULATOR_BITS, Model, integer_network
from accelsim.reference.quantise import bits_needed, integer_bias, requantise, thresholds
from accelsim.reference.spikes import LARGEST_WORD_BITS, pack
from accelsim.workload.layer import ATTENTION_OPS, WEIGHTED_OPS, Layer
from accelsim.workload.workload import Parameters

PLACES = 8
"""Binary places of membranes, thresholds and biases below what one spike through a weight of 1 adds."""


@dataclass(frozen=True)
class CausalNetwork:
    """Layers in execution order, each computed step by step over T = `timesteps` steps.

    A layer's `bits_per_step` hold what its inputs carry in one step (an image's `kind` is "integers": the same words
    in every step). `parameters` hold weights, and bias and theta in units of 2^-PLACES of a weight; the bias comes in
    every step. `worth` is the activation that a value of a layer stands for, if it comes in every step. `outputs`
    names the layers that are the network's answer.
    """

    name: str
    layers: tuple[Layer, ...]
    parameters: Mapping[str, Parameters]
    timesteps: int
    neuron: CausalNeuron
    worth: Mapping[str, float]
    outputs: tuple[str, ...]


def causal_network(
    model: Model, timesteps: int, neuron: CausalNeuron = IF, weight_bits: int = 8, share: float = 1.0
) -> CausalNetwork:
    """The rate-coded network of the model over T time steps.

    Full scales, and with them all thresholds, are a common `share` of those that the model's calibration found for the
    narrowest words that tell the T + 1 counts of a train apart. They take a neuron without a leak for granted, and
    currents that do not change; `accelsim.reference.balancing` takes thresholds from what the neurons do. Raises
    `InputError` for attention products: a product of two rates is not the rate of the products of their spikes.
    """
    refused = [node for node in model.nodes if node.op in ATTENTION_OPS]
    if refused:
        raise InputError(
            Problem(
                "a product of two spike trains does not carry the product of their rates",
                key=f"{model.name}.{node.name}",
                value=node.op,
                allowed="packed words (integer_network)",
            )
            for node in refused
        )
    bits = timesteps.bit_length()
    worth, largest = {"": model.image_step}, {"": 2**model.image_bits - 1}
    trains = {"": False}
    layers = []
    parameters: dict[str, Parameters] = {}
    for node, layer in zip(model.nodes, integer_network(model, bits, weight_bits).layers, strict=True):
        sources = layer.inputs or ("",)
        unit, most = worth[sources[0]], max(largest[source] for source in sources)
        carried = any(trains[source] for source in sources)
        steps, step_bits = timesteps if carried else 1, most.bit_length()
        if node.op in WEIGHTED_OPS:
            weights = model.weights[node.name]
            needed = bits_needed(weights, weight_bits)
            weights, scale = requantise(weights, model.scale[node.name], needed, per_channel=bool(node.stream))
            fine = scale * 2.0**-PLACES
            bias, theta = integer_bias(model.bias[node.name], fine, unit), np.ones(len(weights), dtype=np.int64)
            if node.stream:
                full_scale = share * model.step(node.stream, bits) * ((1 << bits) - 1)
                theta = thresholds(fine, unit, full_scale)
                unit, most = full_scale, 1
            else:
                unit, most = float(fine[0]) * unit, 2 ** (ACCUMULATOR_BITS - 1) - 1
            parameters[node.name] = Parameters(weights, bias, theta)
        elif node.op == "add":
            most = sum(largest[source] for source in sources)
        elif node.op == "avgpool2d":
            window = node.kernel[0] * node.kernel[1]
            unit, most = unit / window, most * window
        train = carried or bool(node.stream)
        worth[node.name], largest[node.name], trains[node.name] = unit, most, train
        layers.append(
            replace(
                layer,
                kind="spikes" if carried else "integers",
                timesteps=steps,
                bits_per_step=step_bits,
                word_bits=steps * step_bits,
                out_word_bits=most.bit_length() * (timesteps if train and layer.fires else 1),
            )
        )
    return CausalNetwork(model.name, tuple(layers), parameters, timesteps, neuron, worth, model.answers)


def spike_trains(network: CausalNetwork, image: NDArray[np.integer[Any]]) -> dict[str, NDArray[np.int64]]:
    """What every layer sends in each step for one image [channels, rows, columns], by name: int [T, *out_shape].

    Spikes (uint8), sums of spikes (int32), or accumulators U_t + bias (int64, units of 2^-PLACES) of layers that do
    not fire. Arrays may be read-only views.
    """
    kept: dict[str, NDArray[Any]] = {"": np.asarray(image, dtype=np.int32)[None]}
    for layer in network.layers:
        kept[layer.name] = layer_steps(network, layer, [kept[name] for name in layer.inputs or ("",)])
    del kept[""]
    return {name: np.broadcast_to(train, (network.timesteps, *train.shape[1:])) for name, train in kept.items()}


def answers(network: CausalNetwork, image: NDArray[np.integer[Any]]) -> dict[str, NDArray[np.float64]]:
    """The activations, float64 [out_shape], that the `outputs` stand for, summed over all T steps.

    What other layers sent is forgotten as soon as nobody needs it.
    """
    last_use = {name: index for index, layer in enumerate(network.layers) for name in layer.inputs}
    kept: dict[str, NDArray[Any]] = {"": np.asarray(image, dtype=np.int32)[None]}
    for index, layer in enumerate(network.layers):
        kept[layer.name] = layer_steps(network, layer, [kept[name] for name in layer.inputs or ("",)])
        for name in set(layer.inputs):
            if last_use[name] == index and name not in network.outputs:
                del kept[name]
    return {name: kept[name].mean(axis=0) * network.worth[name] for name in network.outputs}


def train_words(network: CausalNetwork, trains: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.int64]]:
    """The trains of layers that send spikes, or sums of them, as the words of a trace: int64 [out_shape].

    The first step is the most significant; a step has the layer's `out_word_bits / T` bits. Raises `InputError` where a
    train is wider than a word may be.
    """
    senders = [layer for layer in network.layers if layer.fires]
    problems = [
        Problem(
            "a spike train is too wide for a word",
            key=f"{network.name}.{layer.name}",
            value=layer.out_word_bits,
            allowed=f"at most {LARGEST_WORD_BITS} bits",
        )
        for layer in senders
        if layer.out_word_bits > LARGEST_WORD_BITS
    ]
    if problems:
        raise InputError(problems)
    return {layer.name: pack(trains[layer.name], max(1, layer.out_word_bits // network.timesteps)) for layer in senders}


def currents(network: CausalNetwork, layer: Layer, words: NDArray[Any]) -> NDArray[np.int64]:
    """What comes into each neuron of a layer in each step, int64 [steps, *out_shape], in units of 2^-PLACES.

    words: what its producer sends, [steps, *in_shape].
    """
    parameters = network.parameters[layer.name]
    sums = np.empty((len(words), *layer.out_shape), dtype=np.int64)
    for step, each in enumerate(words):
        sums[step] = operators.synaptic_sums(each.astype(np.int32), layer, parameters)
    sums <<= PLACES
    sums += parameters.bias[:, None, None]
    return sums


def layer_steps(network: CausalNetwork, layer: Layer, operands: list[NDArray[Any]]) -> NDArray[Any]:
    """What a layer sends, [T, *out_shape], or [1, *out_shape] where it is the same in every step."""
    if layer.op in WEIGHTED_OPS:
        incoming = currents(network, layer, operands[0])
        if not layer.fires:
            return incoming
        return fire_causal(incoming, network.parameters[layer.name].theta, network.timesteps, network.neuron)
    if layer.op == "maxpool2d":
        operands = [np.cumsum(operands[0], axis=0, dtype=np.int32)]
    steps = max(len(train) for train in operands)
    maps = [np.broadcast_to(train, (steps, *train.shape[1:])) for train in operands]
    made = np.stack([operators.without_weights(layer, [each[step] for each in maps]) for step in range(steps)])
    return np.diff(made, axis=0, prepend=0) if layer.op == "maxpool2d" else made
