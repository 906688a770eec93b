"""ONNX files: size, data and graph checked, then plain nodes and NumPy arrays; nothing in them is ever executed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InputError, Problem

LARGEST_BYTES = 2 << 30
"""Size above which a file is refused: the limit of the format's encoding, which holds for data beside it too."""

REAL_TYPES = (1, 10, 11, 16)
"""ONNX's numbers of its types of 32, 16 and 64 bits, and of bfloat16."""

OLDEST_OPSET = 7
"""The first operator set whose operators broadcast as NumPy does."""

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class OnnxNode:
    """One operator: names of the tensors it reads ("" where one is left out) and makes, and its plain attributes."""

    name: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class OnnxGraph:
    """A graph in execution order. `inputs` maps names to sizes, None where a size is free; `constants` to arrays."""

    file: str
    nodes: tuple[OnnxNode, ...]
    constants: Mapping[str, Array]
    inputs: Mapping[str, tuple[int | None, ...]]
    outputs: tuple[str, ...]


def read_graph(path: str | Path) -> OnnxGraph:
    """Read a file and the data that it keeps in files beside it, at most 2 GiB each.

    Raises `InputError` with all problems: no such file, too large, damaged, data that lies elsewhere or is cut short,
    nodes that are no operators of the standard set, and where the `onnx` package is missing.
    """
    path = Path(path)
    _check_size(path)
    onnx = _package()
    try:
        model = onnx.load_model_from_string(path.read_bytes())
        _check_texts(model)
    except Exception:  # what a damaged file makes a parser raise depends on the protobuf that is installed
        raise InputError(Problem("is no ONNX model", str(path))) from None
    problems = list(_model_problems(model, str(path)))
    if problems:
        raise InputError(problems)
    graph = model.graph
    constants: dict[str, Array] = {}
    for tensor in graph.initializer:
        try:
            constants[tensor.name] = _array(onnx, tensor, path)
        except InputError as error:
            problems += error.problems
    nodes = []
    for number, node in enumerate(graph.node):
        name = node.name or f"{node.op_type}_{number}"
        try:
            attributes = {attribute.name: _attribute(onnx, attribute, path) for attribute in node.attribute}
            nodes.append(OnnxNode(name, node.op_type, tuple(node.input), tuple(node.output), attributes))
        except InputError as error:
            problems += [Problem(other.rule, str(path), None, name, node.op_type) for other in error.problems]
    inputs = {value.name: _sizes(value) for value in graph.input if value.name not in constants}
    if problems:
        raise InputError(problems)
    return OnnxGraph(str(path), tuple(nodes), constants, inputs, tuple(value.name for value in graph.output))


def _check_size(path: Path) -> None:
    if not path.exists():
        raise InputError(Problem("no such file", str(path)))
    if not path.is_file():
        raise InputError(Problem("is not a file", str(path)))
    size = path.stat().st_size
    if size > LARGEST_BYTES:
        raise InputError(Problem("is too large", str(path), value=size, allowed=f"{LARGEST_BYTES} bytes"))


def _package() -> ModuleType:
    try:
        import onnx
        import onnx.numpy_helper
    except ImportError:
        raise InputError(Problem("reading ONNX needs a package: pip install 'accelsim[onnx]'")) from None
    return onnx


def _check_texts(model: Any) -> None:
    """UnicodeError where a name is no text: protobuf gives such a name as bytes."""
    graph = model.graph
    names = [tensor.name for tensor in graph.initializer] + [value.name for value in (*graph.input, *graph.output)]
    for node in graph.node:
        names += [
            node.name,
            node.op_type,
            node.domain,
            *node.input,
            *node.output,
            *(each.name for each in node.attribute),
        ]
    if any(isinstance(name, bytes) for name in names):
        raise UnicodeError


def _model_problems(model: Any, file: str) -> Iterator[Problem]:
    graph = model.graph
    if not graph.node or not graph.output:
        yield Problem("is no ONNX model, or one without nodes or outputs", file)
        return
    for opset in model.opset_import:
        if opset.domain in ("", "ai.onnx") and opset.version < OLDEST_OPSET:
            yield Problem("operator set is too old", file, None, "opset", opset.version, f"{OLDEST_OPSET} and newer")
    if graph.sparse_initializer:
        yield Problem("holds sparse tensors", file, allowed="dense tensors")
    for node in graph.node:
        if node.domain not in ("", "ai.onnx"):
            rule = "is no operator of the standard set"
            yield Problem(rule, file, None, node.name, f"{node.domain}.{node.op_type}", "standard ONNX operators")
    constants = {tensor.name for tensor in graph.initializer}
    for value in graph.input:
        if not value.type.HasField("tensor_type"):
            yield Problem("input is no tensor", file, None, value.name)
        elif value.name not in constants and value.type.tensor_type.elem_type not in REAL_TYPES:
            # Bytes would be taken for 255th parts of what the network eats, and these networks eat bytes.
            kind, allowed = value.type.tensor_type.elem_type, "real numbers: put what scales bytes before the network"
            yield Problem("input is not of real numbers", file, None, value.name, kind, allowed)


def _sizes(value: Any) -> tuple[int | None, ...]:
    return tuple(
        size.dim_value if size.HasField("dim_value") and size.dim_value > 0 else None
        for size in value.type.tensor_type.shape.dim
    )


def _attribute(onnx: ModuleType, attribute: Any, path: Path) -> Any:
    kinds = onnx.AttributeProto
    if attribute.type == kinds.TENSOR:
        return _array(onnx, attribute.t, path)
    if attribute.type == kinds.STRING:
        return attribute.s.decode("utf-8", "replace")
    fields = {kinds.FLOAT: "f", kinds.INT: "i", kinds.FLOATS: "floats", kinds.INTS: "ints", kinds.STRINGS: "strings"}
    if attribute.type not in fields:
        raise InputError(Problem(f"attribute {attribute.name} is no number, text or tensor"))
    value = getattr(attribute, fields[attribute.type])
    return value if isinstance(value, (int, float)) else tuple(value)


def _array(onnx: ModuleType, tensor: Any, path: Path) -> Array:
    """A tensor as float32, int64 or bool; its data is compared with its sizes before anything is allocated."""
    problem = Problem(
        "tensor of an unknown type", str(path), None, tensor.name, tensor.data_type, "numbers and booleans"
    )
    try:
        dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
    except KeyError:
        raise InputError(problem) from None
    if dtype.kind not in "fiub" and dtype.name != "bfloat16":
        raise InputError(problem)
    try:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            array = _external(tensor, dtype, path)
        else:
            array = onnx.numpy_helper.to_array(tensor)
    except (ValueError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else "wrong size"
        raise InputError(Problem(f"tensor is damaged: {reason}", str(path), None, tensor.name)) from None
    kind = bool if array.dtype.kind == "b" else np.int64 if array.dtype.kind in "iu" else np.float32
    return np.asarray(array, dtype=kind)


def _external(tensor: Any, dtype: np.dtype[Any], path: Path) -> Array:
    """Data in a file beside the model: a plain name, as exporters write it."""
    places: dict[str, str] = {entry.key: entry.value for entry in tensor.external_data}
    location = places.get("location", "")
    beside = path.parent / location
    if not location or Path(location).name != location or beside.is_symlink():
        rule = "data lies outside of the model's directory"
        raise InputError(Problem(rule, str(path), None, tensor.name, location, "the name of a file beside the model"))
    if not beside.is_file():
        raise InputError(Problem("data is missing", str(path), None, tensor.name, location, "a file beside the model"))
    offset = int(places.get("offset", "0"))
    count = _product(tensor.dims)
    if offset < 0 or count * dtype.itemsize > LARGEST_BYTES or offset + count * dtype.itemsize > beside.stat().st_size:
        raise ValueError(f"{location} is shorter than its data")
    return np.fromfile(beside, dtype=dtype, count=count, offset=offset).reshape(tuple(tensor.dims))


def _product(sizes: Iterable[int]) -> int:
    product = 1
    for size in sizes:
        if size < 0:
            raise ValueError("negative size")
        product *= size
    return product
