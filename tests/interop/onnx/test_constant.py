"""Arithmetic among constants: against the onnx package's own evaluator, and bounded."""

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper
from onnx.reference import ReferenceEvaluator
from onnx_models import node

from accelsim.interop.onnx.constant import fold, target_sizes
from accelsim.interop.onnx.file import OnnxNode
from accelsim.interop.onnx.layout import Refusal

A = np.array([[1.5, -2.0, 3.0], [4.0, 0.5, -6.0]], np.float32)
MATRIX = np.array([[7, -8, 9], [2, 3, -4]])
ROW = np.array([2, -3, 4])

CASES: dict[str, tuple[onnx.NodeProto, list[Any]]] = {
    "Constant": (node("Constant", "", "y", value_ints=[3, 4]), []),
    "Constant of reals": (node("Constant", "", "y", value_floats=[3.0, 4.5]), []),
    "ConstantOfShape": (node("ConstantOfShape", "a", "y"), [np.array([2, 3])]),
    "Shape": (node("Shape", "a", "y"), [A]),
    "Cast": (node("Cast", "a", "y", to=7), [A]),
    "Gather": (node("Gather", "a b", "y", axis=1), [A, np.array([2, 0])]),
    "Slice": (node("Slice", "a b c d e", "y"), [A, np.array([0]), np.array([2**62]), np.array([1]), np.array([2])]),
    "Slice backwards": (
        node("Slice", "a b c d e", "y"), [A, np.array([-1]), np.array([-(2**62)]), np.array([1]), np.array([-1])],
    ),
    "Squeeze": (node("Squeeze", "a b", "y"), [A[None], np.array([0])]),
    "Unsqueeze": (node("Unsqueeze", "a b", "y"), [A, np.array([0, 3])]),
    "Reshape": (node("Reshape", "a b", "y"), [A, np.array([0, -1, 1])]),
    "Transpose": (node("Transpose", "a", "y", perm=[1, 0]), [A]),
    "Concat": (node("Concat", "a b", "y", axis=0), [MATRIX, MATRIX]),
    "Range": (node("Range", "a b c", "y"), [np.array(1), np.array(9), np.array(3)]),
    "Expand": (node("Expand", "a b", "y"), [A, np.array([4, 1, 3])]),
    "Add": (node("Add", "a b", "y"), [MATRIX, ROW]),
    "Sub": (node("Sub", "a b", "y"), [MATRIX, ROW]),
    "Mul": (node("Mul", "a b", "y"), [MATRIX, ROW]),
    "Div of reals": (node("Div", "a b", "y"), [A, ROW.astype(np.float32)]),
    "Div cuts towards 0": (node("Div", "a b", "y"), [MATRIX, ROW]),
    "Sqrt": (node("Sqrt", "a", "y"), [np.abs(A)]),
    "Equal": (node("Equal", "a b", "y"), [MATRIX, ROW]),
    "Where": (node("Where", "a b c", "y"), [MATRIX > 0, MATRIX, ROW]),
    "Max": (node("Max", "a b", "y"), [MATRIX, ROW]),
    "ReduceProd": (node("ReduceProd", "a b", "y", keepdims=0), [MATRIX, np.array([1])]),
}  # fmt: skip


def plain(described: onnx.NodeProto) -> OnnxNode:
    attributes = {each.name: helper.get_attribute_value(each) for each in described.attribute}
    attributes = {key: tuple(value) if isinstance(value, list) else value for key, value in attributes.items()}
    return OnnxNode("n", described.op_type, tuple(described.input), tuple(described.output), attributes)


@pytest.mark.parametrize("name", CASES)
def test_constants_equal_the_evaluator(name: str) -> None:
    described, operands = CASES[name]
    given = fold(plain(described), operands)
    (expected,) = ReferenceEvaluator(described).run(None, dict(zip(described.input, operands, strict=True)))
    assert given is not None
    assert np.array_equal(given, expected)
    assert given.shape == expected.shape


@pytest.mark.parametrize(
    ("described", "operands", "message"),
    [
        (node("ConstantOfShape", "a", "y"), [np.array([1 << 20, 1 << 20])],
         "does not fit its constants: too large: [1048576, 1048576]"),
        (node("Expand", "a b", "y"), [np.array([1]), np.array([1 << 40])],
         "does not fit its constants: too large: [1099511627776]"),
        (node("Range", "a b c", "y"), [np.array(0), np.array(1 << 40), np.array(1)],
         "does not fit its constants: too large: [1099511627777]"),
        (node("Add", "a b", "y"), [np.zeros((1 << 15, 1), bool), np.zeros((1, 1 << 15), bool)],
         "does not fit its constants: too large: [32768, 32768]"),
        (node("Reshape", "a b", "y"), [ROW, np.array([2, -1])], "reshapes to another number of elements"),
        (node("Gather", "a b", "y"), [ROW, np.array([9])],
         "does not fit its constants: index 9 is out of bounds for axis 0 with size 3"),
        (node("Sqrt", "a", "y"), [None], "does not fit its constants: an operand is missing"),
    ],
)  # fmt: skip
def test_constants_that_do_not_fit(described: onnx.NodeProto, operands: list[Any], message: str) -> None:
    with pytest.raises(Refusal) as caught:
        fold(plain(described), operands)
    assert caught.value.rule == message


def test_other_operators_are_left_alone() -> None:
    assert fold(plain(node("Conv", "a b", "y")), [A, A]) is None


def test_sizes_of_a_reshape() -> None:
    assert target_sizes((2, 3, 4), [0, -1]) == [2, 12]
    assert target_sizes((2, 3, 4), [4, 6]) == [4, 6]
    for wanted in ([5, -1], [-1, -1], [0, 0, 0, 0], [-2, 12]):
        with pytest.raises(Refusal):
            target_sizes((2, 3, 4), wanted)
