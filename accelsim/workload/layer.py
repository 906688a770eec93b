"""One layer of a network, as the mapping and the engine see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Op = Literal[
    "conv2d",
    "linear",
    "attention_scores",
    "attention_values",
    "maxpool2d",
    "avgpool2d",
    "add",
    "concat",
    "upsample",
]
Kind = Literal["spikes", "integers"]
Shape = tuple[int, int, int]

WEIGHTED_OPS: tuple[Op, ...] = ("conv2d", "linear")
"""Operators with weights of their own."""

ATTENTION_OPS: tuple[Op, ...] = ("attention_scores", "attention_values")
"""Products of two operands of words: the second takes the place of weights."""

ARRAY_OPS: tuple[Op, ...] = (*WEIGHTED_OPS, *ATTENTION_OPS)
"""Operators that the PE array runs; the neuron unit runs the others."""

POOL_OPS: tuple[Op, ...] = ("maxpool2d", "avgpool2d")


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of the graph: its shape and the words that it consumes and produces.

    Shapes are (channels, rows, columns). A `linear` layer is the convolution whose kernel covers its whole input
    (`kernel` = rows and columns of `in_shape`), so that flattening needs no layer of its own. `avgpool2d` yields the
    sum over its window: the division is folded into the weights that follow, as integer hardware does it. `add` sums
    the words of its two `inputs`, `concat` joins the channels of its inputs (`operand_channels`; `in_shape` is that of
    the joined map), `upsample` repeats every word `factor` times along rows and columns.

    Channels are cut into `groups`; those of one group of outputs see those of one group of inputs only. A depthwise
    convolution has a group for each channel. `dilation` is the distance of neighbouring taps.

    Attention products take the N = rows x columns positions of a map as tokens and have a group for each head, h of
    them. Each is a convolution with a 1x1 kernel whose weights are the words of the second operand:
    `attention_scores` of q and k, both (C, rows, columns), makes (h N, rows, columns), channel g N + j of token i
    being the sum over the channels c of head g of q[c, i] k[c, j]; `attention_values` of scores and v, (h N, rows,
    columns) and (C, rows, columns), makes (C, rows, columns), channel c of head g being the sum over tokens j of
    scores[g N + j, i] v[c, j].

    `inputs` names the producers; an empty tuple means that the words come from DRAM. `word_bits` is the width of a
    consumed word (`timesteps * bits_per_step` unless words were summed), `out_word_bits` that of a produced one, and
    `weight_bits` that of a weight, or of a word of the second operand of an attention product. `weight_density` is the
    share of weights that are not zero, where no weights are known. `fires` tells whether
    a neuron encodes the accumulators into spikes; otherwise they leave as they are.
    """

    name: str
    op: Op
    inputs: tuple[str, ...]
    in_shape: Shape
    out_shape: Shape
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
    groups: int = 1
    dilation: tuple[int, int] = (1, 1)
    factor: tuple[int, int] = (1, 1)
    operand_channels: tuple[int, ...] = ()
    weight_density: float = 1.0

    @property
    def operands(self) -> int:
        """Maps that it consumes."""
        return max(1, len(self.inputs))

    def operand_shape(self, operand: int) -> Shape:
        """Shape of the map that it consumes as its operand of that number."""
        if self.operand_channels:
            return self.operand_channels[operand], *self.in_shape[1:]
        if operand == 1 and self.op == "attention_values":
            return self.out_shape
        return self.in_shape

    def operand_bits(self, operand: int) -> int:
        """Width of a word of that operand."""
        return self.weight_bits if operand == 1 and self.op in ATTENTION_OPS else self.word_bits

    @property
    def group_inputs(self) -> int:
        """Input channels of a group."""
        return self.in_shape[0] // self.groups

    @property
    def group_outputs(self) -> int:
        """Output channels of a group."""
        return self.out_shape[0] // self.groups

    @property
    def signed(self) -> bool:
        """Whether signed sums leave it, instead of words that other layers can consume."""
        return self.op in WEIGHTED_OPS and not self.fires

    @property
    def computed(self) -> bool:
        """Whether its words follow from those that it consumes alone, without weights or thresholds."""
        return self.op not in ARRAY_OPS or (self.op in ATTENTION_OPS and not self.fires)

    @property
    def span(self) -> tuple[int, int]:
        """Rows and columns from the first tap of its kernel to the last, both included."""
        (rows, columns), (down, right) = self.kernel, self.dilation
        return (rows - 1) * down + 1, (columns - 1) * right + 1

    @property
    def fan_in(self) -> int:
        """Words in one receptive field, padding included."""
        return self.group_inputs * self.kernel[0] * self.kernel[1]

    @property
    def dense_macs(self) -> int:
        """Multiply-accumulates of a dense pass over one image, padding included; 0 for operators of the neuron unit."""
        channels, rows, columns = self.out_shape
        return self.fan_in * channels * rows * columns if self.op in ARRAY_OPS else 0
