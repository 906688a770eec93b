"""The shipped U-Net: its test scenes, its reported mean IoU, and that its weights give the answers reported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from accelsim.reference import make_trace
from accelsim.reference.causal import causal_network, spike_trains
from accelsim.reference.lif import LIF
from accelsim.reference.model import integer_network
from accelsim.reference.model_file import read_model
from accelsim.reference.network import run

HOME = Path(__file__).resolve().parents[2] / "workloads" / "unet_scenes"


def test_files_hold_what_the_readme_says(test_set, outcome) -> None:
    assert (test_set["images"].dtype, test_set["images"].shape) == (np.uint8, (320, 1, 64, 64))
    assert (test_set["masks"].dtype, test_set["masks"].shape) == (np.uint8, (320, 64, 64))
    assert set(np.unique(test_set["masks"])) == set(range(11))
    assert np.array_equal(read_model(HOME / "weights.npz").images, test_set["images"][:10])
    assert (HOME / "weights.npz").stat().st_size < 1e6
    assert (outcome["scenes"], outcome["measure"]) == (320, "mean IoU")
    assert outcome["digits"] >= 1000


def test_reported_mean_iou(script, outcome) -> None:
    networks = outcome["networks"]
    assert networks["ann"]["value"] >= 0.85
    assert networks["snn_t8"]["loss"] <= 0.005
    assert networks["snn_t4"]["loss"] <= 0.01
    for found in networks.values():
        assert found["interval"][0] < found["value"] < found["interval"][1]
    for timesteps in (2, 4, 8):
        for form in ("lif", "if"):
            assert networks[f"snn_t{timesteps}"]["interval"][0] > networks[f"{form}_t{timesteps}"]["interval"][1]
    assert script("accuracy").table(outcome) in (HOME / "README.md").read_text()


def test_one_scene_in_packed_and_in_serial_form(test_set) -> None:
    network = integer_network(read_model(HOME / "weights.npz"), 4)
    packed, serial = (run(network, test_set["images"][0], form) for form in ("packed", "serial"))
    for name, words in packed.items():
        assert np.array_equal(words, serial[name]), name
    answer, truth = packed["classes"].argmax(axis=0), test_set["masks"][0]
    assert (answer == truth).mean() >= 0.95


def test_a_trace_holds_every_layer() -> None:
    trace = make_trace(read_model(HOME / "weights.npz"), 2, np.zeros((1, 1, 64, 64), dtype=np.uint8))
    ops = [layer["op"] for layer in trace.meta["layers"]]
    assert [ops.count(op) for op in ("conv2d", "maxpool2d", "upsample", "concat")] == [12, 3, 3, 3]
    assert trace.arrays["out/classes"].shape == (1, 11, 64, 64)


def test_leaky_neurons_fall_silent_in_the_third_stage(test_set) -> None:
    network = causal_network(read_model(HOME / "weights.npz"), 8, LIF)
    first, second = (spike_trains(network, image) for image in test_set["images"][:2])
    for trains in (first, second):
        assert trains["down.2.0.conv"].any()
        assert not trains["down.2.1.conv"].any()
        assert not trains["classes"].sum(axis=0).argmax(axis=0).any()
    assert np.array_equal(first["down.3.1.conv"], second["down.3.1.conv"])


@pytest.mark.long
@pytest.mark.parametrize("timesteps", [1, 2, 4, 8])
def test_the_weights_give_the_reported_mean_iou(script, test_set, outcome, timesteps: int) -> None:
    metrics = script("metrics")
    network = integer_network(read_model(HOME / "weights.npz"), timesteps)
    answers = np.stack([run(network, image)["classes"].argmax(axis=0) for image in test_set["images"]])
    found = metrics.mean_iou(metrics.overlap(answers, test_set["masks"], 11))
    assert found == pytest.approx(outcome["networks"][f"snn_t{timesteps}"]["value"], abs=1e-12)
