"""One layer of a network, as the mapping and the engine see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Op = Literal["conv2d", "linear", "maxpool2d", "avgpool2d", "add"]
Kind = Literal["spikes", "integers"]

ARRAY_OPS: tuple[Op, ...] = ("conv2d", "linear")
"""Operators that the PE array runs; the neuron unit runs the others."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of the graph: its shape and the words that it consumes and produces.

    Shapes are (channels, rows, columns). A `linear` layer is the convolution whose kernel covers its whole input
    (`kernel` = rows and columns of `in_shape`), so that flattening needs no layer of its own. `avgpool2d` yields the
    sum over its window: the division is folded into the weights that follow, as integer hardware does it. `add` sums
    the words of its two `inputs`.

    `inputs` names the producers; an empty tuple means that the words come from DRAM. `word_bits` is the width of a
    consumed word (`timesteps * bits_per_step` unless words were summed), `out_word_bits` that of a produced one.
    `fires` tells whether a neuron encodes the accumulators into spikes; otherwise they leave as they are.
    """

    name: str
    op: Op
    inputs: tuple[str, ...]
    in_shape: tuple[int, int, int]
    out_shape: tuple[int, int, int]
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    weight_bits: int = 0
    kind: Kind = "spikes"
    timesteps: int = 1
    bits_per_step: int = 1
    word_bits: int = 1
    out_word_bits: int = 1
    fires: bool = True

    @property
    def fan_in(self) -> int:
        """Words in one receptive field, padding included."""
        return self.in_shape[0] * self.kernel[0] * self.kernel[1]

    @property
    def dense_macs(self) -> int:
        """Multiply-accumulates of a dense pass over one image, padding included; 0 for operators without weights."""
        channels, rows, columns = self.out_shape
        return self.fan_in * channels * rows * columns if self.op in ARRAY_OPS else 0
