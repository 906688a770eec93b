"""Models that no integer network can be built of: every rule, with its whole message."""

from dataclasses import replace

import numpy as np
import pytest

from accelsim.reference.model import Model
from accelsim.reference.model_check import model_problems
from accelsim.reference.node import Node


def messages(model) -> list[str]:
    return [str(problem) for problem in model_problems(model, "w.npz")]


def change(model, node: str, **values):
    return replace(model, nodes=tuple(replace(n, **values) if n.name == node else n for n in model.nodes))


def swap(model, group: str, name: str, array):
    return replace(model, **{group: {**getattr(model, group), name: array}})


def drop(model, group: str, name: str):
    return replace(model, **{group: {key: array for key, array in getattr(model, group).items() if key != name}})


def test_a_good_model_has_no_problems(random_model) -> None:
    assert [messages(random_model(seed)) for seed in range(20)] == [[]] * 20


@pytest.mark.parametrize(
    ("node", "values", "message"),
    [
        ("read", {"name": "stem"}, "layers.stem.name: empty or used twice (got 'stem')"),
        (
            "sum",
            {"op": "sub", "inputs": ("stem",)},
            "layers.sum.op: no such operator (got 'sub'); allowed: conv2d, linear, attention_scores, "
            "attention_values, maxpool2d, avgpool2d, add, concat, upsample",
        ),
        (
            "mean",
            {"kernel": (0, 1)},
            "layers.mean.kernel: not two sizes (got (0, 1)); allowed: [rows, columns], each at least 1",
        ),
        (
            "mean",
            {"stride": (1,)},
            "layers.mean.stride: not two sizes (got (1,)); allowed: [rows, columns], each at least 1",
        ),
        (
            "mean",
            {"padding": "1"},
            "layers.mean.padding: not two sizes (got '1'); allowed: [rows, columns], each at least 0",
        ),
        (
            "branch",
            {"inputs": ("late",)},
            "layers.branch.inputs: no earlier layer of that name (got 'late'); allowed: stem",
        ),
        (
            "sum",
            {"inputs": ("branch",)},
            "layers.sum.inputs: operands of an add differ (got [\"[5, 8, 7] of stream 'block'\"]); "
            "allowed: two layers of spikes of one shape and stream",
        ),
        (
            "mean",
            {"inputs": ("down", "down")},
            "layers.mean.inputs: too many inputs (got 2); allowed: 1, or none for the image",
        ),
        (
            "mean",
            {"kernel": (9, 9)},
            "layers.mean.kernel: larger than the padded input (got [9, 9]); allowed: input [3, 4, 3]",
        ),
        (
            "down",
            {"op": "linear"},
            "layers.down.kernel: does not cover the input of a linear layer (got [3, 2]); allowed: [7, 4]",
        ),
        (
            "mean",
            {"inputs": ("",)},
            "layers.mean.inputs: no earlier layer of that name (got ''); allowed: stem, branch, sum, largest, down",
        ),
        (
            "down",
            {"stream": ""},
            "layers.mean.inputs: reads a layer that does not fire (got 'down'); "
            "allowed: layers of spikes, and their pools",
        ),
        ("mean", {"dilation": (2, 1)}, "layers.mean.dilation: dilates a pool (got [2, 1]); allowed: [1, 1]"),
        (
            "mean",
            {"padding": (10**5, 10**5)},
            "layers.mean.op: makes too large a map (got [3, 200003, 200002]); allowed: at most 268435456 words",
        ),
        ("down", {"stream": "up"}, "layers.down.stream: no full_scale for it (got 'up'); allowed: block, down"),
    ],
)
def test_graphs(node, values, message, random_model) -> None:
    assert messages(change(random_model(4), node, **values)) == [f"w.npz: {message}"]


@pytest.mark.parametrize(
    ("group", "array", "message"),
    [
        ("weights", None, "layers.down.weights: missing"),
        ("scale", None, "layers.down.scale: missing"),
        (
            "weights",
            np.zeros((3, 2, 3, 2), dtype=np.int8),
            "layers.down.weights: wrong type or shape (got 'int8 [3, 2, 3, 2]'); allowed: int8 [out_channels, 5, 3, 2]",
        ),
        (
            "bias",
            np.full(3, np.nan),
            "layers.down.bias: wrong type, shape or value (got 'float64 [3]'); allowed: finite float64 [3]",
        ),
        ("scale", np.array([1.0, -1.0, 1.0]), "layers.down.scale: not positive (got -1.0)"),
        (
            "full_scale",
            np.zeros(2),
            "full_scale.down: wrong type, shape or sign (got 'float64 [2]'); allowed: float64 [timesteps], positive",
        ),
    ],
)
def test_arrays(group, array, message, random_model) -> None:
    model = random_model(4)
    broken = drop(model, group, "down") if array is None else swap(model, group, "down", array)
    assert messages(broken) == [f"w.npz: {message}"]


ATTENTION = (
    Node("q", "conv2d", (), stream="q"),
    Node("k", "conv2d", (), stream="q"),
    Node("scores", "attention_scores", ("q", "k"), stream="q", groups=2),
    Node("values", "attention_values", ("scores", "q"), stream="q", groups=2),
    Node("both", "concat", ("q", "values")),
    Node("up", "upsample", ("both",), factor=(2, 1)),
    Node("last", "conv2d", ("up",), groups=4),
)


def attention(**changes) -> Model:
    """Two heads of two channels over 2 x 3 tokens, then a grouped convolution."""
    shapes = {"q": (4, 3, 1, 1), "k": (4, 3, 1, 1), "last": (4, 2, 1, 1)}
    model = Model(
        "attention",
        "",
        (3, 2, 3),
        8,
        1 / 255,
        ATTENTION,
        {name: np.ones(shape, dtype=np.int8) for name, shape in shapes.items()},
        {name: np.ones(shape[0]) for name, shape in shapes.items()},
        {name: np.ones(shape[0]) for name, shape in shapes.items()},
        {"q": np.ones(1)},
        images=np.zeros((0, 3, 2, 3), dtype=np.uint8),
    )
    return replace(model, **changes)


@pytest.mark.parametrize(
    ("node", "values", "message"),
    [
        (
            "scores",
            {"groups": 3},
            "layers.scores.groups: do not divide the channels (got 3); allowed: a divisor of 4",
        ),
        ("scores", {"inputs": ("q",)}, "layers.scores.inputs: not two operands (got 1); allowed: 2"),
        (
            "values",
            {"groups": 1},
            "layers.values.inputs: operands of attention_values do not fit (got [[12, 2, 3], [4, 2, 3]]); "
            "allowed: the first [6, 2, 3]",
        ),
        (
            "scores",
            {"stream": "none"},
            "layers.scores.stream: no full_scale for it (got 'none'); allowed: q",
        ),
        (
            "both",
            {"inputs": ("q",)},
            "layers.both.inputs: operands of a concat differ (got [\"[4, 2, 3] of stream 'q'\"]); "
            "allowed: layers of spikes of one size and stream",
        ),
        (
            "up",
            {"factor": (0, 1)},
            "layers.up.factor: not two sizes (got (0, 1)); allowed: [rows, columns], each at least 1",
        ),
        ("last", {"groups": 0}, "layers.last.groups: not a size (got 0); allowed: at least 1"),
        ("last", {"groups": 3}, "layers.last.groups: do not divide the channels (got 3); allowed: a divisor of 8"),
        (
            "last",
            {"groups": 8},
            "layers.last.weights: wrong type or shape (got 'int8 [4, 2, 1, 1]'); allowed: int8 [out_channels, 1, 1, 1]",
        ),
    ],
)
def test_graphs_of_attention(node, values, message) -> None:
    assert messages(attention()) == []
    assert messages(change(attention(), node, **values)) == [f"w.npz: {message}"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"outputs": ("last", "end")},
            "outputs: no layer of that name (got 'end'); allowed: q, k, scores, values, both, up, last",
        ),
        ({"gain": {"scores": 0.0}}, "gain.scores: not a positive number (got 0.0)"),
        ({"ceiling": {"q": "six"}}, "ceiling.q: not a positive number (got 'six')"),
        (
            {"image_rails": True},
            "image_rails: not true or false, or an odd number of rails (got True); allowed: two channels for one",
        ),
    ],
)
def test_what_stands_beside_the_graph(changes, message) -> None:
    assert messages(attention(**changes)) == [f"w.npz: {message}"]


def test_all_problems_of_the_inputs_are_gathered(random_model) -> None:
    model = replace(random_model(4), image_bits=9, image_step=0.0, nodes=(), labels=np.zeros(3))
    assert messages(model) == [
        "w.npz: image_bits: out of range (got 9); allowed: 1 to 8",
        "w.npz: image_step: not a positive number (got 0.0)",
        "w.npz: layers: no layers",
        "w.npz: labels: wrong type or shape (got 'float64 [3]'); allowed: int64 [2], or none",
    ]
    assert messages(replace(model, image_shape=(1, 0)))[0] == (
        "w.npz: image_shape: not three sizes (got (1, 0)); allowed: [channels, rows, columns]"
    )


def test_layers_after_a_broken_one_are_left_out_but_others_are_not(random_model) -> None:
    model = change(random_model(4), "branch", op="glue")
    extra = Node("other", "maxpool2d", ("stem",), stride=(0, 0))
    assert [text.split(":")[1] for text in messages(replace(model, nodes=(*model.nodes, extra)))] == [
        " layers.branch.op",
        " layers.other.stride",
    ]


def test_numbers_of_a_layer_that_has_no_weights_are_refused(random_model) -> None:
    stray = np.ones((90, 1, 1, 1), dtype=np.int8)
    assert messages(swap(random_model(4), "weights", "mean", stray)) == [
        "w.npz: layers.mean.weights: of a layer that has none (got 'int8 [90, 1, 1, 1]')"
    ]


def test_images_of_a_model(random_model) -> None:
    model = random_model(4)
    assert messages(replace(model, images=np.array(3, dtype=np.uint8))) == [
        "w.npz: images: wrong type or shape (got 'uint8 []'); "
        f"allowed: uint8 [images, {', '.join(map(str, model.image_shape))}]"
    ]
    bright = np.full_like(model.images, 4)
    assert messages(replace(model, images=bright, image_bits=2)) == [
        "w.npz: images: pixels out of range (got 4); allowed: 0 to 3"
    ]


def test_a_linear_layer_has_no_padding() -> None:
    padded = tuple(
        replace(node, op="linear", kernel=(4, 3), groups=1, padding=(1, 0)) if node.name == "last" else node
        for node in ATTENTION
    )
    weights = {**attention().weights, "last": np.ones((4, 8, 4, 3), dtype=np.int8)}
    assert messages(attention(nodes=padded, weights=weights)) == [
        "w.npz: layers.last.padding: pads the input of a linear layer (got [1, 0]); allowed: [0, 0]"
    ]
