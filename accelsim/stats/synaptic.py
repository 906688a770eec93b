"""Synaptic work of a convolution: which outputs an input word reaches, and what that costs by various measures.

All counts are exact integers. A linear layer is the convolution whose kernel covers its input.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray


def reach(size: int, out_size: int, kernel: int, stride: int, padding: int, dilation: int = 1) -> NDArray[np.int64]:
    """For each of `size` input positions along one axis, how many pairs of output position and tap touch it."""
    positions = np.arange(out_size)[:, None] * stride - padding + np.arange(kernel)[None, :] * dilation
    inside = positions[(positions >= 0) & (positions < size)]
    return np.bincount(inside, minlength=size).astype(np.int64)


def reached_sum(
    amounts: NDArray[np.integer[Any]],
    out_shape: tuple[int, int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    groups: int = 1,
    dilation: tuple[int, int] = (1, 1),
) -> int:
    """Sum over input positions of amount times fan-out, the number of synapses that really leave it.

    `amounts`: [channels, rows, columns]. With the number of ones of each word it yields the synaptic operations (one
    accumulate for each spike and synapse, the same on every machine); with 1 for each nonzero word, the multiply-
    accumulates of an array that skips silent words. Taps that lie in the padding are not counted, nor are output
    channels of other groups.
    """
    channels, out_rows, out_columns = out_shape
    plane = amounts.sum(axis=0, dtype=np.int64)
    rows = reach(plane.shape[0], out_rows, kernel[0], stride[0], padding[0], dilation[0])
    columns = reach(plane.shape[1], out_columns, kernel[1], stride[1], padding[1], dilation[1])
    return channels // groups * int(rows @ plane @ columns)


def weighted_sum(
    amounts: NDArray[np.integer[Any]],
    weights: NDArray[np.integer[Any]],
    out_shape: tuple[int, int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    groups: int = 1,
    dilation: tuple[int, int] = (1, 1),
) -> int:
    """As `reached_sum`, over synapses of nonzero weight only: NeuroBench's effective operations.

    `weights`: [out_channels, channels of a group, kernel rows, kernel columns].
    """
    synapses = np.count_nonzero(weights.reshape(groups, -1, *weights.shape[1:]), axis=1)
    synapses = synapses.reshape(-1, *weights.shape[2:])  # [channels, kernel rows, kernel columns]
    (top, left), (_, out_rows, out_columns) = padding, out_shape
    padded = np.pad(amounts.astype(np.int64), ((0, 0), (top, top), (left, left)))
    total = 0
    for row in range(synapses.shape[1]):
        for column in range(synapses.shape[2]):
            seen = padded[
                :,
                row * dilation[0] : row * dilation[0] + (out_rows - 1) * stride[0] + 1 : stride[0],
                column * dilation[1] : column * dilation[1] + (out_columns - 1) * stride[1] + 1 : stride[1],
            ]
            total += int(seen.sum(axis=(1, 2)) @ synapses[:, row, column])
    return total


def bit_budget(timesteps: int, weight_bits: int, spike_bits: int) -> int:
    """BB = T b_w b_s (Shen et al., CVPR 2024, arXiv 2311.10802): bit operations of one dense multiply-accumulate."""
    return timesteps * weight_bits * spike_bits


def s_ace(dense_macs: int, budget: int) -> int:
    """S-ACE = n BB, with n the multiply-accumulates of a dense pass (Shen et al., CVPR 2024)."""
    return dense_macs * budget


def ns_ace(dense_macs: int, budget: int, ones: int, bits: int) -> Fraction:
    """NS-ACE = fr n BB (Shen et al., CVPR 2024), with fr the share of set bits, so that bits and time steps agree."""
    return Fraction(dense_macs * budget * ones, bits)
