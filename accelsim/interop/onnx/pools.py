"""ONNX operators that change the size of a map and weigh nothing: pools, reductions over space, upsampling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from accelsim.interop.onnx.constant import given
from accelsim.interop.onnx.draft import Drafts, Value
from accelsim.interop.onnx.file import OnnxNode
from accelsim.interop.onnx.layout import Axis, Layout, Refusal, positions
from accelsim.interop.onnx.operands import (
    SPACE,
    Operand,
    constant,
    dynamic,
    layer_name,
    map_channels,
)
from accelsim.interop.onnx.window import window
from accelsim.reference.node import Node, window_shape
from accelsim.workload.layer import Op, Shape


def pool(drafts: Drafts, node: OnnxNode, operands: Sequence[Operand]) -> Value:
    """MaxPool and AveragePool."""
    value = dynamic(operands)
    map_channels(value)
    op: Op = "maxpool2d" if node.op == "MaxPool" else "avgpool2d"
    if op == "maxpool2d":
        value = drafts.unpadded(value)
    if len(node.outputs) > 1 and any(node.outputs[1:]):
        raise Refusal("gives indices", allowed="values alone")
    place = window(node, value, node.attributes.get("kernel_shape", ()), stretch=False)
    if place.dilation != (1, 1):
        raise Refusal("dilates a pool", [*place.dilation], "dilation 1")
    own = any(node.attributes.get("pads", ())) or node.attributes.get("auto_pad", "NOTSET").startswith("SAME")
    if op == "avgpool2d" and own and not node.attributes.get("count_include_pad", 0):
        raise Refusal("averages fewer values at the borders", 0, "count_include_pad: 1")
    if op == "avgpool2d" and not place.whole:
        raise Refusal("ceil_mode adds a window that is not whole", 1, "ceil_mode: 0")
    if op == "maxpool2d" and any(pad >= size for pad, size in zip(place.padding, place.kernel, strict=True)):
        raise Refusal("has windows of padding alone", [*place.padding], f"padding below {[*place.kernel]}")
    described = Node(layer_name(node), op, kernel=place.kernel, stride=place.stride, padding=place.padding)
    return _pooled(drafts, described, value, value.layout.axes[1])


def _pooled(drafts: Drafts, node: Node, value: Value, channels: Axis) -> Value:
    if node.op == "maxpool2d" and value.scale < 0:
        value = drafts.settled(value, f"{node.name}.scale")
    rows, columns = window_shape(value.shape[1:], node)
    shape = (value.shape[0], rows, columns)
    layout = Layout.of_map(value.layout.sizes[0], shape).with_axis(1, channels)
    return _behind(drafts, node, value, shape, layout)


def _behind(drafts: Drafts, node: Node, value: Value, shape: Shape, layout: Layout) -> Value:
    """A layer that lets the scale of its operand through."""
    made = drafts.add(node, [replace(value, scale=1.0)], shape, layout)
    return replace(made, scale=value.scale)


def over_space(drafts: Drafts, node: OnnxNode, operands: Sequence[Operand]) -> Value:
    """GlobalAveragePool, GlobalMaxPool, ReduceMean, ReduceSum and ReduceMax over all rows and columns."""
    value = drafts.unpadded(dynamic(operands))
    keep = bool(node.attributes.get("keepdims", 1))
    axes: list[int] | None = list(range(2, len(value.layout.axes)))
    if node.op.startswith("Reduce"):
        axes = given(node, operands, "axes", 1)
    if axes is None:
        raise Refusal("reduces all axes", allowed="rows and columns")
    axes = [value.layout.axis(axis) for axis in axes]
    held = tuple(factor for axis in sorted(axes) for factor in value.layout.axes[axis])
    if positions(held, SPACE, value.shape) is None:
        raise Refusal("reduces other axes than rows and columns", axes, "all rows and columns")
    tokens = value.shape[1] * value.shape[2]
    layout = value.layout.without(axes, keep)
    if tokens == 1:
        return replace(value, layout=layout)
    op: Op = "maxpool2d" if "Max" in node.op else "avgpool2d"
    if op == "maxpool2d" and value.scale < 0:
        value = drafts.settled(value, f"{node.name}.scale")
    size = (value.shape[1], value.shape[2])
    described = Node(layer_name(node), op, kernel=size, stride=size)
    made = _behind(drafts, described, value, (value.shape[0], 1, 1), layout)
    return replace(made, scale=made.scale * tokens) if node.op == "ReduceSum" else made


def resize(drafts: Drafts, node: OnnxNode, operands: Sequence[Operand]) -> Value:
    """Resize and Upsample to the nearest by whole factors."""
    value = drafts.unpadded(dynamic(operands))
    map_channels(value)
    mode = node.attributes.get("mode", "nearest")
    if mode != "nearest":
        raise Refusal(f"interpolates ({mode})", allowed="mode: nearest")
    last = len(operands) - 1
    sizes = constant(operands, 3, "sizes") if node.op == "Resize" else None
    scales = constant(operands, 1 if node.op == "Upsample" or last == 1 else 2, "scales")
    if "scales" in node.attributes:
        scales = np.asarray(node.attributes["scales"], dtype=np.float64)
    before = np.array(value.layout.sizes)
    if sizes is not None and sizes.shape == (4,):
        # A batch that the exporter wrote down does not bind.
        scales = np.array([1.0, *sizes[1:] / before[1:]])
    if scales is None or scales.shape != (4,):
        raise Refusal("scales of the wrong shape", None, "four numbers")
    if (scales[:2] != 1).any() or (scales != np.rint(scales)).any() or (scales < 1).any() or (scales > 64).any():
        raise Refusal("resizes by a broken factor, or channels", scales.tolist(), "[1, 1, N, N] of whole N up to 64")
    factor = (int(scales[2]), int(scales[3]))
    mode = node.attributes.get("coordinate_transformation_mode", "half_pixel")
    if mode not in _MODES:
        raise Refusal("finds neighbours in another way", mode, ", ".join(_MODES))
    for length, times in zip(value.shape[1:], factor, strict=True):
        if not np.array_equal(_nearest(node, length, times), np.arange(length * times) // times):
            rule = "takes other neighbours than a repetition does"
            given_mode = node.attributes.get("coordinate_transformation_mode", "half_pixel")
            raise Refusal(rule, given_mode, "coordinate_transformation_mode: asymmetric and nearest_mode: floor")
    if factor == (1, 1):
        return value
    shape = (value.shape[0], value.shape[1] * factor[0], value.shape[2] * factor[1])
    layout = Layout.of_map(value.layout.sizes[0], shape).with_axis(1, value.layout.axes[1])
    return _behind(drafts, Node(layer_name(node), "upsample", factor=factor), value, shape, layout)


_MODES = ("half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric")
"""Ways to find the place that a new place stands for; with whole factors the second and third are the first."""


def _nearest(node: OnnxNode, length: int, times: int) -> NDArray[np.int64]:
    """The place that each new place takes its value from."""
    place = np.arange(length * times, dtype=np.float64)
    if node.op == "Upsample":
        return np.floor(place / times).astype(np.int64)
    mode = node.attributes.get("coordinate_transformation_mode", "half_pixel")
    if mode == "align_corners":
        place = place * (length - 1) / max(1, length * times - 1)
    elif mode == "asymmetric":
        place = place / times
    else:
        place = (place + 0.5) / times - 0.5
    nearest = node.attributes.get("nearest_mode", "round_prefer_floor")
    rounded = {
        "floor": np.floor(place),
        "ceil": np.ceil(place),
        "round_prefer_ceil": np.floor(place + 0.5),
    }.get(nearest, np.ceil(place - 0.5))
    return np.clip(rounded, 0, length - 1).astype(np.int64)
