"""Lays the words, weights and outputs of a workload out in the flat arrays that the kernels read."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.build.plane_store import PlaneStore
from accelsim.engine.layout import BLOCK_WORDS, bit_planes
from accelsim.errors import InputError, Problem
from accelsim.units import ceil_div
from accelsim.workload.layer import ARRAY_OPS, Layer
from accelsim.workload.words import attention_weights
from accelsim.workload.workload import Parameters, Workload


class Tensors:
    """Collects arrays and hands out their offsets; words lie as (row, column, channel).

    Timing needs the bit planes of the words that layers consume; equal maps, which several layers or repeated images
    consume, are kept once. `verify` adds the words, the parameters and room for the outputs.
    """

    def __init__(self, workload: Workload, verify: bool) -> None:
        self.workload = workload
        self.verify = verify
        self.output_offsets: dict[tuple[int, str], int] = {}
        self.planes = PlaneStore(max(layer.word_bits for layer in workload.layers))
        self._words: list[NDArray[np.int64]] = []
        self._weights: list[NDArray[np.int8]] = []
        self._bias: list[NDArray[np.int64]] = []
        self._theta: list[NDArray[np.int64]] = []
        self._input_offsets: dict[tuple[str, int, int], int] = {}
        self._offset_of: dict[bytes, int] = {}
        self._parameter_offsets: dict[str, tuple[int, int]] = {}
        self._sizes = {"words": 0, "weights": 0, "parameters": 0, "outputs": 0}

    def _reserve(self, kind: str, size: int) -> int:
        offset = self._sizes[kind]
        self._sizes[kind] += size
        return offset

    def input_offset(self, layer: Layer, image: int, operand: int) -> int:
        """Where the words of an operand begin: at a multiple of BLOCK_WORDS."""
        key = (layer.name, image, operand)
        if key not in self._input_offsets:
            words = self.workload.input_words(layer.name, image, operand)
            words = words.reshape(layer.operand_shape(operand))
            flat = np.ascontiguousarray(words.transpose(1, 2, 0)).ravel()
            content = hashlib.blake2b(flat.data, digest_size=32, person=str(flat.dtype).encode()).digest()
            if content not in self._offset_of:
                self._offset_of[content] = self._add_words(flat, image)
            self._input_offsets[key] = self._offset_of[content]
        return self._input_offsets[key]

    def _add_words(self, flat: NDArray[np.unsignedinteger[Any]], image: int) -> int:
        blocks = ceil_div(flat.size, BLOCK_WORDS)
        self.planes.add(bit_planes(flat, self.planes.planes), image)
        if self.verify:
            padded = np.zeros(blocks * BLOCK_WORDS, np.int64)
            padded[: flat.size] = flat
            self._words.append(padded)
        return self._reserve("words", blocks * BLOCK_WORDS)

    def parameter_offsets(self, layer: Layer) -> tuple[int, int]:
        """Where the weights, and where bias and threshold of a layer begin."""
        if layer.op not in ARRAY_OPS or not self.verify:
            return 0, 0
        if layer.name not in self._parameter_offsets:
            parameters = self.workload.parameters(layer.name)
            if layer.computed:
                channels = layer.out_shape[0]
                empty = np.zeros((channels, 0, 1, 1), np.int8)
                parameters = Parameters(empty, np.zeros(channels, np.int64), np.ones(channels, np.int64))
            if parameters is None:
                raise InputError(
                    Problem("--verify needs weights, bias and theta in the trace", key=f"weights/{layer.name}")
                )
            flat = _rows_of_weights(layer, parameters.weights)
            self._parameter_offsets[layer.name] = (
                self._reserve("weights", flat.size),
                self._reserve("parameters", parameters.bias.size),
            )
            self._weights.append(flat)
            self._bias.append(parameters.bias)
            self._theta.append(parameters.theta)
        return self._parameter_offsets[layer.name]

    def second_operand_offset(self, layer: Layer, image: int) -> int:
        """Where the words begin that an attention product takes in place of weights, laid out as its weights."""
        if not self.verify:
            return 0
        key = (layer.name, image, -1)
        if key not in self._input_offsets:
            words = attention_weights(layer, self.workload.input_words(layer.name, image, 1))
            self._input_offsets[key] = self._add_words(words.ravel().astype(np.uint32), image)
        return self._input_offsets[key]

    def output_offset(self, layer: Layer, image: int) -> int:
        """Where the computed outputs of a layer begin."""
        if not self.verify:
            return 0
        key = (image, layer.name)
        if key not in self.output_offsets:
            self.output_offsets[key] = self._reserve("outputs", int(np.prod(layer.out_shape)))
        return self.output_offsets[key]

    def words(self) -> NDArray[np.int64]:
        return np.concatenate(self._words) if self._words else np.zeros(1, np.int64)

    def weights(self) -> NDArray[np.int8]:
        return np.concatenate(self._weights) if self._weights else np.zeros(1, np.int8)

    def bias(self) -> NDArray[np.int64]:
        return np.concatenate(self._bias) if self._bias else np.zeros(1, np.int64)

    def theta(self) -> NDArray[np.int64]:
        return np.concatenate(self._theta) if self._theta else np.zeros(1, np.int64)

    def outputs(self) -> NDArray[np.int64]:
        return np.zeros(max(1, self._sizes["outputs"]), np.int64)


def _rows_of_weights(layer: Layer, weights: NDArray[np.int8]) -> NDArray[np.int8]:
    """Weights in rows (kernel row, kernel column, input channel), each for the output channels of its group."""
    grouped = weights.reshape(layer.groups, layer.group_outputs, *weights.shape[1:])
    return np.ascontiguousarray(grouped.transpose(3, 4, 0, 2, 1)).ravel()
