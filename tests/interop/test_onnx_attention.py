"""Attention from ONNX files: queries, keys and values however the exporter turned them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx_models import assert_equal, image, model, node, read, weights

from accelsim.errors import InputError


def heads(name: str, cut: str, order: list[int]) -> list[Any]:
    """Rectified queries, keys or values `name`0, cut into heads, as `name`3."""
    return [
        node("Relu", f"{name}0", f"{name}1"),
        node("Reshape", f"{name}1 {cut}", f"{name}2"),
        node("Transpose", f"{name}2", f"{name}3", perm=order),
    ]


def attention(form: str) -> tuple[list[Any], dict[str, Any]]:
    """Two heads of two channels over 12 tokens; `form` says which axis holds the tokens."""
    constants = {name: weights(4, 4) for name in ("wq", "wk", "wv")}
    constants |= {"e": weights(4, 3, 2, 2), "k": np.float32(0.3), "s": np.array([0, 4, 12])}
    constants |= {"cut": np.array([0, 12, 2, 2]), "join": np.array([0, 12, 4])}
    constants |= {"cutc": np.array([0, 2, 2, 12]), "joinc": np.array([0, 4, 12])}
    nodes = [node("Conv", "image e", "x0", strides=[2, 2]), node("Reshape", "x0 s", "x1")]
    if form == "tokens first":
        nodes.append(node("Transpose", "x1", "x", perm=[0, 2, 1]))
        for name, order in (("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3])):
            nodes += [node("MatMul", f"x w{name}", f"{name}0"), *heads(name, "cut", order)]
        nodes += [
            node("MatMul", "q3 k3", "a"),
            node("Mul", "a k", "b"),
            node("MatMul", "b v3", "o"),
            node("Transpose", "o", "t", perm=[0, 2, 1, 3]),
            node("Reshape", "t join", "u"),
            node("Add", "u x", "y1"),
            node("Transpose", "y1", "y", perm=[0, 2, 1]),
        ]
    else:
        for name, order in (("q", [0, 1, 3, 2]), ("k", [0, 1, 2, 3]), ("v", [0, 1, 2, 3])):
            nodes += [node("MatMul", f"w{name} x1", f"{name}0"), *heads(name, "cutc", order)]
        nodes += [
            node("MatMul", "q3 k3", "a"),
            node("Relu", "a", "a1"),
            node("Mul", "a1 k", "b"),
            node("Transpose", "b", "b1", perm=[0, 1, 3, 2]),
            node("MatMul", "v3 b1", "o"),
            node("Reshape", "o joinc", "u"),
            node("Add", "u x1", "y"),
        ]
    return nodes, constants


@pytest.mark.parametrize("form", ["tokens first", "channels first"])
def test_attention_equals_the_evaluator(form: str, tmp_path: Path) -> None:
    nodes, constants = attention(form)
    written = model(nodes, constants, ("batch", 3, 6, 8))
    ann = assert_equal(written, tmp_path / "m.onnx", image(1, 3, 6, 8))
    groups = {each.op: each.groups for each in ann.nodes}
    assert groups["attention_scores"] == groups["attention_values"] == 2


def test_heads_joined_with_the_batch(tmp_path: Path) -> None:
    constants = {"e": weights(4, 3, 2, 2), "s": np.array([4, 2, 12]), "b": np.array([2, 4, 3, 4])}
    nodes = [
        node("Conv", "image e", "x", strides=[2, 2]),
        node("Reshape", "x s", "h"),
        node("Transpose", "h", "t", perm=[0, 2, 1]),
        node("MatMul", "t h", "a"),
        node("MatMul", "a t", "o"),
        node("Transpose", "o", "u", perm=[0, 2, 1]),
        node("Reshape", "u b", "y"),
    ]
    ann = assert_equal(model(nodes, constants, (2, 3, 6, 8)), tmp_path / "m.onnx", image(2, 3, 6, 8))
    assert [(each.op, each.groups) for each in ann.nodes[1:]] == [("attention_scores", 2), ("attention_values", 2)]


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        # Keys and values first, as in linear attention: sums over tokens that no map of tokens holds.
        ([0, 1, 2, 3], [0, 1, 3, 2],
         "MatMul is no product of attention: queries and keys over channels, or scores and values over tokens "
         "(got '[1, 2, 2, 12] and [1, 2, 12, 2]'); allowed: heads as factors of channels"),
        ([0, 3, 1, 2], [0, 3, 2, 1],
         "MatMul is no product of attention: queries and keys over channels, or scores and values over tokens "
         "(got '[1, 12, 2, 2] and [1, 12, 2, 2]'); allowed: heads as factors of channels"),
        ([0, 1, 3, 2], [0, 3, 1, 2],
         "MatMul multiplies tensors of unlike axes (got '[1, 2, 12, 2] and [1, 12, 2, 2]'); "
         "allowed: [batch, heads, tokens, channels] twice"),
        ([0, 1, 3, 2], [0, 1, 3, 2],
         "MatMul multiplies tensors of unlike tokens (got '[1, 2, 12, 2] and [1, 2, 12, 2]'); "
         "allowed: self-attention: as many keys as queries"),
    ],
)  # fmt: skip
def test_other_products_are_refused(
    first: list[int], second: list[int], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    nodes = [
        node("Conv", "image e", "x", strides=[2, 2]),
        node("Reshape", "x s", "h"),
        node("Transpose", "h", "a", perm=first),
        node("Transpose", "h", "b", perm=second),
        node("MatMul", "a b", "y"),
    ]
    with pytest.raises(InputError) as caught:
        read(model(nodes, {"e": weights(4, 3, 2, 2), "s": np.array([0, 2, 2, 12])}, (1, 3, 6, 8)), Path("m.onnx"))
    assert str(caught.value) == f"m.onnx: the_y: {message}"
