"""From a trained network of floating-point numbers to integers: the steps of a conversion, each on plain arrays.

A neuron's word z stands for the activation z * step, step = full_scale / (2^T - 1). With weights w = scale * v
(v an integer of `weight_bits`), the membrane counts units of scale * step_in, so that
theta = step_out / (scale * step_in), and theta / 2 added to the bias makes the neuron round to nearest: the error of
an activation in range is at most step / 2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InputError, Problem

Floats = NDArray[np.float64]

WEAKEST_CHANNEL = 2.0**-8
"""Floor of a channel's weight scale relative to the strongest: bounds theta, and the accumulators that hold it."""


CLIPPING = np.linspace(1.0, 0.2, 33)
"""Parts of a channel's largest weight that are tried as its largest code, where fewer bits than 8 hold it."""


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


def requantise(
    weights: NDArray[np.int8], scale: Floats, bits: int, per_channel: bool = True
) -> tuple[NDArray[np.int8], Floats]:
    """The same layer with `bits` instead of 8 bits a weight: weights v in +-(2^(bits-1) - 1), or +-1 for a bit.

    The scale of a channel, or of all where `per_channel` is False, is that with the least squared error; for a single
    bit it is the mean magnitude (Rastegari et al., XNOR-Net, ECCV 2016). No zero can be written in one bit: a layer
    that is exact in two (0 and +-c) keeps two.
    """
    if bits == 8:
        return weights, scale
    rows = weights.reshape(len(weights), -1).astype(np.float64)
    if not per_channel:
        rows = rows.reshape(1, -1)
    magnitude = np.abs(rows)
    if bits == 1:
        codes = np.where(rows < 0, -1.0, 1.0)
        factor = magnitude.mean(axis=1, keepdims=True)
    else:
        codes, factor = _least_squares_codes(rows, magnitude.max(axis=1, keepdims=True), 2 ** (bits - 1) - 1)
    factor = np.where(factor > 0, factor, 1.0)
    return codes.reshape(weights.shape).astype(np.int8), scale * np.broadcast_to(factor[:, 0], scale.shape)


def bits_needed(weights: NDArray[np.int8], bits: int) -> int:
    """Bits a weight that a layer keeps when `bits` are asked for: at least 2 where zeros and one magnitude say it all.

    Such a layer adds or picks values (see `rails`); a single bit could not leave any out.
    """
    magnitudes = np.unique(np.abs(weights.astype(np.int16)))
    structural = len(magnitudes) == 2 and magnitudes[0] == 0
    return max(bits, 2) if structural else bits


def _least_squares_codes(rows: Floats, largest: Floats, top: int) -> tuple[Floats, Floats]:
    """Codes in +-top of each row, and the row's scale, of the clipping that leaves the least squared error."""
    best_codes, best_scale = np.zeros_like(rows), np.ones_like(largest)
    best = np.full(largest.shape, np.inf)
    for part in CLIPPING:
        step = np.where(largest > 0, largest * part / top, 1.0)
        codes = np.clip(np.rint(rows / step), -top, top)
        power = (codes * codes).sum(axis=1, keepdims=True)
        fitted = np.where(power > 0, (codes * rows).sum(axis=1, keepdims=True) / np.maximum(power, 1.0), step)
        error = ((rows - fitted * codes) ** 2).sum(axis=1, keepdims=True)
        better = error < best
        best = np.where(better, error, best)
        best_scale = np.where(better, fitted, best_scale)
        best_codes = np.where(better, codes, best_codes)
    return best_codes, best_scale


def thresholds(scale: Floats, step_in: float, step_out: float, layer: str = "") -> NDArray[np.int64]:
    """theta, int64 [out_channels], at least 1. Raises `InputError` beyond 64 bits, with the `layer` if it is named."""
    return np.maximum(_integers(step_out / (scale * step_in), "thresholds", layer), 1)


def integer_bias(bias: Floats, scale: Floats, step_in: float, layer: str = "") -> NDArray[np.int64]:
    """The bias in units of the membrane, int64 [out_channels], without theta // 2. Raises like `thresholds`."""
    return _integers(bias / (scale * step_in), "bias", layer)


def _integers(values: Floats, what: str, layer: str) -> NDArray[np.int64]:
    largest = float(np.abs(values).max(initial=0.0))
    if not largest < 2.0**62:
        rule = f"{what} do not fit an integer of 64 bits"
        raise InputError(Problem(rule, key=layer, value=largest, allowed="below 2^62"))
    return np.rint(values).astype(np.int64)
