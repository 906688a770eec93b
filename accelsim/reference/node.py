"""A layer of a network before its numbers are chosen: its place in the graph and its window."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.workload.layer import Op


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
