"""Arrays of spike words: their types, and what pools and residual adds make of them."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.workload.layer import ATTENTION_OPS, Layer

Words = NDArray[np.unsignedinteger[Any]]


def smallest_unsigned(bits: int) -> type[np.unsignedinteger[Any]]:
    """The narrowest type that holds words of that many bits, at most 32."""
    return np.uint8 if bits <= 8 else np.uint16 if bits <= 16 else np.uint32


def generator(seed: int, name: str, image: int) -> np.random.Generator:
    """The generator of one array: the same words come out whatever else is drawn, and in whatever order."""
    return np.random.default_rng([seed, zlib.crc32(name.encode()), image])


def unpool(rng: np.random.Generator, pooled: Words, drawn: Words, window: tuple[int, int]) -> Words:
    """Words like `drawn` whose max pool (stride = window, no padding) is `pooled`.

    A random place of each window gets the pooled word; the others keep the bits that their drawn word has in common
    with it, and what lies in no window stays as drawn. Both arrays are [channels, rows, columns].
    """
    channels, rows, columns = pooled.shape
    height, width = window
    words = drawn.copy()
    tiles = words[:, : rows * height, : columns * width].reshape(channels, rows, height, columns, width)
    tiles = tiles.transpose(0, 1, 3, 2, 4)
    windows = tiles.reshape(channels, rows, columns, height * width) & pooled[..., None]
    place = rng.integers(0, height * width, pooled.shape)
    np.put_along_axis(windows, place[..., None], pooled[..., None], axis=3)
    tiles = windows.reshape(tiles.shape).transpose(0, 1, 3, 2, 4)
    words[:, : rows * height, : columns * width] = tiles.reshape(channels, rows * height, columns * width)
    return words


def draw_accumulators(rng: np.random.Generator, layer: Layer) -> NDArray[np.int64]:
    """Sums that a layer without neurons could have made: signed, of zero mean, within its width."""
    bits = min(layer.out_word_bits, 31, layer.word_bits + layer.weight_bits + layer.fan_in.bit_length())
    return rng.integers(-(1 << (bits - 1)), 1 << (bits - 1), layer.out_shape)


def compute_words(layer: Layer, operands: Sequence[Words]) -> Words:
    """The words [out_shape] that follow from the words of a `computed` layer's operands."""
    dtype = smallest_unsigned(layer.out_word_bits)
    if layer.op == "add":
        return (operands[0].astype(np.int64) + operands[1]).astype(dtype)
    if layer.op == "concat":
        return np.concatenate([words.reshape(layer.operand_shape(n)) for n, words in enumerate(operands)]).astype(dtype)
    if layer.op == "upsample":
        return operands[0].astype(dtype).repeat(layer.factor[0], axis=1).repeat(layer.factor[1], axis=2)
    if layer.op in ATTENTION_OPS:
        return attention_product(layer, *operands).astype(dtype)
    (top, left), (height, width) = layer.padding, layer.kernel
    padded = np.pad(operands[0], ((0, 0), (top, top), (left, left))).astype(dtype)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 2))
    windows = windows[:, :: layer.stride[0], :: layer.stride[1]]
    pooled = windows.max(axis=(3, 4)) if layer.op == "maxpool2d" else windows.sum(axis=(3, 4), dtype=np.int64)
    return np.ascontiguousarray(pooled, dtype=dtype)


def attention_weights(layer: Layer, second: NDArray[Any]) -> NDArray[np.int64]:
    """The second operand of an attention product as the weights of a 1x1 convolution.

    int64 [in channels, outputs of a group]: the weights of an input channel for the outputs of its head.
    """
    tokens = second.reshape(layer.groups, -1, second.shape[1] * second.shape[2]).astype(np.int64)
    if layer.op == "attention_scores":
        return tokens.reshape(-1, tokens.shape[2])
    return np.ascontiguousarray(tokens.transpose(0, 2, 1)).reshape(-1, tokens.shape[1])


def attention_product(layer: Layer, first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.int64]:
    """The sums [out_shape] of an attention product of two operands of words."""
    weights = attention_weights(layer, second).reshape(layer.groups, layer.group_inputs, layer.group_outputs)
    scanned = first.reshape(layer.groups, layer.group_inputs, -1)
    if layer.fan_in << (layer.word_bits + layer.weight_bits) <= 1 << 53:
        # Products of floats are much faster, and these are exact.
        products = weights.transpose(0, 2, 1).astype(np.float64) @ scanned.astype(np.float64)
        return products.astype(np.int64).reshape(layer.out_shape)
    sums: NDArray[np.int64] = weights.transpose(0, 2, 1).astype(np.int64) @ scanned.astype(np.int64)
    return sums.reshape(layer.out_shape)


def is_plain_max_pool(layer: Layer) -> bool:
    """Whether the windows of a max pool lie side by side, so that it can be undone."""
    return layer.op == "maxpool2d" and layer.stride == layer.kernel and layer.padding == (0, 0)


def drawing_note(names: Sequence[str]) -> list[str]:
    """What to tell people about layers whose output words were drawn."""
    return [f"not recorded, so drawn at random: outputs of {', '.join(names)}"] if names else []
