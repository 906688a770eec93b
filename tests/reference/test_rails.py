"""Networks rewritten without negative values compute what they did before, and nothing negative travels in them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_anns import random_ann

from accelsim.errors import InputError
from accelsim.reference.ann import RELU, Activation, Ann, forward
from accelsim.reference.node import Node
from accelsim.reference.rails import rails, split


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_random_networks_compute_the_same_and_nothing_negative_travels(seed: int, signed: bool) -> None:
    ann = random_ann(seed)
    images = np.random.default_rng(seed).normal(size=(2, *ann.input_shape)).astype(np.float32)
    images = images if signed else np.abs(images)
    expected = forward(ann, images)
    rewritten = rails(ann, signed)
    eaten = split(images) if signed else images
    made = forward(rewritten, eaten)
    assert made.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(made[name], values, atol=2e-5 * (1 + np.abs(values).max()))
    consumed = {name for node in rewritten.nodes for name in node.inputs}
    assert min(values.min() for values in forward(rewritten, eaten, consumed).values()) >= 0
    assert all(act.slope == 0 for act in rewritten.activation.values())


def layer(name: str, *inputs: str, op="conv2d", **keys) -> Node:
    return Node(name, op, inputs, **keys)


def small(*nodes: Node, activation=None, outputs=(), gain=None) -> Ann:
    """Convolutions of 2 by 2 channels over an image of 2 channels, 4 by 4."""
    rng = np.random.default_rng(len(nodes))
    weights = {node.name: rng.normal(size=(2, 2, 1, 1)).astype(np.float32) for node in nodes if node.op == "conv2d"}
    bias = {name: rng.normal(size=2) for name in weights}
    return Ann("small", (2, 4, 4), nodes, weights, bias, activation or {}, gain or {}, outputs)


def rows(ann: Ann) -> list[tuple]:
    """Name, operator, inputs, channels made and whether it fires, of every layer."""
    shapes = ann.shapes()
    return [
        (node.name, node.op, ",".join(node.inputs), shapes[node.name][0], node.name in ann.activation)
        for node in ann.nodes
    ]


def test_a_sum_with_an_activation_is_a_neuron_with_one_synapse_a_branch() -> None:
    ann = small(
        layer("a"),
        layer("b", "a"),
        layer("sum", "b", "a", op="add"),
        layer("end", "sum"),
        activation={"a": RELU, "sum": RELU},
    )
    made = rails(ann)
    assert rows(made) == [
        ("a", "conv2d", "", 2, True),
        ("b", "conv2d", "a", 4, True),
        ("sum.operands", "concat", "b,a", 6, False),
        ("sum", "conv2d", "sum.operands", 2, True),
        ("end", "conv2d", "sum", 2, False),
    ]
    assert made.weights["sum"][:, :, 0, 0].tolist() == [[1, -1, 0, 0, 1, 0], [0, 0, 1, -1, 0, 1]]


def test_a_plain_sum_brings_both_operands_to_rails_and_its_reader_sees_both() -> None:
    ann = small(
        layer("a"), layer("b", "a"), layer("sum", "b", "a", op="add"), layer("end", "sum"), activation={"a": RELU}
    )
    made = rails(ann)
    assert rows(made) == [
        ("a", "conv2d", "", 2, True),
        ("b", "conv2d", "a", 4, True),
        ("a.rails", "conv2d", "a", 4, True),
        ("sum", "add", "b,a.rails", 4, False),
        ("end", "conv2d", "sum", 2, False),
    ]
    np.testing.assert_array_equal(made.weights["end"][:, 1::2], -ann.weights["end"])
    np.testing.assert_array_equal(made.weights["b"][1::2], -ann.weights["b"])


def test_a_relu_after_a_pool_goes_before_it_and_an_average_that_meets_others_is_fired() -> None:
    ann = small(
        layer("a"),
        layer("most", "a", op="maxpool2d", kernel=(2, 2), stride=(2, 2)),
        layer("mean", "most", op="avgpool2d", kernel=(1, 1)),
        layer("both", "most", "mean", op="concat"),
        activation={"most": RELU},
    )
    made = rails(ann)
    assert made.activation == {"a": RELU, "mean.words": RELU}
    assert [row[:3] for row in rows(made)[3:]] == [
        ("mean.words", "conv2d", "mean"),
        ("both", "concat", "most,mean.words"),
    ]


def test_words_of_another_ceiling_are_fired_again_where_they_meet() -> None:
    six = Activation(ceiling=6.0)
    ann = small(
        layer("a"), layer("b"), layer("sum", "a", "b", op="add"), layer("end", "sum"), activation={"a": six, "b": RELU}
    )
    assert [row[:3] for row in rows(rails(ann))[2:4]] == [("a.words", "conv2d", "a"), ("sum", "add", "a.words,b")]
    alike = small(*ann.nodes, activation={"a": six, "b": six})
    assert [row[0] for row in rows(rails(alike))] == ["a", "b", "sum", "end"]


def test_a_signed_output_is_put_together_again() -> None:
    ann = small(layer("a"), layer("end", "a"), activation={"a": RELU}, outputs=("end", "a"))
    assert [row[0] for row in rows(rails(ann))] == ["a", "end"]
    seen = small(layer("a"), layer("end", "a"), outputs=("end", "a"))
    assert rows(rails(seen)) == [
        ("a.rails", "conv2d", "", 4, True),
        ("a", "conv2d", "a.rails", 2, False),
        ("end", "conv2d", "a.rails", 2, False),
    ]


def test_every_node_without_a_form_is_named() -> None:
    ann = small(
        layer("a"),
        layer("most", "a", op="maxpool2d"),
        layer("odd", "most"),
        layer("scores", "a", "odd", op="attention_scores"),
        layer("end", "most"),
        activation={"odd": Activation(-1.0)},
        gain={"scores": -1.0},
    )
    with pytest.raises(InputError) as caught:
        rails(ann)
    assert str(caught.value).splitlines() == [
        "small.most: takes the maximum of values that may be negative (got 'a'); "
        "allowed: a ReLU before it, or after it alone",
        "small.odd: its activation has no form on rails (got Activation(slope=-1.0, ceiling=inf)); "
        "allowed: a slope of 0 or more, a ceiling above 0 only where the slope is 0",
        "small.scores: multiplies values that may be negative (got 'a, odd'); "
        "allowed: a ReLU after each (the second of attention_values is free)",
        "small.scores: its gain is not positive (got -1.0); allowed: above 0",
    ]
