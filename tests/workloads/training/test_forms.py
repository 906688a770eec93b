"""The forms in which networks are judged: conventional ones with balanced thresholds do answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from accelsim.reference.causal import answers as causal_answers
from accelsim.reference.causal import causal_network
from accelsim.reference.lif import LIF
from accelsim.reference.model_file import read_model

pytest.importorskip("torch")
pytest.importorskip("sklearn")

HOME = Path(__file__).resolve().parents[3] / "workloads" / "vgg_digits"


@pytest.mark.parametrize(("form", "least"), [("lif", 0.85), ("if", 0.85)])
def test_balanced_on_training_images_the_vgg_knows_held_out_digits(script, form: str, least: float) -> None:
    model = read_model(HOME / "weights.npz")
    with np.load(HOME / "test.npz", allow_pickle=False) as file:
        images, labels = file["images"][:100], file["labels"][:100]
    digits = script("digits")
    everything, classes = digits.load()
    seen, _ = digits.splits(everything, classes)[0]
    calibration = script("classification").calibration_of(everything[seen], classes[seen])
    (scores,) = script("forms").answers(model, form, 4, calibration, images).values()
    assert (scores.reshape(100, -1).argmax(axis=1) == labels).mean() >= least


def test_at_full_scale_thresholds_leaky_neurons_tell_digits_no_better_than_chance() -> None:
    model = read_model(HOME / "weights.npz")
    network = causal_network(model, 8, LIF)
    with np.load(HOME / "test.npz", allow_pickle=False) as file:
        images, labels = file["images"][:100], file["labels"][:100]
    found = [causal_answers(network, image)[network.outputs[0]].argmax() for image in images]
    assert (np.array(found) == labels).mean() <= 0.2
