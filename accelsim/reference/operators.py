"""The operators of a layer over the words of one image: integers in, integers out, nothing rounds or saturates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from accelsim.reference.kernels import layers as kernels
from accelsim.reference.synapses import Synapses, Words
from accelsim.workload.layer import Layer
from accelsim.workload.workload import Parameters

_synapses: WeakKeyDictionary[Parameters, dict[Layer, Synapses]] = WeakKeyDictionary()


def largest_accumulator(parameters: Parameters, word_bits: int) -> int:
    """Bound on |U + bias| and on every partial sum, for any input words of `word_bits` bits; exact, not wrapped."""
    weights = np.abs(parameters.weights.astype(np.int64)).reshape(len(parameters.weights), -1).sum(axis=1)
    return max(
        int(weight) * ((1 << word_bits) - 1) + abs(int(bias))
        for weight, bias in zip(weights, parameters.bias, strict=True)
    )


def synapses(layer: Layer, parameters: Parameters) -> Synapses:
    """The weights of a layer as the kernels take them, kept for as long as the parameters live."""
    made = _synapses.setdefault(parameters, {})
    if layer not in made:
        made[layer] = Synapses(layer, parameters.weights)
    return made[layer]


def synaptic_sums(words: Words, layer: Layer, parameters: Parameters) -> NDArray[np.int64]:
    """U = sum of weight times word over the receptive field, without the bias: int64 [out_channels, rows, columns].

    A `linear` layer is the convolution whose kernel covers its input.
    """
    return synapses(layer, parameters).sums(words)


def attention(second: Words, layer: Layer) -> Synapses:
    """The second operand of an attention product in the place of weights, those of a 1x1 convolution. See `Layer`."""
    tokens = layer.in_shape[1] * layer.in_shape[2]
    by_head = np.asarray(second, dtype=np.int32).reshape(layer.groups, -1, tokens)
    if layer.op == "attention_scores":
        by_head = by_head.transpose(0, 2, 1)
    return Synapses(layer, by_head.reshape(layer.out_shape[0], layer.group_inputs, 1, 1))


def without_weights(layer: Layer, operands: Sequence[Words]) -> Words:
    """What an operator of the neuron unit makes of its operands, int32 [out_shape]."""
    if layer.op == "add":
        return add(*operands)
    if layer.op == "concat":
        return np.concatenate([_contiguous(words) for words in operands])
    if layer.op == "upsample":
        return _contiguous(operands[0]).repeat(layer.factor[0], axis=1).repeat(layer.factor[1], axis=2)
    return max_pool(operands[0], layer) if layer.op == "maxpool2d" else sum_pool(operands[0], layer)


def max_pool(words: Words, layer: Layer) -> Words:
    """Largest word of each window, int32 [channels, rows, columns]: words are ordered as the values they stand for."""
    pooled = np.empty(layer.out_shape, dtype=np.int32)
    kernels.pool_max(_contiguous(words), *layer.kernel, *layer.stride, *layer.padding, pooled)
    return pooled


def sum_pool(words: Words, layer: Layer) -> Words:
    """Sum of each window, int32 [channels, rows, columns]: the average whose division the next weights hold."""
    pooled = np.empty(layer.out_shape, dtype=np.int32)
    kernels.pool_sum(_contiguous(words), *layer.kernel, *layer.stride, *layer.padding, pooled)
    return pooled


def add(first: Words, second: Words) -> Words:
    """Residual add of the packed words of two branches, int32 [channels, rows, columns]."""
    total = np.empty(first.shape, dtype=np.int32)
    kernels.add(_contiguous(first), _contiguous(second), total)
    return total


def _contiguous(words: NDArray[np.integer[Any]]) -> Words:
    return np.ascontiguousarray(words, dtype=np.int32)
