"""A layer of a network before its numbers are chosen: its place in the graph and its window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from accelsim.workload.layer import Op, Shape


@dataclass(frozen=True, slots=True)
class Node:
    """A layer of the graph; shapes, widths and steps follow from its producers. Windows are as in `Layer`.

    `inputs` is empty for a layer that consumes the image. `stream` names the step of the words that its neurons fire:
    all layers share it whose words are ever added or concatenated. A layer of weights without a stream does not fire.
    """

    name: str
    op: Op
    inputs: tuple[str, ...] = ()
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    stream: str = ""
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    factor: tuple[int, int] = (1, 1)


def window_shape(size: tuple[int, ...], node: Node) -> tuple[int, int]:
    """Rows and columns that a layer's windows make of an input of `size` rows and columns."""
    rows, columns = (
        (length + 2 * padding - (kernel - 1) * dilation - 1) // stride + 1
        for length, padding, kernel, dilation, stride in zip(
            size, node.padding, node.kernel, node.dilation, node.stride, strict=True
        )
    )
    return rows, columns


def output_shape(node: Node, operands: Sequence[Shape], out_channels: int = 0) -> Shape:
    """What a layer makes of operands of these shapes; `out_channels` is that of its weights, where it has some."""
    first = operands[0]
    if node.op == "add":
        return first
    if node.op == "concat":
        return sum(shape[0] for shape in operands), *first[1:]
    if node.op == "upsample":
        return first[0], first[1] * node.factor[0], first[2] * node.factor[1]
    if node.op == "attention_scores":
        return node.groups * first[1] * first[2], *first[1:]
    if node.op == "attention_values":
        return operands[1]
    return out_channels or first[0], *window_shape(first[1:], node)
