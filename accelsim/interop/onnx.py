"""From an ONNX file to a network of real numbers, whichever framework wrote it.

The graph is read once, in its order. What only looks at a tensor in another way (Reshape, Transpose, ..) moves no
data; what scales, shifts or rectifies goes into the layer before it where that layer has no other reader, and becomes
a depthwise convolution of one tap where it has. Constants are computed on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import prod
from pathlib import Path

import numpy as np

from accelsim.errors import InputError, Problem
from accelsim.interop import onnx_elementwise as elementwise
from accelsim.interop import onnx_layers as layers
from accelsim.interop import onnx_pools as pools
from accelsim.interop import onnx_views as views
from accelsim.interop.onnx_constant import fold
from accelsim.interop.onnx_draft import LARGEST_MAP, Drafts, Value
from accelsim.interop.onnx_file import Array, OnnxGraph, OnnxNode, read_graph
from accelsim.interop.onnx_layout import Layout, Refusal
from accelsim.interop.onnx_operands import Operand
from accelsim.reference.ann import Ann
from accelsim.workload.layer import Shape

Reader = Callable[[Drafts, OnnxNode, Sequence[Operand]], Value | list[Value]]

READERS: Mapping[str, Reader] = {
    "Add": elementwise.add,
    "AveragePool": pools.pool,
    "BatchNormalization": elementwise.batch_norm,
    "Cast": views.same,
    "Clip": elementwise.rectify,
    "Concat": elementwise.concat,
    "Conv": layers.conv,
    "Div": elementwise.multiply,
    "Dropout": views.same,
    "Flatten": views.reshape,
    "Gather": views.part,
    "Gemm": layers.gemm,
    "GlobalAveragePool": pools.over_space,
    "GlobalMaxPool": pools.over_space,
    "Identity": views.same,
    "LeakyRelu": elementwise.rectify,
    "MatMul": layers.matmul,
    "MaxPool": pools.pool,
    "Mul": elementwise.multiply,
    "Neg": elementwise.multiply,
    "PRelu": elementwise.rectify,
    "Pad": elementwise.pad,
    "ReduceMax": pools.over_space,
    "ReduceMean": pools.over_space,
    "ReduceSum": pools.over_space,
    "Relu": elementwise.rectify,
    "Reshape": views.reshape,
    "Resize": pools.resize,
    "Slice": views.part,
    "Split": views.part,
    "Squeeze": views.reshape,
    "Sub": elementwise.add,
    "Sum": elementwise.add,
    "Transpose": views.transpose,
    "Unsqueeze": views.reshape,
    "Upsample": pools.resize,
}
"""What reads each operator."""

_SMOOTH = "is neither zero nor straight below 0, and no spikes stand for it"
_RECTIFIERS = "Relu, LeakyRelu, PRelu, Clip from 0 on"
_QUANTISED = ("is quantised already: integers are chosen when the time steps are", "the network of real numbers")

REFUSED: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(
        (
            "Sigmoid",
            "HardSigmoid",
            "HardSwish",
            "Tanh",
            "Elu",
            "Selu",
            "Celu",
            "Gelu",
            "Mish",
            "Softplus",
            "Erf",
            "Swish",
        ),
        (_SMOOTH, _RECTIFIERS),
    ),
    **dict.fromkeys(("QuantizeLinear", "DequantizeLinear", "QLinearConv", "ConvInteger"), _QUANTISED),
    **dict.fromkeys(
        ("Softmax", "LogSoftmax"),
        ("divides by a sum over an axis, which no neuron computes", "attention without it; leave it off the outputs"),
    ),
    **dict.fromkeys(
        ("LayerNormalization", "InstanceNormalization", "GroupNormalization", "LRN", "LpNormalization"),
        ("normalises by what each image gives", "BatchNormalization"),
    ),
    "ConvTranspose": ("is not supported", "Resize to the nearest, then Conv"),
    **dict.fromkeys(("If", "Loop", "Scan"), ("has a graph of its own", "a network without control flow")),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), ("remembers earlier inputs", "layers that see one image")),
}
"""Why there is no reader for an operator, and what to use instead."""


def read_onnx(path: str | Path, image_shape: Shape | None = None) -> Ann:
    """The network of an ONNX file, its batch normalisation folded; layers are named as their modules.

    `image_shape` (channels, rows, columns) fills in the sizes that the file leaves free; the batch may always be.
    Raises `InputError` with all problems of the file: damaged, or with operators, shapes or arrangements that have no
    counterpart, each with its node.
    """
    graph = read_graph(path)
    image = _image(graph, image_shape)
    drafts = Drafts(image)
    known: dict[str, Value | Array | None] = {**graph.constants, next(iter(graph.inputs)): image}
    uses = _uses(graph)
    problems: list[Problem] = []
    for node in graph.nodes:
        made: Sequence[Value | Array | None]
        try:
            made = _read(drafts, node, [_operand(known, name) for name in node.inputs])
        except _Broken:
            made = ()
        except Refusal as refusal:
            problems.append(
                Problem(f"{node.op} {refusal.rule}", graph.file, None, node.name, refusal.value, refusal.allowed)
            )
            made = ()
        for number, output in enumerate(node.outputs):
            result = made[number] if number < len(made) else None
            known[output] = _shared(result, uses.get(output, 0) > 1)
    outputs = [known.get(name) for name in graph.outputs]
    if not problems:
        problems += [
            Problem("does not follow from the image", graph.file, None, name)
            for name, value in zip(graph.outputs, outputs, strict=True)
            if not isinstance(value, Value)
        ]
    if problems:
        raise InputError(problems)
    settled = [_output(drafts, value, name) for name, value in zip(graph.outputs, outputs, strict=True)]
    return drafts.finished(Path(path).stem, settled)


class _Broken(Exception):
    """An operand is missing because its own node was refused."""


def _operand(known: Mapping[str, Operand], name: str) -> Operand:
    if not name:
        return None
    if name not in known:
        raise Refusal("reads a tensor that nothing before it makes", name)
    value = known[name]
    if value is None:
        raise _Broken
    return value


def _read(drafts: Drafts, node: OnnxNode, operands: list[Operand]) -> Sequence[Value | Array]:
    if node.op == "Shape" and operands and isinstance(operands[0], Value):
        sizes = operands[0].layout.sizes
        return [np.array(sizes[node.attributes.get("start", 0) : node.attributes.get("end", len(sizes))])]
    constants = [operand for operand in operands if not isinstance(operand, Value)]
    if len(constants) == len(operands):
        folded = fold(node, constants)
        if folded is not None:
            return [folded]
    if node.op in REFUSED:
        rule, allowed = REFUSED[node.op]
        raise Refusal(rule, None, allowed)
    if node.op not in READERS:
        raise Refusal("is not supported", None, ", ".join(READERS))
    try:
        made = READERS[node.op](drafts, node, operands)
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        raise Refusal(f"does not fit its operator's form ({type(error).__name__}: {error})") from None
    return made if isinstance(made, list) else [made]


def _shared(value: Value | Array | None, several: bool) -> Value | Array | None:
    return replace(value, shared=value.shared or several) if isinstance(value, Value) else value


def _uses(graph: OnnxGraph) -> dict[str, int]:
    """How many read each tensor; who asks for its shape alone does not count."""
    uses: dict[str, int] = {}
    for name in [name for node in graph.nodes if node.op != "Shape" for name in node.inputs] + list(graph.outputs):
        uses[name] = uses.get(name, 0) + 1
    return uses


def _output(drafts: Drafts, value: Operand, name: str) -> Value:
    assert isinstance(value, Value)
    value = drafts.settled(drafts.unpadded(value), name)
    return value if value.draft and value.scale == 1 else drafts.passed(value, name)


def _image(graph: OnnxGraph, image_shape: Shape | None) -> Value:
    """The image as the graph's one input: [batch, channels, rows, columns] or [batch, features]."""
    if len(graph.inputs) != 1:
        names = ", ".join(graph.inputs) or "none"
        raise InputError(Problem("has not one input", graph.file, None, "inputs", names, "the images"))
    ((name, sizes),) = graph.inputs.items()
    form = "[batch, channels, rows, columns] or [batch, features]"
    if len(sizes) not in (2, 4):
        raise InputError(Problem("input has the wrong axes", graph.file, None, name, [*sizes], form))
    own = [*sizes[1:], 1, 1][:3] if len(sizes) == 2 else list(sizes[1:])
    if image_shape is not None:
        if any(size not in (None, wanted) for size, wanted in zip(own, image_shape, strict=True)):
            raise InputError(
                Problem(
                    "input has another shape than the images", graph.file, None, name, [*sizes], str([*image_shape])
                )
            )
        own = list(image_shape)
    if None in own:
        rule = "leaves sizes free that only the images tell"
        raise InputError(
            Problem(rule, graph.file, None, name, [*sizes], "a free batch alone, or images beside the file")
        )
    shape: Shape = (own[0] or 0, own[1] or 0, own[2] or 0)
    if prod(shape) > LARGEST_MAP:
        allowed = f"at most {LARGEST_MAP} values"
        raise InputError(Problem("input is too large", graph.file, None, name, [*sizes], allowed))
    batch = sizes[0] or 1
    layout = Layout.of_map(batch, shape)
    return Value(None, shape, layout if len(sizes) == 4 else Layout(layout.axes[:2]), shared=True)
