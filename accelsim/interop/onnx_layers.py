"""ONNX operators that are layers of their own: convolutions, matrix products, pools, upsampling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.interop.onnx_constant import given
from accelsim.interop.onnx_draft import Drafts, Floats, Value
from accelsim.interop.onnx_file import Array, OnnxNode
from accelsim.interop.onnx_layout import Axis, Layout, Part, Refusal, in_order, positions, whole
from accelsim.interop.onnx_window import window
from accelsim.reference.node import Node, window_shape
from accelsim.reference.reals import Reals
from accelsim.workload.layer import Op, Shape

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


def _arranged(weights: Reals, order: NDArray[np.int64]) -> Reals:
    """Weights whose inputs (axis 1) stand in the order of the map, of those that stand as the tensor has them."""
    return weights if (np.diff(order) > 0).all() else weights[:, np.argsort(order)]


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


def attention(drafts: Drafts, node: OnnxNode, first: Value, second: Value) -> Value:
    """A product of two tensors over heads: scores of queries and keys, or values weighted by scores."""
    first, second = drafts.unpadded(first), drafts.unpadded(second)
    axes = len(first.layout.axes)
    if len(second.layout.axes) != axes or axes < 3 or first.layout.sizes[:-2] != second.layout.sizes[:-2]:
        value = f"{list(first.layout.sizes)} and {list(second.layout.sizes)}"
        raise Refusal("multiplies tensors of unlike axes", value, "[batch, heads, tokens, channels] twice")
    if first.layout.sizes[-1] != second.layout.sizes[-2] or first.shape[1:] != second.shape[1:]:
        value = f"{list(first.layout.sizes)} and {list(second.layout.sizes)}"
        raise Refusal("multiplies tensors of unlike tokens", value, "self-attention: as many keys as queries")
    left, right = _Side(first, rows=True), _Side(second, rows=False)
    if left.inner_channels and right.inner_channels and left.heads == right.heads and left.inner == right.inner:
        heads, tokens = left.heads, right.tokens
        shape: Shape = (heads * tokens, *first.shape[1:])
        layout = Layout((*left.batch(heads, tokens), left.outer, whole("channels", tokens)))
        described = Node(layer_name(node), "attention_scores", groups=heads)
        operands = [first, second]
    elif left.inner_channels and right.outer_channels and right.inner_tokens and left.heads == right.heads:
        heads, shape = left.heads, second.shape
        layout = Layout((*right.batch(heads, right.outer_size), left.outer, right.outer))
        described = Node(layer_name(node), "attention_values", groups=heads)
        operands = [first, second]
    elif right.inner_channels and left.outer_channels and left.inner_tokens and left.heads == right.heads:
        heads, shape = right.heads, first.shape
        layout = Layout((*left.batch(heads, left.outer_size), left.outer, right.outer))
        described = Node(layer_name(node), "attention_values", groups=heads)
        operands = [second, first]
    else:
        rule = "is no product of attention: queries and keys over channels, or scores and values over tokens"
        raise Refusal(
            rule, f"{list(first.layout.sizes)} and {list(second.layout.sizes)}", "heads as factors of channels"
        )
    return drafts.add(described, operands, shape, layout, gain=first.scale * second.scale)


class _Side:
    """One operand of an attention product: which axis is summed over (`inner`), and what the other holds."""

    def __init__(self, value: Value, rows: bool) -> None:
        axes = value.layout.axes
        self.value = value
        self.outer, self.summed = (axes[-2], axes[-1]) if rows else (axes[-1], axes[-2])
        self.inner = prod(factor.size for factor in self.summed)
        self.outer_size = prod(factor.size for factor in self.outer)
        self.tokens = value.shape[1] * value.shape[2]
        # TorchScript and its successor alike put heads before tokens: all axes but the last two.
        channels = value.shape[0]
        self.inner_channels = self._fast_channels(self.summed) and in_order(self.outer, SPACE, value.shape)
        self.outer_channels = self._fast_channels(self.outer)
        self.inner_tokens = in_order(self.summed, SPACE, value.shape)
        fast = self.inner if self.inner_channels else self.outer_size
        self.heads = channels // fast if fast and channels % fast == 0 else 0
        slow: Axis = tuple(factor for axis in axes[:-2] for factor in axis if factor.part != "batch")
        wanted = self.heads > 1
        if slow != (() if not wanted else (replace(whole("channels", self.heads)[0], stride=fast),)):
            self.heads = 0

    def _fast_channels(self, axis: Axis) -> bool:
        """Whether the axis holds neighbouring channels, and nothing else."""
        return all(factor.part == "channels" and factor.stride == 1 for factor in axis) and len(axis) < 2

    def batch(self, heads: int, fast: int) -> tuple[Axis, ...]:
        """All axes but the last two, for a result of that many neighbouring channels a head."""
        return tuple(
            tuple(replace(factor, stride=fast) if factor.part == "channels" else factor for factor in axis)
            for axis in self.value.layout.axes[:-2]
        )


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
    if op == "avgpool2d" and node.attributes.get("ceil_mode", 0) and not _covers(value, place.kernel, place):
        raise Refusal("ceil_mode adds a window that is not whole", 1, "ceil_mode: 0")
    described = Node(layer_name(node), op, kernel=place.kernel, stride=place.stride, padding=place.padding)
    return _pooled(drafts, described, value, value.layout.axes[1])


def _covers(value: Value, kernel: Sequence[int], place: Any) -> bool:
    return all(
        (length + 2 * padding - size) % stride == 0
        for length, size, stride, padding in zip(value.shape[1:], kernel, place.stride, place.padding, strict=True)
    )


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
    window = (value.shape[1], value.shape[2])
    described = Node(layer_name(node), op, kernel=window, stride=window)
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
