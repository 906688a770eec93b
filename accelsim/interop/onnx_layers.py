"""ONNX operators with weights: convolutions and matrix products."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from accelsim.interop.onnx_attention import attention
from accelsim.interop.onnx_draft import Drafts, Floats, Value
from accelsim.interop.onnx_file import OnnxNode
from accelsim.interop.onnx_layout import Layout, Refusal, in_order, positions, whole
from accelsim.interop.onnx_operands import (
    MAP,
    Operand,
    constant,
    dynamic,
    kernel_of,
    layer_name,
    map_channels,
)
from accelsim.interop.onnx_window import window
from accelsim.reference.node import Node, window_shape
from accelsim.reference.reals import Reals
from accelsim.workload.layer import Op


def conv(drafts: Drafts, node: OnnxNode, operands: Sequence[Operand]) -> Value:
    """Conv over rows and columns; one over tokens where its kernel has one tap."""
    value, weights = dynamic(operands), kernel_of(operands)
    bias = constant(operands, 2, "bias")
    groups = int(node.attributes.get("group", 1))
    name = layer_name(node, node.inputs[1])
    if weights.ndim == 3 and weights.shape[2] == 1 and groups == 1 and len(value.layout.axes) == 3:
        if set(node.attributes.get("strides", (1,))) != {1} or any(node.attributes.get("pads", ())):
            raise Refusal("strides over tokens, or pads them", allowed="stride 1 and no padding")
        return product(drafts, name, value, 1, weights[:, :, 0], bias)
    if weights.ndim != 4:
        raise Refusal(f"convolves {weights.ndim - 2} axes", None, "2: rows and columns")
    order = map_channels(value)
    channels = value.shape[0]
    if groups < 1 or weights.shape[1] * groups != channels or len(weights) % groups:
        allowed = f"[out_channels, {channels} / groups, rows, columns]"
        raise Refusal("weights of the wrong shape", [*weights.shape], allowed)
    if groups > 1 and not in_order(value.layout.axes[1], ("channels",), value.shape):
        raise Refusal("reads shuffled channels by groups", groups, "1 group, or channels in order")
    if groups == 1:
        weights = _arranged(weights, order)
    place = window(node, value, node.attributes.get("kernel_shape", weights.shape[2:]), stretch=True)
    if place.kernel != weights.shape[2:]:
        raise Refusal("kernel_shape is not that of the weights", [*place.kernel], str([*weights.shape[2:]]))
    if place.padded_kernel != place.kernel:
        weights = np.pad(weights, ((0, 0), (0, 0), *zip(place.before, place.after, strict=True)))
    described = Node(
        name,
        "conv2d",
        kernel=place.padded_kernel,
        stride=place.stride,
        padding=place.padding,
        dilation=place.dilation,
        groups=groups,
    )
    return _weighted(drafts, described, value, weights, bias)


def _weighted(drafts: Drafts, node: Node, value: Value, weights: Reals, bias: Floats | None) -> Value:
    _check_bias(bias, len(weights))
    rows, columns = window_shape(value.shape[1:], node)
    shape = (len(weights), rows, columns)
    batch = value.layout.sizes[0]
    return drafts.add(node, [value], shape, Layout.of_map(batch, shape), weights * value.scale, bias)


def _check_bias(bias: Floats | None, channels: int) -> None:
    if bias is not None and bias.shape != (channels,):
        raise Refusal("bias of the wrong shape", [*bias.shape], f"[{channels}]")


def gemm(drafts: Drafts, node: OnnxNode, operands: Sequence[Operand]) -> Value:
    """alpha A B + beta C with constant B and C."""
    value, weights = dynamic(operands), kernel_of(operands)
    bias = constant(operands, 2, "bias")
    if node.attributes.get("transA", 0) or weights.ndim != 2:
        raise Refusal("transposes its input", allowed="transA: 0")
    weights = weights if node.attributes.get("transB", 0) else weights.T
    if bias is not None:
        try:
            bias = np.broadcast_to(bias, (1, len(weights)))[0] * float(node.attributes.get("beta", 1.0))
        except ValueError:
            raise Refusal("bias of the wrong shape", [*bias.shape], f"[{len(weights)}]") from None
    weights = weights * float(node.attributes.get("alpha", 1.0))
    return product(drafts, layer_name(node, node.inputs[1]), value, len(value.layout.axes) - 1, weights, bias)


def matmul(drafts: Drafts, node: OnnxNode, operands: Sequence[Operand]) -> Value:
    """A product with constant weights on either side, or one of attention."""
    first, second = operands[:2]
    if isinstance(first, Value) and isinstance(second, Value):
        return attention(drafts, node, first, second)
    name = layer_name(node, node.inputs[0 if isinstance(second, Value) else 1])
    if isinstance(first, Value):
        weights = kernel_of(operands)
        if weights.ndim == 2:
            return product(drafts, name, first, len(first.layout.axes) - 1, weights.T, None)
    elif isinstance(second, Value):
        weights = kernel_of(operands, 0)
        if weights.ndim == 2 and len(second.layout.axes) > 1:
            return product(drafts, name, second, len(second.layout.axes) - 2, weights, None)
    raise Refusal("weights of the wrong shape", allowed="a matrix")


def product(drafts: Drafts, name: str, value: Value, axis: int, weights: Reals, bias: Floats | None) -> Value:
    """Weights [outputs, inputs] times one axis of a tensor: a linear layer where it holds the whole map, a convolution
    of one tap where it holds the channels and the other axes hold tokens."""
    value = drafts.unpadded(value)
    _check_bias(bias, len(weights))
    held, (channels, rows, columns) = value.layout.axes[axis], value.shape
    if weights.shape[1] != value.layout.sizes[axis]:
        raise Refusal("weights of the wrong shape", [*weights.shape], f"{value.layout.sizes[axis]} inputs")
    op: Op = "conv2d"
    order = positions(held, ("channels",), value.shape)
    kernel, shape = (1, 1), (len(weights), rows, columns)
    if order is None or (rows, columns) == (1, 1):
        op, order = "linear", positions(held, MAP, value.shape)
        kernel, shape = (rows, columns), (len(weights), 1, 1)
    if order is None:
        raise Refusal(
            "multiplies an axis that holds a part of a map only",
            [*value.layout.sizes],
            "all channels, or the whole map",
        )
    kernel_weights = _arranged(weights, order).reshape(len(weights), channels, *kernel)
    layout = value.layout.with_axis(axis, whole("channels", len(weights)))
    return drafts.add(Node(name, op, kernel=kernel), [value], shape, layout, kernel_weights * value.scale, bias)


def _arranged(weights: Reals, order: NDArray[np.int64]) -> Reals:
    """Weights whose inputs (axis 1) stand in the order of the map, of those that stand as the tensor has them."""
    return weights if (np.diff(order) > 0).all() else weights[:, np.argsort(order)]
