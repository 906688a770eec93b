"""Streams and full scales, against what they are defined to be."""

import numpy as np

from accelsim.reference import calibration
from accelsim.reference.ann import RELU, Activation, Ann
from accelsim.reference.node import Node


def test_full_scale_looks_at_positive_activations_of_all_layers() -> None:
    samples = [np.array([[0.0, 1.0], [2.0, -7.0]]), np.array([3.0, 5.0, 4.0])]
    assert calibration.full_scale(samples) == 5.0
    assert calibration.full_scale(samples, 50.0) == 3.0
    assert calibration.full_scale([np.zeros(3)]) == 1.0


def streams(*nodes: Node, activation) -> dict[str, str]:
    ann = Ann("a", (1, 4, 4), nodes, {}, {}, activation)
    return {node.name: node.stream for node in calibration.with_streams(ann).nodes}


def test_layers_share_a_stream_where_their_words_meet() -> None:
    nodes = (
        Node("a", "conv2d"),
        Node("b", "conv2d", ("a",)),
        Node("pool", "maxpool2d", ("b",)),
        Node("c", "conv2d", ("pool",)),
        Node("up", "upsample", ("c",)),
        Node("sum", "add", ("up", "pool")),
        Node("d", "conv2d", ("sum",)),
        Node("both", "concat", ("d", "sum")),
        Node("e", "conv2d", ("both",)),
        Node("mean", "avgpool2d", ("e",)),
        Node("end", "linear", ("mean",)),
    )
    found = streams(*nodes, activation=dict.fromkeys("abcde", RELU))
    assert {name: stream for name, stream in found.items() if stream} == {
        "a": "a",
        "b": "b",
        "c": "b",
        "d": "b",
        "e": "e",
    }


def test_full_scales_of_each_calibration() -> None:
    nodes = (Node("a", "conv2d", stream="s"), Node("b", "conv2d", stream="s"), Node("c", "conv2d", stream="c"))
    ann = Ann("a", (1, 4, 4), nodes, {}, {}, {"a": RELU, "b": RELU, "c": Activation(ceiling=6.0)})
    values = np.arange(1, 101) / 10.0
    samples = {
        "a": calibration.Sample(values, 12.0),
        "b": calibration.Sample(values / 2, 5.0),
        "c": calibration.Sample(values, 7.0),
    }
    found = {how: calibration.full_scales(ann, samples, how, 50.0) for how in ("max", "percentile", "least_squares")}
    assert {name: table.tolist() for name, table in found["max"].items()} == {"s": [12.0], "c": [6.0]}
    assert found["percentile"]["s"].tolist() == [np.median(np.concatenate([values, values / 2]))]
    for table in found["least_squares"].values():
        assert len(table) == calibration.LARGEST_TIMESTEPS
        assert (np.diff(table) >= 0).all()
    assert found["least_squares"]["c"].max() == 6.0


def test_least_squares_weigh_clipping_against_rounding() -> None:
    """Two activations in a thousand are far out: with enough steps they are worth reaching for."""
    values = np.concatenate([np.random.default_rng(0).random(990), np.full(2, 4.0)])
    table = calibration.least_squares(values, 4.0)
    assert table[0] < 2.0
    assert table[7] == 4.0
    for timesteps, chosen in enumerate(table, 1):
        words = 2**timesteps - 1

        def cost(full: float, words: int = words) -> float:
            error = np.minimum(np.rint(values / full * words), words) * full / words - values
            return (error**2 * np.where(values > full, words + 1, 1)).sum()

        assert cost(chosen) <= min(cost(4.0 * part) for part in calibration.CANDIDATES) * (1 + 1e-12)


def test_samples_know_the_largest_activation_and_take_part_of_the_rest(monkeypatch) -> None:
    monkeypatch.setattr(calibration, "SAMPLES", 10)
    node = Node("a", "conv2d", stream="a")
    ann = Ann("a", (1, 8, 8), (node,), {"a": np.ones((1, 1, 1, 1), dtype=np.float32)}, {}, {"a": RELU})
    images = np.random.default_rng(0).normal(size=(6, 1, 8, 8))
    found = calibration.sample(ann, images, ["a"])["a"]
    assert found.largest == np.float32(images.max())
    assert 0 < len(found.values) <= 10
    assert set(found.values) <= set(images.astype(np.float32).ravel().tolist())
    assert calibration.sample(ann, images, ["a"])["a"].values.tolist() == found.values.tolist()
