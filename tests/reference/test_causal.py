"""The rate-coded conversion against a twin in floating point and in plain numpy, and what it converges to."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_anns import random_ann

from accelsim.errors import InputError
from accelsim.reference.ann import forward
from accelsim.reference.causal import PLACES, answers, causal_network, spike_trains, train_words
from accelsim.reference.convert import convert
from accelsim.reference.lif import HALF, IF, CausalNeuron, fire_causal
from accelsim.reference.model import ann_of, integer_network
from accelsim.reference.model_file import find_model, read_model
from accelsim.reference.network import classify
from accelsim.reference.node import Node
from accelsim.reference.spikes import unpack
from accelsim.workload.layer import ATTENTION_OPS


def convolve(words, weights, layer):
    """Cross-correlation with zero padding; windows and weights are multiplied as they are."""
    padded = np.pad(words, ((0, 0), (layer.padding[0],) * 2, (layer.padding[1],) * 2))
    windows = np.lib.stride_tricks.sliding_window_view(padded, layer.kernel, (1, 2))
    windows = windows[:, :: layer.stride[0], :: layer.stride[1]]
    return np.einsum("chwij,ocij->ohw", windows, weights.astype(np.int64))


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    timesteps=st.integers(1, 9),
    tau=st.sampled_from([Fraction(1), Fraction(2), Fraction(3, 2)]),
    initial=st.sampled_from([Fraction(0), HALF]),
)
def test_every_train_follows_from_those_before(random_model, seed, timesteps, tau, initial) -> None:
    model = random_model(seed)
    network = causal_network(model, timesteps, CausalNeuron(tau=tau, initial=initial))
    trains = spike_trains(network, model.images[0])
    assert list(trains) == [node.name for node in model.nodes]
    image = np.repeat(model.images[:1].astype(np.int64), timesteps, axis=0)
    for layer in network.layers:
        found = trains[layer.name]
        assert found.shape == (timesteps, *layer.out_shape)
        first = trains[layer.inputs[0]].astype(np.int64) if layer.inputs else image
        if layer.op == "add":
            expected = first + trains[layer.inputs[1]]
        elif layer.op in ("maxpool2d", "avgpool2d"):
            padded = np.pad(first, ((0, 0), (0, 0), (layer.padding[0],) * 2, (layer.padding[1],) * 2))
            windows = np.lib.stride_tricks.sliding_window_view(padded, layer.kernel, (2, 3))
            windows = windows[:, :, :: layer.stride[0], :: layer.stride[1]]
            expected = windows.sum((4, 5))
            if layer.op == "maxpool2d":
                largest = windows.cumsum(axis=0).max((4, 5))
                expected = np.diff(largest, axis=0, prepend=0)
                assert expected.sum(axis=0).tolist() == windows.sum(axis=0).max((3, 4)).tolist()
        else:
            own = network.parameters[layer.name]
            sums = np.stack([convolve(words, own.weights, layer) for words in first]) << PLACES
            expected = sums + own.bias[:, None, None]
            if layer.fires:
                expected = fire_causal(expected, own.theta, timesteps, network.neuron)
        assert found.tolist() == expected.tolist(), layer.name
        if layer.inputs:
            assert first.max() < 2**layer.bits_per_step


def activations(model, image):
    """What the network computes in real numbers, activations clipped at their full scale, by layer."""
    values = {"": image * model.image_step}
    for node, layer in zip(model.nodes, integer_network(model, 8).layers, strict=True):
        first = values[layer.inputs[0] if layer.inputs else ""]
        if node.op == "add":
            made = first + values[layer.inputs[1]]
        elif node.op in ("maxpool2d", "avgpool2d"):
            padded = np.pad(first, ((0, 0), (layer.padding[0],) * 2, (layer.padding[1],) * 2))
            windows = np.lib.stride_tricks.sliding_window_view(padded, layer.kernel, (1, 2))
            windows = windows[:, :: layer.stride[0], :: layer.stride[1]]
            made = windows.max((3, 4)) if node.op == "maxpool2d" else windows.mean((3, 4))
        else:
            scale, bias = model.scale[node.name][:, None, None], model.bias[node.name][:, None, None]
            made = convolve(first, model.weights[node.name], layer) * scale + bias
            if node.stream:
                made = np.clip(made, 0, model.step(node.stream, 8) * 255)
        values[node.name] = made
    return values


@pytest.mark.parametrize("seed", [3, 4])
def test_rates_converge_to_the_activations(random_model, seed: int) -> None:
    model = random_model(seed)
    real = activations(model, model.images[0])["read"].ravel()
    networks = [causal_network(model, timesteps, CausalNeuron(initial=HALF)) for timesteps in (32, 256, 2048)]
    errors = [np.abs(answers(network, model.images[0])["read"].ravel() - real).max() for network in networks]
    assert errors[0] > 2 * errors[1] > 4 * errors[2]
    assert errors[2] < 0.003 * np.abs(real).max()


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_networks_of_all_operators_converge(seed: int) -> None:
    """Rails, residual sums with a ReLU, concatenations, groups, upsampling, several outputs; 256 steps."""
    ann = random_ann(seed)
    images = np.random.default_rng(seed).random((1, *ann.input_shape), dtype=np.float32)
    model = convert(ann, images, calibration="max")
    if any(node.op in ATTENTION_OPS for node in model.nodes):
        with pytest.raises(InputError, match="a product of two spike trains does not carry the product of their rates"):
            causal_network(model, 4)
        return
    image = model.encode(images)
    real = forward(ann_of(model), (image * model.image_step).astype(np.float32))
    found = answers(causal_network(model, 256, CausalNeuron(initial=HALF)), image[0])
    assert list(found) == list(model.answers)
    for name, values in found.items():
        assert np.abs(values - real[name][0]).max() < 0.02 * (1 + np.abs(real[name]).max()), name


def test_attention_is_refused_by_name(random_model) -> None:
    model = random_model(1)
    scores = Node("scores", "attention_scores", ("stem", "stem"))
    with pytest.raises(InputError) as caught:
        causal_network(replace(model, nodes=(*model.nodes, scores)), 4)
    assert str(caught.value) == (
        "random.scores: a product of two spike trains does not carry the product of their rates "
        "(got 'attention_scores'); allowed: packed words (integer_network)"
    )


def test_a_share_is_a_common_factor_on_thresholds_and_what_spikes_stand_for(random_model) -> None:
    model = random_model(2)
    whole, half = (causal_network(model, 4, share=share) for share in (1.0, 0.5))
    assert half.worth["stem"] == whole.worth["stem"] / 2
    image = model.nodes[0].name
    assert np.abs(2 * half.parameters[image].theta - whole.parameters[image].theta).max() <= 1
    assert half.parameters["read"].theta.tolist() == whole.parameters["read"].theta.tolist()


def test_answers_are_the_mean_of_the_accumulators(random_model) -> None:
    model = random_model(5)
    network = causal_network(model, 6)
    trains = spike_trains(network, model.images[1])
    found = answers(network, model.images[1])
    assert list(found) == ["read"]
    assert found["read"] == pytest.approx(trains["read"].mean(axis=0) * network.worth["read"])


def test_words_of_trains_hold_every_step(random_model) -> None:
    model = random_model(6)
    network = causal_network(model, 5)
    trains = spike_trains(network, model.images[0])
    words = train_words(network, trains)
    assert list(words) == ["stem", "branch", "sum", "largest", "down", "mean"]
    by_name = {layer.name: layer for layer in network.layers}
    assert (by_name["sum"].out_word_bits, by_name["mean"].bits_per_step) == (10, 1)
    for name, word in words.items():
        bits = by_name[name].out_word_bits // 5
        assert unpack(word, 5, bits).tolist() == trains[name].tolist()


def test_words_of_trains_that_are_too_wide_are_refused(random_model) -> None:
    model = random_model(6)
    network = causal_network(model, 16)
    with pytest.raises(InputError) as caught:
        train_words(network, spike_trains(network, model.images[0]))
    assert str(caught.value) == (
        "random.sum: a spike train is too wide for a word (got 32); allowed: at most 31 bits\n"
        "random.largest: a spike train is too wide for a word (got 32); allowed: at most 31 bits\n"
        "random.mean: a spike train is too wide for a word (got 48); allowed: at most 31 bits"
    )


def test_the_shipped_network_needs_many_steps() -> None:
    """Its first image is known after 4 packed steps, and of rates after 128, from theta / 2, but not after 8."""
    model = read_model(find_model("resnet18_digits"))

    def answer(timesteps: int, neuron: CausalNeuron) -> int:
        return int(answers(causal_network(model, timesteps, neuron), model.images[0])["fc"].argmax())

    assert classify(integer_network(model, 4), model.images[:1]).tolist() == [model.labels[0]]
    assert answer(128, CausalNeuron(initial=HALF)) == model.labels[0]
    assert answer(8, IF) != model.labels[0]
