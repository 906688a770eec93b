"""What a layer takes up and what becomes a layer of its own."""

from dataclasses import replace
from math import inf

import numpy as np
import pytest

from accelsim.interop.onnx.draft import LARGEST_MAP, Drafts, Value
from accelsim.interop.onnx.layout import Layout, Refusal
from accelsim.reference.ann import RELU, Activation
from accelsim.reference.node import Node

SHAPE = (2, 3, 3)
TWO, NOTHING = np.full(2, 2.0), np.zeros(2)


@pytest.fixture
def drafts() -> Drafts:
    return Drafts(Value(None, SHAPE, Layout.of_map(1, SHAPE), shared=True))


@pytest.fixture
def layer(drafts: Drafts) -> Value:
    ones = np.ones((2, 2, 1, 1), np.float32)
    return drafts.add(Node("conv", "conv2d"), [drafts.image], SHAPE, drafts.image.layout, ones, np.ones(2))


def test_factors_and_summands_go_into_weights(drafts: Drafts, layer: Value) -> None:
    value = drafts.affine(layer, np.array([2.0, 3.0]), np.array([1.0, -1.0]), "scale")
    ann = drafts.finished("n", [value])
    assert ann.weights["conv"].reshape(2, 2).tolist() == [[2, 2], [3, 3]]
    assert ann.bias["conv"].tolist() == [3, 2]


def test_a_scalar_behind_a_ceiling_moves_it(drafts: Drafts, layer: Value) -> None:
    value = drafts.affine(drafts.activated(layer, Activation(ceiling=6.0), "relu"), TWO, NOTHING, "scale")
    ann = drafts.finished("n", [value])
    assert dict(ann.activation) == {"conv": Activation(0.0, 12.0)}
    assert ann.bias["conv"].tolist() == [2, 2]


def test_a_shared_layer_stays_and_a_scalar_travels_on(drafts: Drafts, layer: Value) -> None:
    value = drafts.affine(replace(layer, shared=True), TWO, NOTHING, "scale")
    assert (value.draft, value.scale) == (layer.draft, 2.0)
    settled = drafts.settled(value, "settled")
    assert settled.draft is not layer.draft
    ann = drafts.finished("n", [settled])
    assert [(node.name, node.groups) for node in ann.nodes] == [("conv", 1), ("settled", 2)]
    assert ann.weights["settled"].reshape(-1).tolist() == [2, 2]


def test_rectifiers_combine(drafts: Drafts, layer: Value) -> None:
    value = drafts.activated(layer, Activation(0.5), "leaky")
    value = drafts.activated(value, Activation(0.5, 6.0), "again")
    assert value.draft is layer.draft
    assert value.draft.activation == Activation(0.25, 6.0)


def test_a_negative_factor_is_settled_before_a_rectifier(drafts: Drafts, layer: Value) -> None:
    value = drafts.activated(drafts.affine(drafts.activated(layer, RELU, "relu"), -TWO, NOTHING, "neg"), RELU, "last")
    ann = drafts.finished("n", [value])
    assert [node.name for node in ann.nodes] == ["conv", "last.scale"]
    assert dict(ann.activation) == {"conv": RELU, "last.scale": Activation(0.0, inf)}


def test_layers_that_no_output_needs_are_left_out_and_names_are_unique(drafts: Drafts, layer: Value) -> None:
    kernel = np.ones((2, 2, 1, 1), np.float32)
    again = drafts.add(Node("conv", "conv2d"), [layer], SHAPE, layer.layout, kernel)
    drafts.add(Node("dead", "conv2d"), [layer], SHAPE, layer.layout, kernel)
    odd = drafts.add(Node(" a/b::c,d ", "conv2d"), [again], SHAPE, layer.layout, kernel)
    ann = drafts.finished("n", [odd])
    assert [(node.name, node.inputs) for node in ann.nodes] == [
        ("conv", ()), ("conv.2", ("conv",)), ("a.b.c.d", ("conv.2",)),
    ]  # fmt: skip
    assert ann.outputs == ("a.b.c.d",)


def test_the_image_beside_a_layer_becomes_one(drafts: Drafts, layer: Value) -> None:
    total = drafts.add(Node("sum", "add"), [drafts.image, layer], SHAPE, layer.layout)
    assert [node.inputs for node in drafts.finished("n", [total]).nodes] == [(), (), ("sum.image", "conv")]


def test_refusals(drafts: Drafts, layer: Value) -> None:
    with pytest.raises(Refusal) as caught:
        drafts.add(Node("huge", "upsample"), [layer], (2, LARGEST_MAP, 1), layer.layout)
    assert caught.value.rule == "makes too large a map"
    with pytest.raises(Refusal) as caught:
        drafts.affine(replace(layer, padding=(1, 0, 0, 0)), TWO, NOTHING, "scale")
    assert caught.value.rule == "reads zeros that Pad put around a map"
