"""Shapes, widths and steps that an integer network takes from its model."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_anns import random_ann

from accelsim.errors import InputError
from accelsim.reference.ann import forward
from accelsim.reference.convert import convert
from accelsim.reference.model import ann_of, integer_network, output_unit, units
from accelsim.reference.model_file import find_model, read_model
from accelsim.reference.network import run
from accelsim.workload.layer import WEIGHTED_OPS


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


def test_images_become_words() -> None:
    ann = random_ann(1)
    signed = np.random.default_rng(0).normal(size=(2, *ann.input_shape))
    model = convert(ann, signed)
    assert model.image_rails
    assert model.image_shape == (2 * ann.input_shape[0], *ann.input_shape[1:])
    words = model.encode(signed)
    assert words.max() == 255
    assert (words[:, ::2] * words[:, 1::2]).max() == 0
    np.testing.assert_allclose((words[:, ::2] - words[:, 1::2]) * model.image_step, signed, atol=model.image_step)
    assert model.encode(words) is not words
    assert model.encode(words).tolist() == words.tolist()
    bytes_ = np.random.default_rng(0).integers(0, 256, (2, *ann.input_shape), dtype=np.uint8)
    plain = convert(ann, bytes_)
    assert (plain.image_rails, plain.image_step) == (False, 1 / 255)
    assert plain.encode(bytes_ / 255).tolist() == plain.encode(bytes_).tolist() == bytes_.tolist()
    with pytest.raises(InputError) as caught:
        model.encode(bytes_)
    channels, rows, columns = ann.input_shape
    assert str(caught.value) == (
        f"images: images of the wrong shape (got (2, {channels}, {rows}, {columns})); "
        f"allowed: [image, {2 * channels}, {rows}, {columns}]"
    )


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.sampled_from([1, 2, 3, 4, 8]))
def test_converted_networks_have_equal_forms_and_words_that_fit(seed: int, timesteps: int, weight_bits: int) -> None:
    ann = random_ann(seed)
    images = np.random.default_rng(seed).normal(size=(1, *ann.input_shape))
    model = convert(ann, images)
    network = integer_network(model, timesteps, weight_bits)
    image = model.encode(images)[0]
    packed, serial = run(network, image), run(network, image, "serial")
    for layer in network.layers:
        np.testing.assert_array_equal(packed[layer.name], serial[layer.name])
        if not layer.signed:
            assert 0 <= packed[layer.name].min() <= packed[layer.name].max() < 1 << layer.out_word_bits
        own = network.parameters.get(layer.name)
        if own is not None and layer.op in WEIGHTED_OPS:
            assert layer.weight_bits in (weight_bits, max(2, weight_bits))
            assert np.abs(own.weights).max() <= max(1, 2 ** (layer.weight_bits - 1) - 1)


def test_units_of_layers_that_do_not_fire(random_model) -> None:
    model = random_model(5)
    words = units(model, 4)
    assert words["sum"] == words["branch"] == model.step("block", 4)
    assert words["mean"] == model.step("down", 4) / 4
    assert words["read"] == output_unit(model, "read", 4) == model.scale["read"][0] * words["mean"]
    assert model.answers == ("read",)


def test_the_real_network_of_a_model_is_what_it_approaches(random_model) -> None:
    model = random_model(5)
    real = forward(ann_of(model), model.images[:1] * model.image_step, ("stem", "branch", "down", "read"))
    largest = {"block": max(real["stem"].max(), real["branch"].max()), "down": real["down"].max()}
    model = replace(model, full_scale={stream: np.array([float(scale)]) for stream, scale in largest.items()})
    made = run(integer_network(model, 10), model.images[0])["read"] * output_unit(model, "read", 10)
    np.testing.assert_allclose(made, real["read"][0], atol=0.01 * np.abs(real["read"]).max())
