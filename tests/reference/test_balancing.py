"""Balanced thresholds: what rates stand for, which candidate is taken, and what is left alone."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from accelsim.errors import InputError
from accelsim.reference.ann import forward
from accelsim.reference.balancing import HALVINGS, OCTAVES, SHARES, balanced, calibrated_network
from accelsim.reference.causal import answers, causal_network, currents, spike_trains
from accelsim.reference.lif import HALF, IF, LIF, fire_causal
from accelsim.reference.model import ann_of
from accelsim.reference.node import Node


def real_values(model):
    names = [node.name for node in model.nodes]
    return forward(ann_of(model), model.encode(model.images) * model.image_step, names)


def output_error(model, network) -> float:
    made = np.stack([answers(network, image)["read"] for image in model.encode(model.images)])
    expected = real_values(model)["read"]
    return float(np.sqrt(((made - expected) ** 2).sum() / (expected.astype(np.float64) ** 2).sum()))


@pytest.mark.parametrize("neuron", [IF, LIF])
@pytest.mark.parametrize("timesteps", [4, 8])
def test_a_rate_stands_for_the_mean_and_the_next_lower_threshold_for_more(random_model, neuron, timesteps) -> None:
    model = random_model(7)
    plain = causal_network(model, timesteps, neuron)
    network, start = balanced(plain, model, model.images), plain.parameters
    images = model.encode(model.images)
    trains = [spike_trains(network, image) | {"": image[None]} for image in images]
    mean = {name: values.mean(axis=(0, 2, 3), dtype=np.float64) for name, values in real_values(model).items()}
    notch = (OCTAVES[1] - OCTAVES[0]) / 2**HALVINGS
    met = 0
    for layer in network.layers[:2] + network.layers[4:5]:
        theta, first = network.parameters[layer.name].theta, start[layer.name].theta
        notches = np.rint((np.log2(theta / first) - OCTAVES[0]) / notch)
        lower = np.rint(first * 2 ** (OCTAVES[0] + (notches - 1) * notch)).astype(np.int64)
        incoming = [currents(network, layer, train[(layer.inputs or ("",))[0]]) for train in trains]

        def activation(thresholds, layer=layer, incoming=incoming):
            fired = [fire_causal(each, thresholds, timesteps, network.neuron) for each in incoming]
            return np.mean(fired, axis=(0, 1, 3, 4)) * network.worth[layer.name]

        found = activation(theta)
        assert found == pytest.approx(
            np.mean([t[layer.name] for t in trains], (0, 1, 3, 4)) * network.worth[layer.name]
        )
        assert (found <= mean[layer.name] + 1e-9).all()
        inside = notches > 1
        assert (activation(lower)[inside] > mean[layer.name][inside] - 1e-9).all()
        met += inside.sum()
    assert met >= 5


def test_only_thresholds_change(random_model) -> None:
    model = random_model(8)
    plain = causal_network(model, 4, LIF)
    network = balanced(plain, model, model.images)
    assert (network.neuron, network.layers, network.worth) == (plain.neuron, plain.layers, plain.worth)
    for name, own in plain.parameters.items():
        assert np.array_equal(own.weights, network.parameters[name].weights)
        assert np.array_equal(own.bias, network.parameters[name].bias)
    assert np.array_equal(network.parameters["read"].theta, plain.parameters["read"].theta)
    assert not np.array_equal(network.parameters["stem"].theta, plain.parameters["stem"].theta)


@pytest.mark.parametrize("seed", [1, 9])
def test_the_candidate_of_the_best_measure_or_else_the_least_output_error_is_taken(random_model, seed: int) -> None:
    model = random_model(seed)
    candidates = []
    for share in SHARES:
        for initial in (Fraction(0), HALF):
            plain = causal_network(model, 4, replace(LIF, initial=initial), share=share)
            candidates += [plain, balanced(plain, model, model.images)]
    errors = [output_error(model, candidate) for candidate in candidates]
    assert len(set(errors)) > 4
    assert output_error(model, calibrated_network(model, 4, model.images, LIF)) == min(errors)

    def largest_answer(answers) -> float:
        assert answers["read"].shape == (len(model.images), 3, 1, 1)
        return float(answers["read"].max())

    found = calibrated_network(model, 4, model.images, LIF, measure=largest_answer)
    most = [max(answers(each, image)["read"].max() for image in model.images) for each in [found, *candidates]]
    assert most[0] == max(most)


def test_attention_is_refused_here_too(random_model) -> None:
    model = random_model(1)
    scores = Node("scores", "attention_scores", ("stem", "stem"))
    with pytest.raises(InputError, match="a product of two spike trains does not carry the product of their rates"):
        calibrated_network(replace(model, nodes=(*model.nodes, scores)), 4, model.images)
