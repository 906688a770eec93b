"""Estimators against known distributions, and packed against causal neurons on a small network."""

from __future__ import annotations

from dataclasses import replace
from math import log2

import numpy as np
import pytest

from accelsim.reference.causal import causal_network
from accelsim.reference.information import entropy, mutual_information, own_inputs, same_inputs
from accelsim.reference.lif import HALF, IF, LIF
from accelsim.reference.model import integer_network


def test_entropy_of_counts_by_hand() -> None:
    """Counts 1, 1, 2 of 4: plug-in 1.5 bits, and (3 - 1) / (8 ln 2) for what so few samples miss."""
    assert entropy(np.array([7, -3, 5, 5])) == pytest.approx(1.5 + 2 / (8 * np.log(2)))
    assert entropy(np.zeros(9, dtype=np.int64)) == 0


def test_correction_takes_most_of_the_bias() -> None:
    """50 samples of 16 even symbols, 400 times: 0.24 bits too low as plug-in, 0.02 corrected."""
    rng = np.random.default_rng(0)
    draws = rng.integers(0, 16, (400, 50))
    corrected = np.mean([entropy(draw) for draw in draws])
    seen = [np.unique(draw, return_counts=True)[1] / 50 for draw in draws]
    plug_in = np.mean([-(share * np.log2(share)).sum() for share in seen])
    assert abs(corrected - 4) < 0.2 * abs(plug_in - 4)


def test_mutual_information_of_known_pairs() -> None:
    """Of a bit through a channel that flips a tenth: 1 - h(0.1); of a function, its entropy; of strangers, nothing."""
    rng = np.random.default_rng(1)
    sent = rng.integers(0, 2, 100_000)
    flipped = sent ^ (rng.random(sent.size) < 0.1)
    noise = -0.1 * log2(0.1) - 0.9 * log2(0.9)
    assert mutual_information(sent, flipped) == pytest.approx(1 - noise, abs=0.01)
    wide = rng.integers(0, 64, 100_000)
    assert mutual_information(wide, wide // 8) == pytest.approx(entropy(wide // 8))
    assert abs(mutual_information(sent, wide)) < 0.001


@pytest.fixture(scope="module")
def model(random_model):
    """A network whose second layer sees sums of spikes, and whose third sees a pooled map."""
    found = random_model(8)
    images = np.random.default_rng(2).integers(0, 256, (100, *found.image_shape), dtype=np.uint8)
    return replace(found, images=images)


def test_packed_words_tell_about_the_membrane_all_that_they_say(model) -> None:
    found = same_inputs(integer_network(model, 4), model.images, LIF)
    assert [each.layer for each in found] == ["stem", "branch"]
    for each in found:
        assert each.packed.about_membrane == pytest.approx(each.packed.entropy)
        assert 0 < each.packed.entropy <= 4
        assert list(each.packed.by_step) == sorted(each.packed.by_step)
        assert each.causal.about_membrane <= each.causal.entropy + 1e-9
        assert each.lost == each.packed.about_membrane - each.causal.about_membrane


def test_a_causal_neuron_that_sees_bit_planes_loses(model) -> None:
    for neuron in (LIF, IF):
        branch = same_inputs(integer_network(model, 4), model.images, neuron)[1]
        assert branch.lost > 0.2
        assert branch.causal.about_membrane < branch.causal.entropy - 0.5


def test_what_rates_tell_in_their_own_network(model) -> None:
    plain = own_inputs(causal_network(model, 4, replace(IF, initial=HALF)), model.images)
    assert list(plain) == ["stem", "branch", "down"]
    for told in plain.values():
        assert abs(told.chance) < 0.1 * told.about_membrane
        assert told.about_membrane <= told.entropy + 1e-9
    assert plain["stem"].about_membrane == pytest.approx(plain["stem"].entropy, abs=0.25)
    assert plain["branch"].about_membrane < plain["branch"].entropy - 0.25
