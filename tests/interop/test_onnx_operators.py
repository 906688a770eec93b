"""Every operator of ONNX files against the onnx package's own evaluator."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_models import CONV, W, assert_equal, image, model, node, weights

GAINS = {name: np.abs(weights(4)) + 0.5 for name in ("gain", "offset", "mean", "var")}
SPLIT = np.array([1, 3], dtype=np.int64)

CASES: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "conv with bias, stride and dilation": (
        [node("Conv", "image w b", "y", strides=[2, 1], dilations=[1, 2], pads=[1, 2, 1, 2])],
        {**W, "b": weights(4)},
    ),
    "depthwise and grouped": (
        [node("Conv", "image w", "c", group=3), node("Conv", "c v", "y", group=2, kernel_shape=[1, 1])],
        {"w": weights(6, 1, 3, 3), "v": weights(4, 3, 1, 1)},
    ),
    "pads that differ": ([node("Conv", "image w", "y", pads=[0, 2, 1, 1], strides=[2, 2])], W),
    "padding as TensorFlow has it": (
        [node("Conv", "image w", "c", auto_pad="SAME_UPPER", strides=[2, 2]),
         node("MaxPool", "c", "y", kernel_shape=[2, 2])],
        W,
    ),
    "Pad before a window": (
        [node("Pad", "image around", "p"), node("Conv", "p w", "y")],
        {**W, "around": np.array([0, 0, 1, 2, 0, 0, 1, 0])},
    ),
    "normalisation behind a convolution and apart from it": (
        [CONV, node("BatchNormalization", "c gain offset mean var", "n"), node("Relu", "n", "r"),
         node("BatchNormalization", "r gain offset mean var", "y", epsilon=1e-3)],
        {**W, **GAINS},
    ),
    "normalisation of a shared value": (
        [CONV, node("BatchNormalization", "c gain offset mean var", "n"), node("Add", "n c", "y")],
        {**W, **GAINS},
    ),
    "rectifiers": (
        [CONV, node("Relu", "c", "a"), node("LeakyRelu", "c", "b", alpha=0.2), node("PRelu", "c one", "d"),
         node("PRelu", "c each", "e"), node("Clip", "c zero six", "f"), node("Concat", "a b d e f", "y", axis=1)],
        {**W, "one": np.full((1, 1, 1), 0.3, np.float32), "each": np.abs(weights(4, 1, 1)), "zero": np.float32(0),
         "six": np.float32(0.4)},
    ),
    "a rectifier twice, and one behind a scaled value": (
        [CONV, node("LeakyRelu", "c", "l", alpha=0.5), node("Relu", "l", "r"), node("Mul", "r half", "m"),
         node("Clip", "m zero top", "k"), node("Mul", "k half", "y")],
        {**W, "half": np.float32(0.5), "zero": np.float32(0), "top": np.float32(0.1)},
    ),
    "a negative factor behind a rectifier": (
        [CONV, node("Relu", "c", "r"), node("Neg", "r", "m"), node("LeakyRelu", "m", "y", alpha=0.25)], W,
    ),
    "factors and summands": (
        [node("Div", "image big", "i"), node("Conv", "i w", "c"), node("Mul", "c each", "m"),
         node("Add", "m each", "a"), node("Sub", "a big", "s"), node("Relu", "s", "r"),
         node("Mul", "r big", "t"), node("Sub", "big t", "y")],
        {**W, "big": np.float32(3), "each": weights(1, 4, 1, 1)},
    ),
    "sums of layers": (
        [CONV, node("Conv", "image v", "d"), node("Add", "c d", "a"), node("Relu", "a", "r"), node("Sub", "r c", "s"),
         node("Sum", "s d r", "y")],
        {**W, "v": weights(4, 3, 1, 1)},
    ),
    "a sum with the image": ([node("Conv", "image w", "c"), node("Add", "image c", "y")], {"w": weights(3, 3, 1, 1)}),
    "scores of the same scale add": (
        [CONV, node("Relu", "c", "r"), node("Mul", "r k", "m"), node("Mul", "r k", "n"), node("Add", "m n", "y")],
        {**W, "k": np.float32(0.25)},
    ),
    "pools": (
        [node("Relu", "image", "r"), node("MaxPool", "r", "m", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
         node("AveragePool", "m", "a", kernel_shape=[2, 2], pads=[1, 1, 1, 1], count_include_pad=1),
         node("GlobalAveragePool", "a", "y")],
        {},
    ),
    "whole windows under ceil_mode": (
        [node("Relu", "image", "r"), node("MaxPool", "r", "m", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
         node("AveragePool", "m", "y", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)],
        {},
    ),
    "reductions over space": (
        [CONV, node("ReduceMean", "c space", "a", keepdims=0), node("ReduceMax", "c space", "b", keepdims=0),
         node("ReduceSum", "c space", "d", keepdims=0), node("GlobalMaxPool", "c", "e"), node("Flatten", "e", "f"),
         node("Concat", "a b d f", "y", axis=1)],
        {**W, "space": np.array([2, 3])},
    ),
    "upsampling": (
        [node("Resize", "image - twice", "r", mode="nearest", coordinate_transformation_mode="asymmetric",
              nearest_mode="floor"),
         node("Resize", "r - - sizes", "y", mode="nearest", coordinate_transformation_mode="half_pixel")],
        {"twice": np.array([1, 1, 2, 3], np.float32), "sizes": np.array([2, 3, 48, 24])},
    ),
    "a flattened map into linear layers": (
        [CONV, node("Relu", "c", "r"), node("Flatten", "r", "f"), 
         node("Gemm", "f v b", "g", transB=1, alpha=0.5, beta=2.0), node("Relu", "g", "h"),
         node("MatMul", "h u", "m"), node("Add", "m q", "y")],
        {**W, "v": weights(5, 256), "b": weights(5), "u": weights(5, 3), "q": weights(3)},
    ),
    "rows before channels": (
        [CONV, node("Transpose", "c", "t", perm=[0, 2, 3, 1]), node("Reshape", "t flat", "f"),
         node("MatMul", "f v", "y")],
        {**W, "flat": np.array([0, -1]), "v": weights(256, 3)},
    ),
    "shuffled channels": (
        [CONV, node("Reshape", "c cut", "r"), node("Transpose", "r", "t", perm=[0, 2, 1, 3, 4]),
         node("Reshape", "t back", "s"), node("BatchNormalization", "s gain offset mean var", "n"),
         node("Conv", "n v", "y")],
        {**W, **GAINS, "cut": np.array([0, 2, 2, 8, 8]), "back": np.array([0, 4, 8, 8]), "v": weights(2, 4, 1, 1)},
    ),
    "weights on the left, and a convolution over tokens": (
        [CONV, node("Reshape", "c tokens", "t"), node("MatMul", "v t", "m"), node("Conv", "m u b", "y")],
        {**W, "tokens": np.array([0, 0, -1]), "v": weights(5, 4), "u": weights(3, 5, 1), "b": weights(3)},
    ),
    "parts of channels": (
        [CONV, node("Split", "c parts", "a b", axis=1), node("Slice", "c one four axis", "d"),
         node("Relu", "d", "e"), node("MaxPool", "e", "p", kernel_shape=[1, 1]),
         node("Slice", "p one four axis two", "q"), node("Concat", "a b q", "y", axis=1)],
        {**W, "parts": SPLIT, "one": np.array([1]), "four": np.array([2**62]), "axis": np.array([1]),
         "two": np.array([2])},
    ),
    "shapes computed on the way": (
        [CONV, node("Shape", "c", "s"), node("Gather", "s zero", "n"), node("Unsqueeze", "n first", "u"),
         node("Concat", "u minus", "k", axis=0), node("Reshape", "c k", "f"), node("Gemm", "f v", "y")],
        {**W, "zero": np.int64(0), "first": np.array([0]), "minus": np.array([-1]), "v": weights(256, 3)},
    ),
    "axes of size 1": (
        [CONV, node("GlobalAveragePool", "c", "g"), node("Squeeze", "g space", "s"), node("Unsqueeze", "s space", "u"),
         node("Conv", "u v", "w1"), node("Squeeze", "w1 space", "y")],
        {**W, "space": np.array([2, 3]), "v": weights(2, 4, 1, 1)},
    ),
    "what does nothing": (
        [CONV, node("Identity", "c", "i"), node("Dropout", "i", "d"), node("Cast", "d", "y", to=1)], W,
    ),
    "a layer that nobody reads": ([CONV, node("Relu", "c", "y"), node("Relu", "c", "z")], W),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_operators_equal_the_evaluator(name: str, tmp_path: Path) -> None:
    nodes, constants = CASES[name]
    assert_equal(model(nodes, constants), tmp_path / "m.onnx", image(2, 3, 8, 8))
