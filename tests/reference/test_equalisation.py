"""Equalised networks compute what they did, with channels of one range."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from random_anns import random_ann

from accelsim.reference.ann import RELU, Ann, forward
from accelsim.reference.equalisation import SMALLEST, channel_ranges, equalise
from accelsim.reference.node import Node
from accelsim.reference.rails import rails, split


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1))
def test_random_networks_compute_the_same(seed: int) -> None:
    ann = rails(random_ann(seed), signed_image=True)
    channels, *size = ann.input_shape
    images = split(np.random.default_rng(seed).normal(size=(2, channels // 2, *size)))
    equal = equalise(ann, images)
    expected, made = forward(ann, images), forward(equal, images)
    for name, values in expected.items():
        np.testing.assert_allclose(made[name], values, atol=1e-4 * (1 + np.abs(values).max()))


def chain() -> Ann:
    """A layer of 4 channels of ranges far apart, read directly and through a pool and a concat."""
    nodes = (
        Node("first", "conv2d", ()),
        Node("half", "avgpool2d", ("first",), (2, 2), (2, 2)),
        Node("second", "conv2d", ("half",), groups=2),
        Node("answer", "linear", ("second",), (2, 2)),
    )
    rng = np.random.default_rng(0)
    shapes = {"first": (4, 1, 1), "second": (6, 2, 1), "answer": (2, 6, 2)}
    weights = {name: rng.random((a, b, k, k)).astype(np.float32) for name, (a, b, k) in shapes.items()}
    weights["first"][:, 0, 0, 0] = (8.0, 1.0, 0.5, 0.001)
    bias = {name: np.zeros(shape[0]) for name, shape in shapes.items()}
    return Ann("chain", (1, 4, 4), nodes, weights, bias, {"first": RELU, "second": RELU})


def test_channels_have_one_range_unless_they_are_too_narrow() -> None:
    ann = chain()
    images = np.random.default_rng(1).random((3, 1, 4, 4)).astype(np.float32)
    before = channel_ranges(ann, images, {"first"})["first"]
    equal = equalise(ann, images)
    after = channel_ranges(equal, images, {"first", "second"})
    np.testing.assert_allclose(after["first"], before[0] * np.array([1, 1, 1, 0.001 / 8 / SMALLEST]), rtol=1e-6)
    np.testing.assert_allclose(after["second"], after["second"].max(), rtol=1e-5)
    np.testing.assert_allclose(forward(equal, images)["answer"], forward(ann, images)["answer"], rtol=1e-5)
