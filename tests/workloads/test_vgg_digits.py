"""The shipped VGG: its test set, its reported accuracy, and that its weights give the answers reported."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from accelsim.reference.model import integer_network
from accelsim.reference.model_file import read_model
from accelsim.reference.network import classify, run

HOME = Path(__file__).resolve().parents[2] / "workloads" / "vgg_digits"


def test_the_shipped_images_are_one_of_each_digit_of_the_test_set(test_set) -> None:
    assert (test_set["images"].dtype, test_set["images"].shape) == (np.uint8, (360, 1, 32, 32))
    model = read_model(HOME / "weights.npz")
    assert model.labels.tolist() == list(range(10))
    for image, label in zip(model.images, model.labels, strict=True):
        assert np.array_equal(image, test_set["images"][test_set["labels"] == label][0])
    assert (HOME / "weights.npz").stat().st_size < 1e6


def test_reported_accuracy(script) -> None:
    outcome = json.loads((HOME / "accuracy.json").read_text())
    right = {name: hits.count("1") / len(hits) for name, hits in outcome.items()}
    assert set(right) == set(script("forms").NAMES)
    assert {len(hits) for hits in outcome.values()} == {1797}
    assert right["ann"] >= 0.97
    assert right["ann"] - right["snn_t8"] <= 0.005
    assert right["ann"] - right["snn_t4"] <= 0.01
    paired = script("metrics").paired
    for form in ("lif", "if"):
        for timesteps in (2, 4, 8):
            assert paired(outcome[f"snn_t{timesteps}"], outcome[f"{form}_t{timesteps}"])[1] > 0
        assert paired(outcome["snn_t1"], outcome[f"{form}_t1"])[0] < -0.16
    assert script("accuracy").table(outcome) in (HOME / "README.md").read_text()


def test_digits_in_packed_and_in_serial_form() -> None:
    model = read_model(HOME / "weights.npz")
    network = integer_network(model, 4)
    for image, label in zip(model.images[:3], model.labels[:3], strict=True):
        packed, serial = (run(network, image, form) for form in ("packed", "serial"))
        assert packed.keys() == serial.keys()
        for name, words in packed.items():
            assert np.array_equal(words, serial[name]), name
        assert packed["classifier"].argmax() == label


@pytest.mark.long
@pytest.mark.parametrize("timesteps", [1, 2, 4, 8])
def test_the_weights_give_the_reported_answers_of_the_first_fold(test_set, timesteps: int) -> None:
    outcome = json.loads((HOME / "accuracy.json").read_text())[f"snn_t{timesteps}"][:360]
    answers = classify(integer_network(read_model(HOME / "weights.npz"), timesteps), test_set["images"])
    assert "".join("01"[hit] for hit in (answers == test_set["labels"]).tolist()) == outcome
