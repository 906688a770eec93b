"""The operators of a layer over real numbers, for a batch of maps: float32 [images, channels, rows, columns]."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

from accelsim.reference.node import Node, window_shape

Reals = NDArray[np.float32]


def compute(
    node: Node,
    operands: Sequence[Reals],
    weights: Reals | None = None,
    bias: NDArray[np.float64] | None = None,
    gain: float = 1.0,
) -> Reals:
    """What a layer computes before its activation; windows and attention products are those of `Layer`.

    Zeros pad convolutions and averages (which count them), nothing pads a maximum.
    """
    first = operands[0]
    if weights is not None:
        sums = _convolve(first, weights, node)
        return sums if bias is None else sums + bias.astype(np.float32)[:, None, None]
    if node.op == "add":
        return sum(operands[1:], first)
    if node.op == "concat":
        return np.concatenate(operands, axis=1)
    if node.op == "upsample":
        return first.repeat(node.factor[0], axis=2).repeat(node.factor[1], axis=3)
    if node.op == "maxpool2d":
        taps = _taps(_pad(first, node, -np.inf), node)
        largest = next(taps)[1].copy()
        for _, tap in taps:
            np.maximum(largest, tap, out=largest)
        return largest
    if node.op == "avgpool2d":
        total = sum((tap for _, tap in _taps(_pad(first, node), node)), np.float32(0))
        return np.asarray(total / np.float32(prod(node.kernel)), dtype=np.float32)
    return np.float32(gain) * _attend(node, first, operands[1])


def column_bytes(node: Node, in_channels: int, size: tuple[int, ...]) -> int:
    """Bytes that `compute` needs for one image besides what it returns, for an input of `size` rows and columns."""
    return (
        4 * prod(node.kernel) * in_channels * prod(window_shape(size, node)) if node.op in ("conv2d", "linear") else 0
    )


def _convolve(values: Reals, weights: Reals, node: Node) -> Reals:
    images, channels = values.shape[:2]
    outputs, members = weights.shape[:2]
    rows, columns = window_shape(values.shape[2:], node)
    padded = _pad(values, node)
    if members == 1 and node.groups == channels:
        shared = padded.repeat(outputs // channels, axis=1)
        taps = (tap * weights[:, 0, down, right, None, None] for (down, right), tap in _taps(shared, node))
        return sum(taps, np.zeros((images, outputs, rows, columns), dtype=np.float32))
    windows = (
        np.stack([tap for _, tap in _taps(padded, node)], axis=2) if prod(node.kernel) > 1 else _single(padded, node)
    )
    unrolled = windows.reshape(images, node.groups, members * prod(node.kernel), rows * columns)
    sums = weights.reshape(node.groups, outputs // node.groups, -1) @ unrolled
    return sums.reshape(images, outputs, rows, columns)


def _single(padded: Reals, node: Node) -> Reals:
    return next(_taps(padded, node))[1]


def _attend(node: Node, first: Reals, second: Reals) -> Reals:
    images, channels, rows, columns = second.shape
    scanned = first.reshape(images, node.groups, -1, rows * columns)
    others = second.reshape(images, node.groups, channels // node.groups, rows * columns)
    if node.op == "attention_scores":
        others = others.swapaxes(2, 3)
    return (others @ scanned).reshape(images, -1, rows, columns)


def _pad(values: Reals, node: Node, value: float = 0.0) -> Reals:
    down, right = node.padding
    if not down and not right:
        return values
    return np.pad(values, ((0, 0), (0, 0), (down, down), (right, right)), constant_values=value)


def _taps(padded: Reals, node: Node) -> Iterator[tuple[tuple[int, int], Reals]]:
    """What each tap of the kernel sees at all positions: its row and column, and [images, channels, rows, columns]."""
    rows, columns = (
        (length - (kernel - 1) * dilation - 1) // stride + 1
        for length, kernel, dilation, stride in zip(
            padded.shape[2:], node.kernel, node.dilation, node.stride, strict=True
        )
    )
    for down in range(node.kernel[0]):
        for right in range(node.kernel[1]):
            top, left = down * node.dilation[0], right * node.dilation[1]
            yield (
                (down, right),
                padded[
                    :,
                    :,
                    top : top + (rows - 1) * node.stride[0] + 1 : node.stride[0],
                    left : left + (columns - 1) * node.stride[1] + 1 : node.stride[1],
                ],
            )
