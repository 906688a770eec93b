"""ONNX operators on each value by itself: sums, factors, normalisation, activations, zeros around a map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import inf

import numpy as np

from accelsim.interop.onnx.constant import given
from accelsim.interop.onnx.draft import Drafts, Floats, Value
from accelsim.interop.onnx.file import OnnxNode
from accelsim.interop.onnx.layout import Layout, Refusal, in_order, positions, whole
from accelsim.interop.onnx.operands import Operand, constant, dynamic, layer_name, map_channels, needed
from accelsim.reference.ann import RELU, Activation
from accelsim.reference.node import Node


def by_channel(value: Value, array: Floats) -> Floats:
    """A constant that stands beside a tensor, as one number a channel of its map, float64 [channels]."""
    channels, sizes = value.shape[0], value.layout.sizes
    beside = (1,) * (len(sizes) - array.ndim) + array.shape
    if len(beside) > len(sizes) or any(size not in (1, own) for size, own in zip(beside, sizes, strict=True)):
        raise Refusal("a constant that the map would have to be repeated for", [*array.shape], f"within {[*sizes]}")
    if array.size and (array == array.reshape(-1)[0]).all():
        return np.full(channels, array.reshape(-1)[0])
    axes = value.layout.axes[len(value.layout.axes) - array.ndim :]
    if array.ndim <= len(value.layout.axes):
        held = [axis for axis, size in zip(axes, array.shape, strict=True) if size > 1]
        place = positions(tuple(factor for axis in held for factor in axis), ("channels",), value.shape)
        if place is not None and len(place) == array.size:
            return np.asarray(array.reshape(-1)[np.argsort(place)])
    rule = "a constant that differs over more than the channels"
    raise Refusal(rule, [*array.shape], f"one number, or one a channel ({channels})")


def batch_norm(drafts: Drafts, node: OnnxNode, operands: Sequence[Operand]) -> Value:
    """gain (x - mean) / sqrt(variance + epsilon) + offset, folded."""
    value = dynamic(operands)
    if node.attributes.get("training_mode", 0):
        raise Refusal("normalises by the batch", allowed="a network exported in evaluation mode")
    gain, offset, mean, variance = (
        needed(operands, position, what) for position, what in enumerate(("gain", "offset", "mean", "variance"), 1)
    )
    for array in (gain, offset, mean, variance):
        if array.shape != (value.shape[0],):
            raise Refusal("parameters of the wrong shape", [*array.shape], f"[{value.shape[0]}]")
    axes = value.layout.axes
    place = positions(axes[1], ("channels",), value.shape) if len(axes) > 1 else None
    if place is None:
        raise Refusal("normalises another axis than the channels", [*value.layout.sizes])
    factor = gain / np.sqrt(variance + float(node.attributes.get("epsilon", 1e-5)))
    back = np.argsort(place)
    name = layer_name(node, node.inputs[1])
    return drafts.affine(value, factor[back], (offset - mean * factor)[back], name)


def add(drafts: Drafts, node: OnnxNode, operands: Sequence[Operand]) -> Value:
    """Add, Sub and Sum: of two layers, or of a layer and a constant."""
    left, *others = operands
    if not others:
        return dynamic(operands)
    sign = -1.0 if node.op == "Sub" else 1.0
    for number, right in enumerate(others):
        name = layer_name(node) if number == 0 else f"{layer_name(node)}.{number + 1}"
        _name_by_bias(left, right, node)
        left = _sum(drafts, name, left, right, sign)
    return dynamic([left])


def _name_by_bias(left: Operand, right: Operand, node: OnnxNode) -> None:
    """A layer whose weights lost their name, transposed as they were for a MatMul, has its module's from its bias."""
    bias = next((name for name in node.inputs if name.endswith(".bias")), "")
    value = left if isinstance(left, Value) else right
    if not bias or not isinstance(value, Value) or value.draft is None or value.draft.weights is None:
        return
    if not value.shared and not value.draft.activation:
        value.draft.node = replace(value.draft.node, name=bias.removesuffix(".bias"))


def _sum(drafts: Drafts, name: str, left: Operand, right: Operand, sign: float) -> Value:
    if isinstance(right, Value) and isinstance(left, Value):
        right = replace(right, scale=right.scale * sign)
        if left.layout != right.layout or left.shape != right.shape:
            sizes = f"{list(left.layout.sizes)} and {list(right.layout.sizes)}"
            raise Refusal("adds tensors of unlike axes", sizes, "two tensors of one shape")
        scale = left.scale if left.scale == right.scale else 1.0
        if scale == 1:
            left, right = drafts.settled(left, f"{name}.left"), drafts.settled(right, f"{name}.right")
        pair = [replace(drafts.unpadded(value), scale=1.0) for value in (left, right)]
        return replace(drafts.add(Node(name, "add"), pair, left.shape, left.layout), scale=scale)
    if isinstance(right, Value):
        value, other = replace(right, scale=right.scale * sign), needed([left], 0, "summand")
    else:
        value, other = dynamic([left]), sign * needed([right], 0, "summand")
    return drafts.affine(value, np.ones(value.shape[0]), by_channel(value, other), name)


def multiply(drafts: Drafts, node: OnnxNode, operands: Sequence[Operand]) -> Value:
    """Mul and Div by constants; Neg."""
    if sum(isinstance(operand, Value) for operand in operands) > 1:
        raise Refusal("multiplies two maps value by value", allowed="a constant factor, one number or one a channel")
    position = 0 if isinstance(operands[0], Value) else 1
    value = dynamic(operands, position)
    if node.op == "Neg":
        factor = np.full(value.shape[0], -1.0)
    else:
        factor = by_channel(value, needed(operands, 1 - position, "factor"))
    if node.op == "Div":
        if position == 1 or not factor.all():
            raise Refusal("divides by what the image gives, or by 0", allowed="a constant divisor")
        factor = 1 / factor
    return drafts.affine(value, factor, np.zeros(value.shape[0]), layer_name(node))


def rectify(drafts: Drafts, node: OnnxNode, operands: Sequence[Operand]) -> Value:
    """Relu, LeakyRelu, PRelu and Clip from 0 on."""
    value, name = dynamic(operands), layer_name(node)
    if node.op == "Relu":
        return drafts.activated(value, RELU, name)
    if node.op == "LeakyRelu":
        return drafts.activated(value, Activation(float(node.attributes.get("alpha", 0.01))), name)
    if node.op == "PRelu":
        slopes = by_channel(value, needed(operands, 1, "slopes"))
        if (slopes == slopes[0]).all():
            return drafts.activated(value, Activation(float(slopes[0])), name)
        return _by_channel_slopes(drafts, value, slopes, layer_name(node, node.inputs[1]))
    low = node.attributes.get("min", -inf) if "min" in node.attributes else _limit(operands, 1, -inf)
    high = node.attributes.get("max", inf) if "max" in node.attributes else _limit(operands, 2, inf)
    if low != 0 or high <= 0:
        raise Refusal("clips elsewhere than at 0 and above", [low, high], "from 0 on, as ReLU and ReLU6")
    # Exporters write the largest number of a type where there is no upper limit.
    ceiling = float(high) if high < float(np.finfo(np.float32).max) else inf
    return drafts.activated(value, Activation(0.0, ceiling), name)


def _limit(operands: Sequence[Operand], position: int, otherwise: float) -> float:
    limit = constant(operands, position, "limits")
    return otherwise if limit is None or not limit.size else float(limit.reshape(-1)[0])


def _by_channel_slopes(drafts: Drafts, value: Value, slopes: Floats, name: str) -> Value:
    """relu(x) - slope relu(-x): both halves by one depthwise layer, and their sum by another."""
    value = drafts.unpadded(value)
    channels, rows, columns = value.shape
    axis = next((n for n, axis in enumerate(value.layout.axes) if in_order(axis, ("channels",), value.shape)), None)
    if axis is None or channels == 1:
        raise Refusal("slopes by channel of cut or shuffled channels", [*value.layout.sizes])
    halves = np.tile([value.scale, -value.scale], channels).reshape(-1, 1, 1, 1).astype(np.float32)
    layout = value.layout.with_axis(axis, whole("channels", 2 * channels))
    node = Node(f"{name}.halves", "conv2d", groups=channels)
    split = drafts.add(node, [value], (2 * channels, rows, columns), layout, halves)
    split = drafts.activated(split, RELU, name)
    weights = np.stack([np.ones(channels), -slopes], axis=1).reshape(channels, 2, 1, 1).astype(np.float32)
    return drafts.add(Node(name, "conv2d", groups=channels), [split], value.shape, value.layout, weights)


def pad(drafts: Drafts, node: OnnxNode, operands: Sequence[Operand]) -> Value:
    """Zeros around a map, which the next window takes up."""
    value = dynamic(operands)
    map_channels(value)
    mode = node.attributes.get("mode", "constant")
    filling = node.attributes.get("value", _limit(operands, 2, 0.0))
    if mode != "constant" or filling != 0:
        raise Refusal("pads with other values than 0", mode if mode != "constant" else filling, "zeros")
    widths = given(node, operands, "pads", 1) or []
    axes = given(node, operands, "axes", 3) or list(range(len(widths) // 2))
    around = np.zeros((2, 4), dtype=np.int64)
    if len(widths) != 2 * len(axes) or len(axes) > 4:
        raise Refusal("pads are not two a axis", widths)
    for number, axis in enumerate(axes):
        around[:, value.layout.axis(axis)] = widths[number], widths[number + len(axes)]
    if around.min() < 0 or around[:, :2].any():
        raise Refusal("crops, or pads channels", widths, "zeros around rows and columns")
    top, left, bottom, right = (int(size) for size in around[:, 2:].reshape(-1))
    before = value.padding
    return replace(value, padding=(before[0] + top, before[1] + left, before[2] + bottom, before[3] + right))


def concat(drafts: Drafts, node: OnnxNode, operands: Sequence[Operand]) -> Value:
    """Channels of several maps, one behind another."""
    values = [drafts.unpadded(dynamic(operands, position)) for position in range(len(operands))]
    first = values[0]
    axis = first.layout.axis(int(node.attributes["axis"]))
    name = layer_name(node)
    if len(values) == 1:
        return first
    rest = first.layout.with_axis(axis, ())
    for value in values:
        alike = len(value.layout.axes) == len(rest.axes) and value.layout.with_axis(axis, ()) == rest
        if not alike or value.shape[1:] != first.shape[1:]:
            sizes = " and ".join(str(list(other.layout.sizes)) for other in values)
            raise Refusal("joins tensors of unlike axes", sizes, "maps of one size, joined along their channels")
        if not in_order(value.layout.axes[axis], ("channels",), value.shape):
            raise Refusal("joins another axis than the channels", axis, "all channels, in order")
    scale = first.scale if all(value.scale == first.scale for value in values) else 1.0
    if scale == 1:
        values = [drafts.settled(value, f"{name}.{number}") for number, value in enumerate(values, 1)]
    channels = sum(value.shape[0] for value in values)
    layout = rest.with_axis(axis, whole("channels", channels))
    parts = [replace(value, scale=1.0) for value in values]
    made = drafts.add(Node(name, "concat"), parts, (channels, *first.shape[1:]), Layout(layout.axes))
    return replace(made, scale=scale)
