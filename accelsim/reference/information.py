"""How much a neuron's spikes tell about its membrane: entropies and mutual informations, measured layer by layer.

Every neuron of a layer at every image is one sample of "a neuron of this layer, drawn at random", its membrane in
units of its own theta. Estimates are plug-in estimates with the correction of Miller and Madow for K symbols seen in N
samples, H = H_plugin + (K - 1) / (2 N ln 2); that takes samples for independent, which neighbouring pixels are not. A
membrane counts as the activation that it is, 0 below 0 and full beyond the largest word, and is cut into bins of a
quarter of theta between. Cutting can only lose information (data processing), so that I(bin; spikes) is a lower bound;
nothing is lost where the spikes follow from the bin. What several neurons know together is not measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.reference import operators
from accelsim.reference.causal import CausalNetwork, currents, spike_trains
from accelsim.reference.lif import CausalNeuron, fire_causal
from accelsim.reference.network import Network, run
from accelsim.reference.neuron import integrate
from accelsim.reference.spikes import pack, unpack
from accelsim.workload.layer import WEIGHTED_OPS, Layer

BINS = 4
"""Bins of a membrane to a theta."""

Symbols = NDArray[np.int64]


def entropy(symbols: Symbols) -> float:
    """H of the symbols of N samples, int64 [N], in bits."""
    return _entropy(np.unique(symbols, return_counts=True)[1])


def mutual_information(first: Symbols, second: Symbols) -> float:
    """I of two symbols of each of N samples, both int64 [N], in bits: H(first) + H(second) - H(both).

    Each entropy is corrected, so that the difference can fall below 0 where there is no information.
    """
    codes = [np.unique(symbols, return_inverse=True)[1].reshape(-1) for symbols in (first, second)]
    both = codes[0] * (int(codes[1].max(initial=0)) + 1) + codes[1]
    return entropy(codes[0]) + entropy(codes[1]) - entropy(both)


def _entropy(counts: NDArray[np.int64]) -> float:
    total = int(counts.sum())
    share = counts / total
    return float(-(share * np.log2(share)).sum() + (len(counts) - 1) / (2 * total * np.log(2)))


@dataclass(frozen=True)
class Told:
    """What the spikes of a layer's neurons tell, in bits a neuron.

    `entropy` is H(train), all that a train says about anything; `about_membrane` is I(membrane; train), and `by_step`
    that of its first 1, 2, .. T steps; `chance` is I with trains dealt out to other samples, which is 0 but for the
    estimator's error. `scale` multiplies theta (1 where nothing was chosen).
    """

    entropy: float
    about_membrane: float
    by_step: tuple[float, ...]
    chance: float
    scale: float = 1.0


@dataclass(frozen=True)
class LayerInformation:
    """The packed and the causal neurons of a layer, both fed with the same input spikes."""

    layer: str
    samples: int
    packed: Told
    causal: Told

    @property
    def lost(self) -> float:
        """Bits about the membrane that packed words hold and causal trains do not."""
        return self.packed.about_membrane - self.causal.about_membrane


def same_inputs(
    network: Network, images: NDArray[np.integer[Any]], neuron: CausalNeuron, seed: int = 0
) -> list[LayerInformation]:
    """Packed neurons of every layer of weights that fires, and causal neurons in their places, on the same inputs.

    Inputs are the spikes of the packed network, T steps of them (sums of spikes after a residual add, the image as the
    same current in all steps). The membrane is U of the packed neuron. The causal neuron's theta is the best of
    theta / 32, theta / 16, .. 2^T theta for what its train tells about U: chosen in its favour. Layers whose
    producer pools are left out: a pooled word is no sum of spikes step by step.
    """
    by_name = {layer.name: layer for layer in network.layers}
    layers = [layer for layer in network.layers if layer.op in WEIGHTED_OPS and layer.fires and _linear(layer, by_name)]
    scales = [2.0**power for power in range(-5, network.timesteps + 1)]
    gathered: dict[str, list[tuple[Symbols, ...]]] = {layer.name: [] for layer in layers}
    for image in images:
        words = run(network, image)
        for layer in layers:
            planes = _incoming(layer, by_name, words, image, network.timesteps)
            bins, trains = _samples(network, layer, planes, neuron, scales)
            gathered[layer.name].append((bins, words[layer.name].reshape(-1), *trains))
    return [_compare(name, parts, network.timesteps, scales, seed) for name, parts in gathered.items()]


def own_inputs(network: CausalNetwork, images: NDArray[np.integer[Any]], seed: int = 0) -> dict[str, Told]:
    """What trains of a rate-coded network tell about sum_t I_t, which their counts stand for, in units of theta."""
    gathered: dict[str, list[tuple[Symbols, ...]]] = {}
    steps = network.timesteps
    for image in images:
        trains: dict[str, NDArray[Any]] = {"": np.asarray(image)[None], **spike_trains(network, image)}
        for layer in network.layers:
            if layer.op in WEIGHTED_OPS and layer.fires:
                incoming = currents(network, layer, trains[layer.inputs[0] if layer.inputs else ""])
                total = incoming.sum(axis=0) * (steps if len(incoming) == 1 else 1)
                bins = np.floor_divide(BINS * total, network.parameters[layer.name].theta[:, None, None])
                train = pack(trains[layer.name])
                gathered.setdefault(layer.name, []).append((bins.reshape(-1), train.reshape(-1)))
    told = {}
    for name, parts in gathered.items():
        bins, train = (np.concatenate([part[which] for part in parts]) for which in (0, 1))
        told[name] = _told(_clipped(bins, steps), train, steps, seed)
    return told


def _linear(layer: Layer, by_name: dict[str, Layer]) -> bool:
    """Whether its input words are sums of spikes, step by step."""
    names = list(layer.inputs)
    while names:
        producer = by_name[names.pop()]
        if producer.op in ("add", "concat", "upsample"):
            names += producer.inputs
        elif producer.op not in WEIGHTED_OPS or not producer.fires:
            return False
    return True


def _incoming(
    layer: Layer, by_name: dict[str, Layer], words: dict[str, Symbols], image: NDArray[Any], steps: int
) -> NDArray[Any]:
    """The planes that a layer consumes, [T, *in_shape]; the image as one plane."""

    def planes(name: str) -> NDArray[Any]:
        producer = by_name[name]
        if producer.op in WEIGHTED_OPS:
            return unpack(words[name], steps)
        parts = [planes(each) for each in producer.inputs]
        return np.stack([operators.without_weights(producer, [part[step] for part in parts]) for step in range(steps)])

    return planes(layer.inputs[0]) if layer.inputs else np.asarray(image)[None]


def _samples(
    network: Network, layer: Layer, planes: NDArray[Any], neuron: CausalNeuron, scales: Sequence[float]
) -> tuple[Symbols, list[Symbols]]:
    """Bins of the packed neurons' membranes, and the causal neurons' trains at each scale of theta.

    A packed bias belongs to the whole word; the causal neuron gets its share of it in each step.
    """
    own, steps = network.parameters[layer.name], network.timesteps
    sums = np.stack([operators.synaptic_sums(plane.astype(np.int32), layer, own) for plane in planes])
    bias, theta = own.bias[:, None, None], own.theta[:, None, None]
    if len(planes) == 1:
        membrane, incoming = sums[0] + bias, sums + bias
    else:
        membrane, incoming = integrate(sums) + bias, sums + bias // ((1 << steps) - 1)
    trains = []
    for scale in scales:
        scaled = np.maximum((own.theta * scale).astype(np.int64), 1)
        trains.append(pack(fire_causal(incoming, scaled, steps, neuron)).reshape(-1))
    return np.floor_divide(BINS * membrane, theta).reshape(-1), trains


def _compare(
    name: str, parts: Sequence[tuple[Symbols, ...]], steps: int, scales: Sequence[float], seed: int
) -> LayerInformation:
    bins, packed, *trains = (np.concatenate([part[which] for part in parts]) for which in range(len(parts[0])))
    bins = _clipped(bins, steps)
    best = max(range(len(trains)), key=lambda which: mutual_information(bins, trains[which]))
    causal = _told(bins, trains[best], steps, seed, scales[best])
    return LayerInformation(name, len(bins), _told(bins, packed, steps, seed), causal)


def _clipped(bins: Symbols, steps: int) -> Symbols:
    """One bin for all membranes below 0, which an activation drops, and one for all above the largest word."""
    return np.clip(bins, -1, BINS << steps)


def _told(bins: Symbols, trains: Symbols, steps: int, seed: int, scale: float = 1.0) -> Told:
    by_step = tuple(mutual_information(bins, trains >> (steps - 1 - step)) for step in range(steps))
    dealt = np.random.default_rng(seed).permutation(trains)
    return Told(entropy(trains), by_step[-1], by_step, mutual_information(bins, dealt), scale)
