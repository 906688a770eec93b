"""Shapes, widths and steps that an integer network takes from its model."""

import numpy as np
import pytest

from accelsim.reference.model import integer_network
from accelsim.reference.model_file import find_model, read_model


def test_the_network_at_four_steps(random_model) -> None:
    model = random_model(3)
    network = integer_network(model, 4)
    rows = {
        layer.name: (
            layer.kind,
            layer.timesteps,
            layer.bits_per_step,
            layer.word_bits,
            layer.out_word_bits,
            layer.fires,
        )
        for layer in network.layers
    }
    assert rows == {
        "stem": ("integers", 1, 8, 8, 4, True),
        "branch": ("spikes", 4, 1, 4, 4, True),
        "sum": ("spikes", 4, 1, 4, 5, True),
        "largest": ("spikes", 4, 1, 5, 5, True),
        "down": ("spikes", 4, 1, 5, 4, True),
        "mean": ("spikes", 4, 1, 4, 6, True),
        "read": ("integers", 1, 6, 6, 32, False),
    }
    for layer, node in zip(network.layers, model.nodes, strict=True):
        assert (layer.inputs, layer.kernel, layer.weight_bits) == (
            node.inputs,
            node.kernel,
            8 if node.name in model.weights else 0,
        )
    shapes = {layer.name: layer.out_shape for layer in network.layers}
    for layer in network.layers:
        for producer in layer.inputs:
            assert shapes[producer] == layer.in_shape


def test_accumulators_of_the_last_layer_stand_for_the_average(random_model) -> None:
    model = random_model(5)
    network = integer_network(model, 4)
    own = network.parameters["read"]
    step = float(model.full_scale["down"][0]) / 15 / 4
    assert own.theta.tolist() == [1, 1, 1]
    np.testing.assert_allclose(
        own.bias * model.scale["read"] * step, model.bias["read"], atol=model.scale["read"][0] * step
    )


def test_the_last_full_scale_serves_all_larger_timesteps(random_model) -> None:
    model = random_model(0)
    assert [model.step("block", t) for t in (1, 2, 3, 4)] == [1.0, 2.0 / 3, 3.0 / 7, 3.0 / 15]


@pytest.mark.parametrize(("timesteps", "widths"), [(1, {1, 2, 6, 8}), (4, {4, 5, 6, 8, 10}), (8, {8, 9, 10, 14})])
def test_the_shipped_network_has_exactly_the_widths_it_needs(timesteps, widths) -> None:
    network = integer_network(read_model(find_model("resnet18_digits")), timesteps)
    assert {layer.word_bits for layer in network.layers} == widths
    assert sum(layer.dense_macs for layer in network.layers) == 34_751_744
