"""Operators over real numbers against sums written out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.reference.node import Node, output_shape
from accelsim.reference.reals import compute


def slow(node: Node, values: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """One image, one window after another; a maximum sees no padding."""
    outs = values.shape[0] if weights is None else len(weights)
    made = np.zeros(output_shape(node, [values.shape], outs))
    empty = -np.inf if node.op == "maxpool2d" else 0.0
    (down, right), members = node.padding, values.shape[0] // node.groups
    padded = np.pad(values, ((0, 0), (down, down), (right, right)), constant_values=empty).astype(np.float64)
    for out, row, column in np.ndindex(made.shape):
        rows = row * node.stride[0] + np.arange(node.kernel[0]) * node.dilation[0]
        columns = column * node.stride[1] + np.arange(node.kernel[1]) * node.dilation[1]
        if weights is None:
            window = padded[out][np.ix_(rows, columns)]
            made[out, row, column] = window.max() if node.op == "maxpool2d" else window.mean()
        else:
            first = out // (outs // node.groups) * members
            window = padded[np.ix_(range(first, first + members), rows, columns)]
            made[out, row, column] = (window * weights[out]).sum()
    return made


@settings(deadline=None, max_examples=80)
@given(
    st.integers(0, 2**32 - 1), st.sampled_from(["conv2d", "depthwise", "grouped", "linear", "maxpool2d", "avgpool2d"])
)
def test_windows(seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    groups = {"depthwise": 4, "grouped": 2}.get(kind, 1)
    values = rng.normal(size=(2, 4, 6, 5)).astype(np.float32)
    op = kind if kind in ("linear", "maxpool2d", "avgpool2d") else "conv2d"
    pairs = [tuple(int(n) for n in rng.integers(low, high, 2)) for low, high in ((1, 4), (1, 3), (0, 2), (1, 3))]
    kernel, stride, padding, dilation = pairs
    if op == "linear":
        kernel, stride, padding, dilation = (6, 5), (1, 1), (0, 0), (1, 1)
    elif op != "conv2d":
        kernel, dilation = tuple(max(2, size) for size in kernel), (1, 1)
    node = Node("n", op, (), kernel, stride, padding, "", dilation, groups)
    weights = None if op.endswith("pool2d") else rng.normal(size=(8, 4 // groups, *kernel)).astype(np.float32)
    bias = None if weights is None else rng.normal(size=8)
    made = compute(node, [values], weights, bias)
    assert made.dtype == np.float32
    for image, expected in zip(made, values, strict=True):
        shift = 0.0 if bias is None else bias[:, None, None]
        np.testing.assert_allclose(image, slow(node, expected, weights) + shift, atol=1e-5)


def test_maps_that_meet() -> None:
    first, second = np.arange(8.0, dtype=np.float32).reshape(2, 1, 2, 2), np.full((2, 1, 2, 2), 10, dtype=np.float32)
    assert compute(Node("n", "add"), [first, second]).ravel().tolist() == list(range(10, 18))
    assert compute(Node("n", "concat"), [first, second])[0].tolist() == [[[0, 1], [2, 3]], [[10, 10], [10, 10]]]
    large = compute(Node("n", "upsample", factor=(2, 1)), [first[:1]])
    assert large.tolist() == [[[[0, 1], [0, 1], [2, 3], [2, 3]]]]


@pytest.mark.parametrize("heads", [1, 2])
def test_attention_is_what_its_formula_says(heads: int) -> None:
    rng = np.random.default_rng(heads)
    q, k, v = (rng.normal(size=(3, 4, 2, 3)).astype(np.float32) for _ in range(3))
    scores = compute(Node("s", "attention_scores", groups=heads), [q, k], gain=0.5)
    values = compute(Node("a", "attention_values", groups=heads), [scores, v], gain=2.0)
    flat = [array.reshape(3, heads, 4 // heads, 6) for array in (q, k, v)]
    expected = 0.5 * np.einsum("ngci,ngcj->ngji", flat[0], flat[1])
    np.testing.assert_allclose(scores, expected.reshape(3, heads * 6, 2, 3), atol=1e-5)
    summed = 2.0 * np.einsum("ngji,ngcj->ngci", expected, flat[2])
    np.testing.assert_allclose(values, summed.reshape(3, 4, 2, 3), atol=1e-5)
