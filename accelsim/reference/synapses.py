"""Sums of weight times word over receptive fields, by the kernel that suits the widths and the density of the words."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from accelsim.reference.kernels import dense, layers
from accelsim.reference.kernels.tile import PANEL, ROWS, UNIT_BYTES
from accelsim.workload.layer import Layer

Words = NDArray[np.int32]
Method = Literal["auto", "dense", "halves", "skip"]
"""How sums are computed, with equal results: all products; the same on halves, even where bytes would do; those of
words that are not silent alone; or as is faster."""

SKIP_DENSITY = 0.02
"""Share of words that are not silent below which skipping the others is faster than computing all products."""

_BYTES, _HALVES = np.dtype(np.int8), np.dtype(np.int16)


class Synapses:
    """The weights [out_channels, in_channels / groups, kernel rows, kernel columns] of a layer of the PE array.

    Kept in the order in which each kernel reads them, made when it is first used. Words of up to 8 bits are multiplied
    as bytes with weights of 8, words of up to 15 bits as halves with weights of 16, and wider ones byte by byte; what
    fits none of these takes the kernel that skips silent words, in 32 or 64 bits. Depthwise convolutions have a kernel
    of their own. Which it is follows from the words at hand, not from the widths that a layer declares.
    """

    def __init__(self, layer: Layer, weights: NDArray[np.integer[Any]]) -> None:
        self.layer = layer
        self.weights = weights
        flat = weights.reshape(len(weights), -1)
        self.largest_weight_sum = int(np.abs(flat.astype(np.int64)).sum(axis=1).max(initial=0))
        self.range = int(weights.min(initial=0)), int(weights.max(initial=0))
        self._arranged: dict[object, NDArray[Any]] = {}

    def sums(self, words: Words, method: Method = "auto", threads: int = 1) -> NDArray[np.int64]:
        """U = sum of weight times word over the receptive field, without a bias: int64 [out_channels, rows, columns].

        words: int32 [in_channels, rows, columns], of any sign. `threads` share the output pixels of dense kernels.
        """
        if method not in get_args(Method):
            raise ValueError(f"method is one of {get_args(Method)}, not {method!r}")
        words = np.ascontiguousarray(words, dtype=np.int32)
        smallest, largest, spikes = _measure(words)
        bound = self._bound(smallest, largest)
        width = self._operand_width(smallest, largest, method)
        if method == "skip" or (method == "auto" and spikes < SKIP_DENSITY * words.size):
            return self._skipping(words, bound)
        if self.layer.group_inputs == 1 and self.layer.groups > 1:
            return self._depthwise(words, bound)
        if width is not None and bound < 1 << 31:
            return self._dense(words, width, threads)
        if smallest >= 0 and fits(self.range, 8) and 255 * self.largest_weight_sum < 1 << 31:
            return self._by_digits(words, largest, threads)
        return self._skipping(words, bound)

    def bound(self, words: Words) -> int:
        """A bound on the magnitude of every running sum of these words, from the largest of them alone."""
        smallest, largest, _ = _measure(np.ascontiguousarray(words, dtype=np.int32))
        return self._bound(smallest, largest)

    @property
    def by_tap(self) -> NDArray[np.int64]:
        """Weights in the order kernel row, kernel column, input channel, output channel."""
        return self._weights_as("tap", lambda: np.ascontiguousarray(self.weights.transpose(2, 3, 1, 0), dtype=np.int64))

    def _bound(self, smallest: int, largest: int) -> int:
        return max(largest, -smallest) * self.largest_weight_sum

    def _operand_width(self, smallest: int, largest: int, method: Method) -> np.dtype[Any] | None:
        if method != "halves" and smallest >= 0 and largest < 1 << 8 and fits(self.range, 8):
            return _BYTES
        return _HALVES if fits((smallest, largest), 16) and fits(self.range, 16) else None

    def _dense(self, words: Words, width: np.dtype[Any], threads: int) -> NDArray[np.int64]:
        layer = self.layer
        channels, rows, columns = words.shape
        down, right = layer.padding
        padded = np.empty(
            (rows + 2 * down, columns + 2 * right, channels), dtype=np.uint8 if width == _BYTES else np.int16
        )
        dense.spread(words, down, right, padded)
        pixels = layer.out_shape[1] * layer.out_shape[2]
        sums = np.empty((layer.out_shape[0], pixels), dtype=np.int64)
        panels = self._weights_as(width, lambda: self._panels(width))

        def convolve(begin: int, end: int) -> None:
            dense.convolve_dense(
                padded,
                panels,
                *layer.kernel,
                *layer.stride,
                *layer.dilation,
                layer.groups,
                layer.out_shape[2],
                begin,
                end,
                sums,
            )

        share = -(-pixels // (threads * ROWS)) * ROWS
        shares = [(first, min(first + share, pixels)) for first in range(0, pixels, share)]
        _in_threads(convolve, shares, threads)
        return sums.reshape(layer.out_shape)

    def _by_digits(self, words: Words, largest: int, threads: int) -> NDArray[np.int64]:
        """The sums of words of any width, byte by byte of the words."""
        sums = np.zeros(self.layer.out_shape, dtype=np.int64)
        for shift in range(0, largest.bit_length(), 8):
            sums += self._dense((words >> shift) & 255, _BYTES, threads) << shift
        return sums

    def _depthwise(self, words: Words, bound: int) -> NDArray[np.int64]:
        layer, width = self.layer, _sum_width(bound)
        weights = self._weights_as(("depthwise", width), lambda: np.ascontiguousarray(self.weights[:, 0], dtype=width))
        sums = np.empty(layer.out_shape, dtype=width)
        dense.convolve_depthwise(words, weights, *layer.stride, *layer.padding, *layer.dilation, sums)
        return sums.astype(np.int64, copy=False)

    def _skipping(self, words: Words, bound: int) -> NDArray[np.int64]:
        layer, width = self.layer, _sum_width(bound)
        weights = self._weights_as(
            ("skip", width), lambda: np.ascontiguousarray(self.weights.transpose(1, 2, 3, 0), dtype=width)
        )
        channels, rows, columns = layer.out_shape
        sums = np.zeros((rows, columns, channels), dtype=width)
        layers.convolve(words, weights, *layer.stride, *layer.padding, *layer.dilation, layer.groups, sums)
        return np.ascontiguousarray(sums.transpose(2, 0, 1), dtype=np.int64)

    def _weights_as(self, order: object, arrange: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        if order not in self._arranged:
            self._arranged[order] = arrange()
        return self._arranged[order]

    def _panels(self, width: np.dtype[Any]) -> NDArray[Any]:
        """Weights of a group in panels of output channels, by [unit of the fan-in, output channel, place in it]."""
        layer = self.layer
        unit = UNIT_BYTES // width.itemsize
        panels = -(-layer.group_outputs // PANEL)
        units = -(-layer.fan_in // unit)
        by_group = self.weights.transpose(0, 2, 3, 1).reshape(layer.groups, layer.group_outputs, layer.fan_in)
        filled = np.zeros((layer.groups, panels * PANEL, units * unit), dtype=width)
        filled[:, : layer.group_outputs, : layer.fan_in] = by_group
        panelled = filled.reshape(layer.groups * panels, PANEL, units, unit).transpose(0, 2, 1, 3)
        return np.ascontiguousarray(panelled).reshape(layer.groups * panels, -1)


def _measure(words: Words) -> tuple[int, int, int]:
    smallest, largest, spikes = dense.measure(words.reshape(-1))
    return int(smallest), int(largest), int(spikes)


def _sum_width(bound: int) -> np.dtype[Any]:
    return np.dtype(np.int32 if bound < 1 << 31 else np.int64)


def fits(span: tuple[int, int], bits: int) -> bool:
    """Whether a smallest and a largest number are within two's complement of so many bits."""
    return -(1 << (bits - 1)) <= span[0] and span[1] < 1 << (bits - 1)


def _in_threads(work: Callable[[int, int], None], shares: list[tuple[int, int]], threads: int) -> None:
    """Call `work` on every share, in so many threads; kernels release the lock of Python."""
    if threads == 1 or len(shares) == 1:
        for share in shares:
            work(*share)
        return
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(work, *share) for share in shares]:
            done.result()
