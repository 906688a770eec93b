"""ONNX operators that only look at a tensor in another way, or at a part of its channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from math import prod

import numpy as np
from numpy.typing import NDArray

from accelsim.interop.onnx.constant import given, slices, target_sizes
from accelsim.interop.onnx.draft import Drafts, Value
from accelsim.interop.onnx.file import OnnxNode
from accelsim.interop.onnx.layout import Axis, Factor, Layout, Refusal
from accelsim.interop.onnx.operands import Operand, constant, dynamic, layer_name
from accelsim.reference.node import Node


def same(drafts: Drafts, node: OnnxNode, operands: Sequence[Operand]) -> Value:
    """Identity, Dropout and casts between real numbers."""
    if node.op == "Cast" and int(node.attributes.get("to", 1)) not in (1, 10, 11, 16):
        raise Refusal("makes integers of activations", node.attributes.get("to"), "real numbers")
    if node.op == "Dropout" and len(operands) > 2:
        training = constant(operands, 2, "mode")
        if training is not None and training.any():
            raise Refusal("drops at random", allowed="a network exported in evaluation mode")
    return dynamic(operands)


def reshape(drafts: Drafts, node: OnnxNode, operands: Sequence[Operand]) -> Value:
    """Reshape, Flatten, Squeeze and Unsqueeze."""
    value = drafts.unpadded(dynamic(operands))
    sizes = list(value.layout.sizes)
    if node.op == "Reshape":
        wanted = given(node, operands, "shape", 1)
        if wanted is None:
            raise Refusal("has no shape to make")
        sizes = target_sizes(sizes, wanted, bool(node.attributes.get("allowzero", 0)))
    elif node.op == "Flatten":
        axis = int(node.attributes.get("axis", 1))
        axis = axis if axis == len(sizes) else value.layout.axis(axis)
        sizes = [prod(sizes[:axis]), prod(sizes[axis:])]
    elif node.op == "Squeeze":
        axes = given(node, operands, "axes", 1)
        chosen = [n for n, size in enumerate(sizes) if size == 1] if axes is None else [*map(value.layout.axis, axes)]
        if any(sizes[axis] != 1 for axis in chosen):
            raise Refusal("drops an axis that is not of size 1", sizes)
        sizes = [size for axis, size in enumerate(sizes) if axis not in chosen]
    else:
        axes = given(node, operands, "axes", 1) or []
        rank = len(sizes) + len(axes)
        if not all(-rank <= axis < rank for axis in axes):
            raise Refusal("axis does not exist", axes, f"{rank} axes")
        for axis in sorted(axis % rank for axis in axes):
            sizes.insert(axis, 1)
    return replace(value, layout=value.layout.reshaped(sizes))


def transpose(drafts: Drafts, node: OnnxNode, operands: Sequence[Operand]) -> Value:
    """Axes in another order."""
    value = drafts.unpadded(dynamic(operands))
    order = node.attributes.get("perm", tuple(reversed(range(len(value.layout.axes)))))
    return replace(value, layout=value.layout.transposed(order))


def part(drafts: Drafts, node: OnnxNode, operands: Sequence[Operand]) -> list[Value]:
    """Slice, Split and Gather of channels: the layer again, with those channels alone."""
    value = drafts.unpadded(dynamic(operands))
    sizes = value.layout.sizes
    if node.op == "Slice":
        made = value
        for axis, start, end, step in slices(node, operands, len(sizes)):
            places = np.arange(sizes[axis])[slice(start, end if end >= -sizes[axis] or step > 0 else None, step)]
            made = _taken(drafts, node, made, axis, places)
        return [made]
    axis = value.layout.axis(int(node.attributes.get("axis", 0)))
    if node.op == "Gather":
        index = operands[1]
        if not isinstance(index, np.ndarray) or index.size != 1 or not -sizes[axis] <= index.item() < sizes[axis]:
            raise Refusal("gathers more than one place", allowed="one constant place")
        made = _taken(drafts, node, value, axis, np.array([index.item() % sizes[axis]]))
        return [replace(made, layout=made.layout.without([axis], index.ndim > 0))]
    lengths = given(node, operands, "split", 1)
    if lengths is None:
        each = -(-sizes[axis] // len(node.outputs))
        lengths = [min(each, sizes[axis] - n * each) for n in range(len(node.outputs))]
    if sum(lengths) != sizes[axis] or len(lengths) != len(node.outputs) or min(lengths) < 1:
        raise Refusal("splits into parts that do not add up", lengths, f"{len(node.outputs)} of {sizes[axis]}")
    starts = np.cumsum([0, *lengths])
    return [_taken(drafts, node, value, axis, np.arange(a, b)) for a, b in pairwise(starts)]


def _taken(drafts: Drafts, node: OnnxNode, value: Value, axis: int, places: NDArray[np.int64]) -> Value:
    """Some places of an axis that holds channels: selected where the layer's weights are, else by weights of 1."""
    held, channels = value.layout.axes[axis], value.shape[0]
    size = value.layout.sizes[axis]
    if len(places) == size and (places == np.arange(size)).all():
        return value
    if not len(places) or any(factor.part != "channels" for factor in held) or len(held) > 1:
        raise Refusal("takes a part of another axis than the channels", axis, "some channels, or heads")
    stride = held[0].stride
    block = np.arange(channels) // stride % size
    kept = np.concatenate([np.flatnonzero(block == place) for place in places])
    kept = np.array(sorted(kept, key=lambda n: (n // (stride * size), list(places).index(n // stride % size), n)))
    axes = tuple(
        _shrunk(other, stride, size, len(places), number == axis) for number, other in enumerate(value.layout.axes)
    )
    shape = (len(kept), *value.shape[1:])
    draft = value.draft
    if draft is not None and draft.weights is not None and draft.node.groups == 1:
        assert draft.bias is not None
        made = drafts.add(
            replace(draft.node, name=f"{draft.node.name}.part"),
            draft.operands,
            shape,
            Layout(axes),
            draft.weights[kept],
            draft.bias[kept],
        )
        assert made.draft is not None
        made.draft.activation = draft.activation
        return replace(made, scale=value.scale)
    weights = np.zeros((len(kept), channels, 1, 1), dtype=np.float32)
    weights[np.arange(len(kept)), kept] = value.scale
    return drafts.add(Node(layer_name(node), "conv2d"), [value], shape, Layout(axes), weights)


def _shrunk(axis: Axis, stride: int, size: int, left: int, cut: bool) -> Axis:
    """An axis of the map whose channels of that stride and size became fewer."""
    factors = []
    for factor in axis:
        if factor.part == "channels" and factor.stride > stride:
            factors.append(replace(factor, stride=factor.stride // size * left))
        elif cut and factor.part == "channels":
            factors += [Factor("channels", left, stride)] if left > 1 else []
        else:
            factors.append(factor)
    return tuple(factors)
