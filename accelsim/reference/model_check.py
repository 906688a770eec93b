"""What must hold of a model that comes from a file before an integer network is built of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import Problem
from accelsim.reference.model import Model
from accelsim.reference.node import Node, output_shape, window_shape
from accelsim.workload.layer import ARRAY_OPS, ATTENTION_OPS, POOL_OPS, WEIGHTED_OPS, Op, Shape

Rule = tuple[str, str, object, str]
"""Key below the layer or array, rule, value given, values allowed."""

Outputs = Mapping[str, tuple[Shape, str | None]]
"""Shape and stream of the words that each sound layer produces; no name stands for the image. The stream is "" where no
neuron fired them (the image, averages, bare products), None where accumulators leave the layer."""

LARGEST_MAP = 1 << 28
"""Words of a map, above which a layer is refused."""

INPUTS: Mapping[Op, int] = {"add": 2, "attention_scores": 2, "attention_values": 2}
"""Operands of operators with several; a `concat` has any number of them."""


def model_problems(model: Model, file: str) -> list[Problem]:
    """Everything wrong with the graph and the arrays of a model; layers that follow from a broken one are left out."""
    found = [Problem(rule, file, None, key, value, allowed) for key, rule, value, allowed in _input_rules(model)]
    if any(problem.key == "image_shape" for problem in found):
        return found
    outputs: dict[str, tuple[Shape, str | None]] = {"": (model.image_shape, "")}
    broken: set[str] = set()
    for node in model.nodes:
        if broken.intersection(node.inputs):
            broken.add(node.name)
            continue
        rules = list(_graph_rules(node, outputs, broken)) or list(_array_rules(model, node, outputs))
        found += [
            Problem(rule, file, None, f"layers.{node.name}.{key}", value, allowed)
            for key, rule, value, allowed in rules
        ]
        if rules:
            broken.add(node.name)
            continue
        outputs[node.name] = _shape_out(model, node, outputs), _stream_out(node, outputs[(node.inputs or ("",))[0]][1])
    if not broken:
        unknown = [name for name in model.outputs if name not in outputs or not name]
        rule, allowed = "no layer of that name", ", ".join(node.name for node in model.nodes)
        found += [Problem(rule, file, None, "outputs", name, allowed) for name in unknown]
    return found


def _shape_out(model: Model, node: Node, outputs: Outputs) -> Shape:
    return output_shape(
        node, [outputs[name][0] for name in node.inputs or ("",)], len(model.weights.get(node.name, ()))
    )


def _stream_out(node: Node, stream: str | None) -> str | None:
    if node.op in WEIGHTED_OPS:
        return node.stream or None
    if node.op in ATTENTION_OPS:
        return node.stream
    return "" if node.op == "avgpool2d" else stream


def _input_rules(model: Model) -> Iterator[Rule]:
    shape = model.image_shape
    if len(shape) != 3 or not all(_is_size(size) for size in shape):
        yield "image_shape", "not three sizes", shape, "[channels, rows, columns]"
    if not _is_size(model.image_bits) or model.image_bits > 8:
        yield "image_bits", "out of range", model.image_bits, "1 to 8"
    if not isinstance(model.image_step, float) or not 0 < model.image_step < np.inf:
        yield "image_step", "not a positive number", model.image_step, ""
    if not model.nodes:
        yield "layers", "no layers", None, ""
    if model.images.dtype != np.uint8 or model.images.ndim != 4 or model.images.shape[1:] != shape:
        yield "images", "wrong type or shape", _form(model.images), f"uint8 [images, {', '.join(map(str, shape))}]"
        return
    if _is_size(model.image_bits) and model.images.max(initial=0) >> model.image_bits:
        yield "images", "pixels out of range", int(model.images.max()), f"0 to {2**model.image_bits - 1}"
    if model.labels.dtype != np.int64 or model.labels.shape not in ((0,), (len(model.images),)):
        yield "labels", "wrong type or shape", _form(model.labels), f"int64 [{len(model.images)}], or none"
    if not isinstance(model.image_rails, bool) or (model.image_rails and shape[0] % 2):
        yield "image_rails", "not true or false, or an odd number of rails", model.image_rails, "two channels for one"
    for key, numbers in (("gain", model.gain), ("ceiling", model.ceiling)):
        for name, number in numbers.items():
            if not isinstance(number, float) or not 0 < number < np.inf:
                yield f"{key}.{name}", "not a positive number", number, ""
    for stream, table in model.full_scale.items():
        if table.dtype != np.float64 or table.ndim != 1 or not len(table) or not _positive(table):
            yield f"full_scale.{stream}", "wrong type, shape or sign", _form(table), "float64 [timesteps], positive"


def _graph_rules(node: Node, outputs: Outputs, broken: set[str]) -> Iterator[Rule]:
    if node.name in outputs or node.name in broken or not node.name:
        yield "name", "empty or used twice", node.name, ""
    if node.op not in get_args(Op):
        yield "op", "no such operator", node.op, ", ".join(get_args(Op))
    for key, smallest in (("kernel", 1), ("stride", 1), ("padding", 0), ("dilation", 1), ("factor", 1)):
        pair = getattr(node, key)
        if not (isinstance(pair, tuple) and len(pair) == 2 and all(_is_size(size, smallest) for size in pair)):
            yield key, "not two sizes", pair, f"[rows, columns], each at least {smallest}"
    if not _is_size(node.groups):
        yield "groups", "not a size", node.groups, "at least 1"
    unknown = [name for name in node.inputs if name not in outputs or not name]
    if unknown:
        yield "inputs", "no earlier layer of that name", ", ".join(map(str, unknown)), ", ".join(outputs).lstrip(", ")
    elif any(outputs[name][1] is None for name in node.inputs):
        yield "inputs", "reads a layer that does not fire", ", ".join(node.inputs), "layers of spikes, and their pools"
    elif node.op in ("add", "concat"):
        yield from _meeting_rules(node, [outputs[name] for name in node.inputs])
    elif node.op in ATTENTION_OPS:
        yield from _attention_rules(node, [outputs[name][0] for name in node.inputs])
    elif len(node.inputs) > 1:
        yield "inputs", "too many inputs", len(node.inputs), "1, or none for the image"


def _meeting_rules(node: Node, operands: list[tuple[Shape, str | None]]) -> Iterator[Rule]:
    """Of an add or a concat: its operands have one stream, and one shape, the channels of a concat aside."""
    value = [f"{list(shape)} of stream {stream!r}" for shape, stream in operands]
    same = {(shape[node.op == "concat" :], stream) for shape, stream in operands}
    if len(same) != 1 or not operands[0][1] or len(operands) < 2 or len(operands) > INPUTS.get(node.op, len(operands)):
        number, shape = ("two layers", "shape") if node.op == "add" else ("layers", "size")
        yield "inputs", f"operands of {_a(node.op)} differ", value, f"{number} of spikes of one {shape} and stream"


def _attention_rules(node: Node, shapes: list[Shape]) -> Iterator[Rule]:
    if len(shapes) != 2:
        yield "inputs", "not two operands", len(shapes), "2"
        return
    first, second = shapes
    expected = second
    if node.op == "attention_values":
        expected = node.groups * second[1] * second[2], second[1], second[2]
    if first != expected:
        yield (
            "inputs",
            f"operands of {node.op} do not fit",
            [list(shape) for shape in shapes],
            f"the first {list(expected)}",
        )
    if second[0] % node.groups:
        yield "groups", "do not divide the channels", node.groups, f"a divisor of {second[0]}"


def _array_rules(model: Model, node: Node, outputs: Outputs) -> Iterator[Rule]:
    shape, _ = outputs[(node.inputs or ("",))[0]]
    if node.op not in WEIGHTED_OPS and node.name in model.weights:
        # Shapes follow from weights where there are some: a pool would be given channels that no word stands for.
        yield "weights", "of a layer that has none", _form(model.weights[node.name]), ""
        return
    if node.op in (*WEIGHTED_OPS, *POOL_OPS) and min(window_shape(shape[1:], node)) < 1:
        yield "kernel", "larger than the padded input", list(node.kernel), f"input {list(shape)}"
    elif prod(_shape_out(model, node, outputs)) > LARGEST_MAP:
        yield "op", "makes too large a map", list(_shape_out(model, node, outputs)), f"at most {LARGEST_MAP} words"
    if node.op in POOL_OPS and node.dilation != (1, 1):
        yield "dilation", "dilates a pool", list(node.dilation), "[1, 1]"
    if node.op == "linear" and node.kernel != shape[1:]:
        yield "kernel", "does not cover the input of a linear layer", list(node.kernel), str(list(shape[1:]))
    elif node.op == "linear" and node.padding != (0, 0):
        yield "padding", "pads the input of a linear layer", list(node.padding), "[0, 0]"
    if node.op in ARRAY_OPS and node.stream and node.stream not in model.full_scale:
        yield "stream", "no full_scale for it", node.stream, ", ".join(model.full_scale)
    if node.op in WEIGHTED_OPS:
        yield from _weight_rules(model, node, shape)


def _weight_rules(model: Model, node: Node, shape: Shape) -> Iterator[Rule]:
    if shape[0] % node.groups:
        yield "groups", "do not divide the channels", node.groups, f"a divisor of {shape[0]}"
        return
    members = shape[0] // node.groups
    weights = model.weights.get(node.name)
    if weights is None:
        yield "weights", "missing", None, ""
        return
    if (
        weights.dtype != np.int8
        or weights.ndim != 4
        or weights.shape[1:] != (members, *node.kernel)
        or not len(weights)
        or len(weights) % node.groups
    ):
        yield (
            "weights",
            "wrong type or shape",
            _form(weights),
            f"int8 [out_channels, {members}, {node.kernel[0]}, {node.kernel[1]}]",
        )
        return
    for key, table in (("scale", model.scale), ("bias", model.bias)):
        array = table.get(node.name)
        if array is None:
            yield key, "missing", None, ""
        elif array.dtype != np.float64 or array.shape != weights.shape[:1] or not np.isfinite(array).all():
            yield key, "wrong type, shape or value", _form(array), f"finite float64 [{len(weights)}]"
        elif key == "scale" and not _positive(array):
            yield key, "not positive", float(array.min()), ""


def _is_size(value: object, smallest: int = 1) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= smallest


def _positive(array: NDArray[Any]) -> bool:
    return bool((array > 0).all() and np.isfinite(array).all())


def _form(array: NDArray[Any]) -> str:
    return f"{array.dtype} {list(array.shape)}"


def _a(op: str) -> str:
    return f"an {op}" if op[0] in "aeiou" else f"a {op}"
