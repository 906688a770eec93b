"""Networks rewritten without negative values compute what they did before, and nothing negative travels in them."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from random_anns import random_ann

from accelsim.reference.ann import forward
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
