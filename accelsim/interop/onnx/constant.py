"""Arithmetic of an ONNX graph among constants: sizes that exporters compute, and weights that they reshape."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.interop.onnx.file import OnnxNode
from accelsim.interop.onnx.layout import Refusal

Array = NDArray[Any]
Operands = Sequence[Array | None]

LARGEST_RESULT = 1 << 28
"""Elements that an operator among constants may make."""


def given(node: OnnxNode, operands: Sequence[object], key: str, position: int) -> list[int] | None:
    """A list of integers that older operator sets hold as an attribute, and newer ones as a constant operand."""
    if key in node.attributes:
        value = node.attributes[key]
        return list(value) if isinstance(value, tuple) else [value]
    operand = operands[position] if position < len(operands) else None
    if operand is None:
        return None
    if not isinstance(operand, np.ndarray):
        raise Refusal(f"{key} depend on the image", allowed="constants")
    return [int(number) for number in operand.reshape(-1)]


def target_sizes(sizes: Sequence[int], wanted: Sequence[int], keep_zero: bool = False) -> list[int]:
    """Sizes that a Reshape asks for, with its 0 (as before) and -1 (what is left) filled in."""
    if not keep_zero:
        if any(size == 0 and axis >= len(sizes) for axis, size in enumerate(wanted)):
            raise Refusal("reshapes an axis that does not exist", list(wanted))
        wanted = [sizes[axis] if size == 0 else size for axis, size in enumerate(wanted)]
    rest = prod(size for size in wanted if size != -1)
    if any(size < -1 for size in wanted) or wanted.count(-1) > 1 or rest < 1 or prod(sizes) % rest:
        raise Refusal("reshapes to another number of elements", list(wanted), f"of {list(sizes)}")
    return [prod(sizes) // rest if size == -1 else size for size in wanted]


def fold(node: OnnxNode, operands: Operands) -> Array | None:
    """What a node makes of constants; None where this operator has no arithmetic here."""
    operation = _OPERATIONS.get(node.op)
    if operation is None:
        return None
    try:
        return np.asarray(operation(node, operands))
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        raise Refusal(f"does not fit its constants: {error}") from None


def _only(operand: Array | None) -> Array:
    if operand is None:
        raise ValueError("an operand is missing")
    return operand


def _bounded(sizes: Sequence[int]) -> tuple[int, ...]:
    if any(size < 0 for size in sizes) or prod(sizes) > LARGEST_RESULT:
        raise ValueError(f"too large: {list(sizes)}")
    return tuple(sizes)


def _numpy(function: Callable[..., Any]) -> Callable[[OnnxNode, Operands], Any]:
    def operation(node: OnnxNode, operands: Operands) -> Any:
        arrays = [_only(operand) for operand in operands]
        if len(arrays) > 1:
            _bounded(np.broadcast_shapes(*(array.shape for array in arrays)))
        with np.errstate(all="ignore"):
            return function(*arrays)

    return operation


def _divide(first: Array, second: Array) -> Array:
    if first.dtype.kind != "i":
        return np.asarray(first / second)
    return np.asarray(np.sign(first) * np.sign(second) * (np.abs(first) // np.abs(second)))


def _constant(node: OnnxNode, operands: Operands) -> Array:
    for key, value in node.attributes.items():
        if key.startswith("value"):
            return np.asarray(value, dtype=np.float32 if "float" in key else None)
    raise ValueError("no value")


def _constant_of_shape(node: OnnxNode, operands: Operands) -> Array:
    value = np.asarray(node.attributes.get("value", np.zeros(1, dtype=np.float32))).reshape(-1)[0]
    return np.full(_bounded(_only(operands[0]).astype(int).tolist()), value)


def _cast(node: OnnxNode, operands: Operands) -> Array:
    # Of ONNX's number types: 9 is boolean; 2 to 8, 12 and 13 are integers; the rest are real.
    kind = int(node.attributes["to"])
    dtype = bool if kind == 9 else np.int64 if kind in (2, 3, 4, 5, 6, 7, 12, 13) else np.float32
    return _only(operands[0]).astype(dtype)


def _gather(node: OnnxNode, operands: Operands) -> Array:
    return np.take(_only(operands[0]), _only(operands[1]), axis=int(node.attributes.get("axis", 0)))


def _slice(node: OnnxNode, operands: Operands) -> Array:
    array = _only(operands[0])
    cut = [slice(None)] * array.ndim
    for axis, start, end, step in slices(node, operands, array.ndim):
        cut[axis] = slice(start, end if end >= -array.shape[axis] or step > 0 else None, step)
    return array[tuple(cut)]


def slices(node: OnnxNode, operands: Sequence[object], axes: int) -> list[tuple[int, int, int, int]]:
    """(axis, start, end, step) of each axis that a Slice cuts."""
    starts, ends = given(node, operands, "starts", 1), given(node, operands, "ends", 2)
    if starts is None or ends is None:
        raise Refusal("says not where it starts and ends")
    which = given(node, operands, "axes", 3) or list(range(len(starts)))
    steps = given(node, operands, "steps", 4) or [1] * len(starts)
    if not len(starts) == len(ends) == len(which) == len(steps) or not all(-axes <= axis < axes for axis in which):
        raise Refusal("slices axes that do not exist", which)
    return list(zip([axis % axes for axis in which], starts, ends, steps, strict=True))


def _squeeze(node: OnnxNode, operands: Operands) -> Array:
    axes = given(node, operands, "axes", 1)
    return np.squeeze(_only(operands[0]), None if axes is None else tuple(axes))


def _reshape(node: OnnxNode, operands: Operands) -> Array:
    array = _only(operands[0])
    wanted = given(node, operands, "shape", 1) or []
    if not wanted:
        return array.reshape(())
    return array.reshape(target_sizes(array.shape, wanted, bool(node.attributes.get("allowzero", 0))))


def _range(node: OnnxNode, operands: Operands) -> Array:
    start, stop, step = (_only(operand).reshape(-1)[0] for operand in operands)
    _bounded([max(0, int((stop - start) / step) + 1)])
    return np.arange(start, stop, step)


def _expand(node: OnnxNode, operands: Operands) -> Array:
    array = _only(operands[0])
    sizes = np.broadcast_shapes(array.shape, tuple(_only(operands[1]).astype(int).tolist()))
    return np.broadcast_to(array, _bounded(sizes))


def _reduce(function: Callable[..., Any]) -> Callable[[OnnxNode, Operands], Any]:
    def operation(node: OnnxNode, operands: Operands) -> Any:
        axes = given(node, operands, "axes", 1)
        keep = bool(node.attributes.get("keepdims", 1))
        return function(_only(operands[0]), axis=None if axes is None else tuple(axes), keepdims=keep)

    return operation


_OPERATIONS: Mapping[str, Callable[[OnnxNode, Operands], Any]] = {
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "Identity": _numpy(lambda x: x),
    "Shape": lambda node, operands: np.array(_only(operands[0]).shape),
    "Cast": _cast,
    "Gather": _gather,
    "Slice": _slice,
    "Squeeze": _squeeze,
    "Unsqueeze": lambda node, operands: np.expand_dims(
        _only(operands[0]), tuple(given(node, operands, "axes", 1) or ())
    ),
    "Reshape": _reshape,
    "Transpose": lambda node, operands: np.transpose(_only(operands[0]), node.attributes.get("perm")),
    "Concat": lambda node, operands: np.concatenate([_only(o) for o in operands], int(node.attributes["axis"])),
    "Range": _range,
    "Expand": _expand,
    "Add": _numpy(np.add),
    "Sub": _numpy(np.subtract),
    "Mul": _numpy(np.multiply),
    "Div": _numpy(_divide),
    "Pow": _numpy(np.power),
    "Sqrt": _numpy(np.sqrt),
    "Neg": _numpy(np.negative),
    "Abs": _numpy(np.abs),
    "Exp": _numpy(np.exp),
    "Reciprocal": _numpy(lambda x: 1 / x),
    "Floor": _numpy(np.floor),
    "Ceil": _numpy(np.ceil),
    "Equal": _numpy(np.equal),
    "Greater": _numpy(np.greater),
    "Less": _numpy(np.less),
    "Not": _numpy(np.logical_not),
    "And": _numpy(np.logical_and),
    "Or": _numpy(np.logical_or),
    "Where": _numpy(np.where),
    "Max": _numpy(lambda *x: np.max(np.broadcast_arrays(*x), axis=0)),
    "Min": _numpy(lambda *x: np.min(np.broadcast_arrays(*x), axis=0)),
    "ReduceProd": _reduce(np.prod),
    "ReduceSum": _reduce(np.sum),
    "ReduceMax": _reduce(np.max),
    "ReduceMin": _reduce(np.min),
}
