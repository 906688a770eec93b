"""The forward pass of a network of real numbers."""

import numpy as np
from random_anns import random_ann

from accelsim.reference import ann as anns
from accelsim.reference.ann import IDENTITY, RELU, Activation, forward, walk
from accelsim.reference.reals import compute


def test_activations() -> None:
    x = np.array([-2.0, -0.5, 0.0, 3.0, 9.0], dtype=np.float32)
    assert RELU(x).tolist() == [0, 0, 0, 3, 9]
    assert IDENTITY(x).tolist() == x.tolist()
    assert Activation(0.5)(x).tolist() == [-1, -0.25, 0, 3, 9]
    assert Activation(ceiling=6.0)(x).tolist() == [0, 0, 0, 3, 6]


def test_every_node_is_what_it_makes_of_its_producers(monkeypatch) -> None:
    for seed in range(20):
        ann = random_ann(seed)
        images = np.random.default_rng(seed).normal(size=(5, *ann.input_shape))
        names = [node.name for node in ann.nodes]
        values = forward(ann, images, names)
        shapes = ann.shapes()
        for node in ann.nodes:
            operands = [values[name] if name else images.astype(np.float32) for name in node.inputs or ("",)]
            made = compute(
                node, operands, ann.weights.get(node.name), ann.bias.get(node.name), ann.gain.get(node.name, 1)
            )
            made = ann.activation.get(node.name, IDENTITY)(made)
            np.testing.assert_allclose(values[node.name], made, rtol=1e-5, atol=1e-6)
            assert values[node.name].shape == (5, *shapes[node.name])
        assert forward(ann, images).keys() == set(ann.outputs)
        monkeypatch.setattr(anns, "BATCH_BYTES", 1)
        one_by_one = forward(ann, images)
        monkeypatch.undo()
        for name, expected in one_by_one.items():
            np.testing.assert_allclose(values[name], expected, rtol=1e-4, atol=1e-5)


def test_what_nobody_needs_any_more_is_let_go() -> None:
    import weakref

    ann = random_ann(3)
    alive: list[weakref.ref] = []
    most = 0
    for _, values in walk(ann, np.ones((1, *ann.input_shape), dtype=np.float32), [node.name for node in ann.nodes]):
        alive.append(weakref.ref(values))
        most = max(most, sum(reference() is not None for reference in alive))
    assert most < len(ann.nodes)
