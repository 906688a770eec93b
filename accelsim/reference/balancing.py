"""Thresholds of a rate-coded network from what its neurons do on calibration images: threshold balancing.

A threshold equal to the full scale is right for a constant current and a neuron without a leak. A leaking neuron needs
more input than its spikes stand for, and a neuron that fires early, on input that later turns negative, cannot take its
spikes back. Diehl et al. (IJCNN 2015) choose thresholds from the activations of the real network, Sengupta et al.
(Front. Neurosci. 2019) from the activity of the spiking network, layer by layer. Here too: front to back, on the trains
of the layers before, each channel gets the threshold with which its rate stands for the mean of its real activations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.reference.ann import forward
from accelsim.reference.causal import CausalNetwork, causal_network, currents, layer_steps
from accelsim.reference.lif import HALF, IF, CausalNeuron, fire_causal
from accelsim.reference.model import Model, ann_of
from accelsim.workload.layer import Layer

SHARES = (1.0, 0.7, 0.5)
"""Common factors on full scales that are compared: a spike that stands for less tells small activations apart."""

INITIALS = (Fraction(0), HALF)
"""Membranes at the start that are compared, as shares of the threshold."""

OCTAVES = (-5.0, 2.0)
HALVINGS = 8
"""Factors on a threshold lie between these powers of two; the interval is halved so often."""

Reals = Mapping[str, NDArray[np.float32]]
Answers = Mapping[str, NDArray[np.float64]]


def balanced(network: CausalNetwork, model: Model, images: NDArray[Any]) -> CausalNetwork:
    """A rate-coded network of the model, its thresholds balanced on images as `Model.encode` takes them."""
    words = model.encode(images)
    return _run(network, words, _real(model, words), balance=True)[0]


def calibrated_network(
    model: Model,
    timesteps: int,
    images: NDArray[Any],
    neuron: CausalNeuron = IF,
    weight_bits: int = 8,
    measure: Callable[[Answers], float] | None = None,
) -> CausalNetwork:
    """The best rate-coded network on calibration images, as `Model.encode` takes them, with balanced thresholds or not.

    Compared are all `SHARES` and `INITIALS` (which replace the neuron's own), each with thresholds equal to full scales
    and with balanced ones: by the largest `measure` of the answers to the images, float64 [images, *out_shape] by
    output; where that is equal or missing by the least error of the answers against the real network (`ann_of`), root
    mean square relative to that of the real ones, of several outputs the mean. Raises `InputError` as `causal_network`
    does.
    """
    words = model.encode(images)
    real = _real(model, words)
    best, found = (-np.inf, -np.inf), None
    for share in SHARES:
        for initial in INITIALS:
            plain = causal_network(model, timesteps, replace(neuron, initial=initial), weight_bits, share)
            for balance in (False, True):
                network, answers = _run(plain, words, real, balance)
                worth = measure(answers) if measure else 0.0, -_error(answers, real)
                if found is None or worth > best:
                    best, found = worth, network
    assert found is not None
    return found


def _real(model: Model, words: NDArray[np.int32]) -> Reals:
    return forward(ann_of(model), words * model.image_step, [node.name for node in model.nodes])


def _error(answers: Answers, real: Reals) -> float:
    """Root mean square error in parts of that of the real outputs, the mean over the outputs."""
    errors = [np.linalg.norm(made - real[name]) / (np.linalg.norm(real[name]) or 1.0) for name, made in answers.items()]
    return float(np.mean(errors))


def _run(
    network: CausalNetwork, words: NDArray[np.int32], real: Reals, balance: bool
) -> tuple[CausalNetwork, dict[str, NDArray[np.float64]]]:
    """The network, with balanced thresholds where they are asked for, and its answers to the words."""
    last_use = {name: index for index, layer in enumerate(network.layers) for name in layer.inputs}
    parameters = dict(network.parameters)
    kept: dict[str, list[NDArray[Any]]] = {"": [word[None] for word in words]}
    answers: dict[str, NDArray[np.float64]] = {}
    for index, layer in enumerate(network.layers):
        operands = [[kept[name][image] for name in layer.inputs or ("",)] for image in range(len(words))]
        if balance and layer.name in parameters and layer.fires:
            incoming = [currents(network, layer, first) for first, *_ in operands]
            own = parameters[layer.name]
            theta = _theta(network, layer, incoming, real[layer.name].mean(axis=(0, 2, 3), dtype=np.float64))
            parameters[layer.name] = replace(own, theta=theta)
            made = [fire_causal(each, theta, network.timesteps, network.neuron) for each in incoming]
        else:
            made = [layer_steps(network, layer, each) for each in operands]
        kept[layer.name] = made
        if layer.name in network.outputs:
            answers[layer.name] = np.stack([train.mean(axis=0) for train in made]) * network.worth[layer.name]
        for name in set(layer.inputs):
            if last_use[name] == index:
                del kept[name]
    return replace(network, parameters=parameters), answers


def _theta(
    network: CausalNetwork, layer: Layer, incoming: list[NDArray[np.int64]], mean: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Thresholds [channels] with which rates stand for the mean activations [channels], or come nearest from below."""
    start, worth = network.parameters[layer.name].theta, network.worth[layer.name]
    low, high = (np.full(mean.shape, octave) for octave in OCTAVES)

    def scaled(octaves: NDArray[np.float64]) -> NDArray[np.int64]:
        return np.maximum(1, np.rint(start * 2.0**octaves)).astype(np.int64)

    for _ in range(HALVINGS):
        middle = (low + high) / 2
        theta = scaled(middle)
        rates = [
            fire_causal(each, theta, network.timesteps, network.neuron).mean(axis=(0, 2, 3), dtype=np.float64)
            for each in incoming
        ]
        fires_more = np.mean(rates, axis=0) * worth > mean
        low, high = np.where(fires_more, middle, low), np.where(fires_more, high, middle)
    return scaled(high)
