"""What the largest word of each stream stands for, from the activations of a network of real numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from accelsim.reference.ann import Ann, batches, walk

Floats = NDArray[np.float64]
Calibration = Literal["max", "percentile", "least_squares"]

LARGEST_TIMESTEPS = 12
"""Least squares choose a full scale of its own up to so many time steps; beyond, clipping is all that is left."""

SAMPLES = 1 << 14
"""Activations of a layer that a calibration looks at, besides their maximum."""

CANDIDATES = 2.0 ** (-np.arange(0, 64) / 8)
"""Full scales that least squares compare, as parts of the largest activation."""


def with_streams(ann: Ann) -> Ann:
    """The network with a stream for every layer that fires, named after the first of those that share it.

    Layers share one whose words meet in an `add` or a `concat`, be it after pools, upsampling, or other sums.
    """
    parent: dict[str, str] = {}
    source: dict[str, str] = {}

    def root(name: str) -> str:
        while parent[name] != name:
            name = parent[name]
        return name

    for node in ann.nodes:
        if node.name in ann.activation:
            parent[node.name] = source[node.name] = node.name
        elif node.op in ("add", "concat"):
            first, *others = (root(source[name]) for name in node.inputs)
            for other in others:
                parent[root(other)] = root(first)
            source[node.name] = first
        elif node.op in ("maxpool2d", "upsample") and source.get((node.inputs or ("",))[0]):
            source[node.name] = source[node.inputs[0]]
    leaders: dict[str, str] = {}
    for name in parent:
        leaders.setdefault(root(name), name)
    streams = {name: leaders[root(name)] for name in parent}
    return replace(ann, nodes=tuple(replace(node, stream=streams.get(node.name, "")) for node in ann.nodes))


@dataclass(frozen=True)
class Sample:
    """Some of the positive activations of a layer, float64 [samples], and the largest of all of them."""

    values: Floats
    largest: float


def sample(ann: Ann, images: NDArray[np.floating], names: Iterable[str], seed: int = 0) -> dict[str, Sample]:
    """A random sample of the named layers' activations over images as the network eats them."""
    rng = np.random.default_rng(seed)
    wanted = tuple(names)
    values: dict[str, list[Floats]] = {name: [] for name in wanted}
    largest = dict.fromkeys(wanted, 0.0)
    for part in batches(ann, images):
        for name, activations in walk(ann, part, wanted):
            flat = activations.reshape(-1)
            largest[name] = max(largest[name], float(flat.max(initial=0.0)))
            share = -(-SAMPLES * len(part) // len(images))
            chosen = flat if flat.size <= share else flat[rng.integers(0, flat.size, share)]
            values[name].append(chosen[chosen > 0].astype(np.float64))
    return {name: Sample(np.concatenate(values[name]), largest[name]) for name in wanted}


def full_scales(
    ann: Ann, samples: Mapping[str, Sample], calibration: Calibration = "least_squares", percentile: float = 99.9
) -> dict[str, Floats]:
    """For each stream the activation of its largest word, at T = 1, 2, ..; the last entry serves all larger T.

    "max" takes the largest activation, "percentile" one of the positive activations, "least_squares" at each T that
    with which the words miss the activations least in the mean square. None exceeds a ceiling of its layers.
    """
    members: dict[str, list[str]] = {}
    for node in ann.nodes:
        if node.stream:
            members.setdefault(node.stream, []).append(node.name)
    tables = {}
    for stream, names in members.items():
        largest = max(samples[name].largest for name in names) or 1.0
        values = np.concatenate([samples[name].values for name in names])
        if calibration == "max" or not values.size:
            table = np.array([largest])
        elif calibration == "percentile":
            table = np.array([full_scale([values], percentile)])
        else:
            table = least_squares(values, largest)
        tables[stream] = np.minimum(table, min(ann.activation[name].ceiling for name in names))
    return tables


def full_scale(activations: Sequence[Floats], percentile: float = 100.0) -> float:
    """The activation that the largest word stands for: a percentile (100: the maximum) of the positive samples.

    `activations`: samples, of any shapes, of all layers that share the step.
    """
    samples = np.concatenate([activation.reshape(-1) for activation in activations])
    samples = samples[samples > 0]
    return float(np.percentile(samples, percentile)) if samples.size else 1.0


def least_squares(values: Floats, largest: float, timesteps: int = LARGEST_TIMESTEPS) -> Floats:
    """Full scales [timesteps] that minimise the squared error of activations rounded to words of 1, 2, .. steps.

    Errors of clipped activations weigh 2^T times those of rounded ones: the rounding errors of the words of one
    receptive field are independent and cancel in part, clipped activations stand together and all lose. The weight is
    an estimate: with it the full scales come near those with which the ResNet-18 of workloads/resnet18_digits answers
    best; without it that network's output misses nearly three times as much at T = 4.
    """
    table = np.empty(timesteps)
    for index in range(timesteps):
        words = 2.0 ** (index + 1) - 1
        errors = [_squared_error(values, largest * candidate, words) for candidate in CANDIDATES]
        table[index] = largest * CANDIDATES[int(np.argmin(errors))]
    return table


def _squared_error(values: Floats, full: float, words: float) -> float:
    step = full / words
    error = np.minimum(np.rint(values / step), words) * step - values
    squares = error * error
    return float(squares.sum() + words * squares[values > full].sum())
