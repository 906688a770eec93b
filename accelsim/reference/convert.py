"""From a trained network of floating-point numbers to integers: the steps of a conversion, each on plain arrays.

A neuron's word z stands for the activation z * step, step = full_scale / (2^T - 1). With weights w = scale * v
(v an integer of `weight_bits`), the membrane counts units of scale * step_in, so that
theta = step_out / (scale * step_in), and theta / 2 added to the bias makes the neuron round to nearest: the error of
an activation in range is at most step / 2.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InputError, Problem

Floats = NDArray[np.float64]

WEAKEST_CHANNEL = 2.0**-8
"""Floor of a channel's weight scale relative to the strongest: bounds theta, and the accumulators that hold it."""


def fold_batch_norm(
    weights: Floats, mean: Floats, variance: Floats, gain: Floats, offset: Floats, epsilon: float
) -> tuple[Floats, Floats]:
    """Weights [out_channels, ...] and bias [out_channels] of the convolution that includes its normalisation."""
    factor = gain / np.sqrt(variance + epsilon)
    return weights * factor.reshape(-1, *[1] * (weights.ndim - 1)), offset - mean * factor


def quantise_weights(weights: Floats, bits: int = 8, per_channel: bool = True) -> tuple[NDArray[np.int8], Floats]:
    """Symmetric integers v in +-(2^(bits-1) - 1) and scales [out_channels], weights ~ scale * v.

    A layer that is read from its accumulators needs one scale for all channels (`per_channel` False), because they
    are compared with one another.
    """
    largest = np.abs(weights).reshape(len(weights), -1).max(axis=1)
    if not per_channel:
        largest = np.full_like(largest, largest.max())
    scale = np.maximum(largest, WEAKEST_CHANNEL * largest.max()) / (2 ** (bits - 1) - 1)
    scale = np.where(scale > 0, scale, 1.0)
    return np.rint(weights / scale.reshape(-1, *[1] * (weights.ndim - 1))).astype(np.int8), scale


def requantise(weights: NDArray[np.int8], scale: Floats, bits: int) -> tuple[NDArray[np.int8], Floats]:
    """The same layer with `bits` instead of 8 bits a weight, rounded half away from zero."""
    if bits == 8:
        return weights, scale
    largest = 2 ** (bits - 1) - 1
    magnitude = (2 * np.abs(weights.astype(np.int64)) * largest + 127) // 254
    return (np.sign(weights) * magnitude).astype(np.int8), scale * 127 / largest


def full_scale(activations: Sequence[Floats], percentile: float = 100.0) -> float:
    """The activation that the largest word stands for: a percentile (100: the maximum) of the positive samples.

    `activations`: samples, of any shapes, of all layers that share the step.
    """
    samples = np.concatenate([activation.reshape(-1) for activation in activations])
    samples = samples[samples > 0]
    return float(np.percentile(samples, percentile)) if samples.size else 1.0


def thresholds(scale: Floats, step_in: float, step_out: float) -> NDArray[np.int64]:
    """theta, int64 [out_channels], at least 1. Raises `InputError` beyond 64 bits."""
    return np.maximum(_integers(step_out / (scale * step_in), "thresholds"), 1)


def integer_bias(bias: Floats, scale: Floats, step_in: float) -> NDArray[np.int64]:
    """The bias in units of the membrane, int64 [out_channels], without theta // 2. Raises like `thresholds`."""
    return _integers(bias / (scale * step_in), "bias")


def _integers(values: Floats, what: str) -> NDArray[np.int64]:
    largest = float(np.abs(values).max(initial=0.0))
    if not largest < 2.0**62:
        raise InputError(Problem(f"{what} do not fit an integer of 64 bits", value=largest, allowed="below 2^62"))
    return np.rint(values).astype(np.int64)
