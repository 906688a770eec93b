"""What an ONNX operator reads: values that follow from the image, constants, and the name that its layer gets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from accelsim.interop.onnx_draft import Floats, Value
from accelsim.interop.onnx_file import Array, OnnxNode
from accelsim.interop.onnx_layout import Part, Refusal, in_order, positions
from accelsim.reference.reals import Reals

Operand = Value | Array | None

SPACE: tuple[Part, ...] = ("rows", "columns")
MAP: tuple[Part, ...] = ("channels", "rows", "columns")


def dynamic(operands: Sequence[Operand], position: int = 0) -> Value:
    """An operand that follows from the image."""
    operand = operands[position] if position < len(operands) else None
    if not isinstance(operand, Value):
        raise Refusal(f"operand {position} is a constant", allowed="what a layer or the image gives")
    return operand


def constant(operands: Sequence[Operand], position: int, what: str) -> Floats | None:
    """A constant operand as float64; None where it is left out."""
    operand = operands[position] if position < len(operands) else None
    if isinstance(operand, Value):
        raise Refusal(f"its {what} depend on the image", allowed="constants")
    return None if operand is None else operand.astype(np.float64)


def needed(operands: Sequence[Operand], position: int, what: str) -> Floats:
    """A constant operand that may not be left out."""
    array = constant(operands, position, what)
    if array is None:
        raise Refusal(f"its {what} are missing")
    if not np.isfinite(array).all():
        raise Refusal(f"its {what} are not finite")
    return array


def kernel_of(operands: Sequence[Operand], position: int = 1) -> Reals:
    """The weights of a layer; they may be many, and are not copied."""
    operand = operands[position] if position < len(operands) else None
    if isinstance(operand, Value):
        raise Refusal("its weights depend on the image", allowed="constants")
    if operand is None or not np.isfinite(operand).all():
        raise Refusal("its weights are missing" if operand is None else "its weights are not finite")
    return np.asarray(operand, dtype=np.float32)


def layer_name(node: OnnxNode, weights: str = "") -> str:
    """The module's name where the exporter left it on the weights, else the node's without what exporters add."""
    if weights.endswith(".weight"):
        return weights.removesuffix(".weight")
    parts: list[str] = []
    for part in node.name.split("/"):
        # Scopes repeat what is around them: /layer1/layer1.0/conv1/Conv.
        parts = [part] if parts and part.startswith(f"{parts[-1]}.") else [*parts, part] if part else parts
    if len(parts) > 1 and weights:
        parts = parts[:-1]
    name = ".".join(parts) or node.op
    return name.removeprefix("node_")


def map_channels(value: Value) -> NDArray[np.int64]:
    """Which channel of the map stands at each place of axis 1 of a tensor [batch, channels, rows, columns]."""
    axes = value.layout.axes
    if len(axes) == 4 and in_order(axes[2], ("rows",), value.shape) and in_order(axes[3], ("columns",), value.shape):
        place = positions(axes[1], ("channels",), value.shape)
        if place is not None:
            return place
    raise Refusal("reads no map", list(value.layout.sizes), "[batch, channels, rows, columns] of one layer")
