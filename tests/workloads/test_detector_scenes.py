"""The shipped detector: its test scenes, its reported mAP, and that its weights give the answers reported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from accelsim.reference.model import integer_network, output_unit
from accelsim.reference.model_file import read_model
from accelsim.reference.network import run
from accelsim.reference.trace_maker import make_trace

HOME = Path(__file__).resolve().parents[2] / "workloads" / "detector_scenes"


def test_files_hold_what_the_readme_says(test_set, outcome) -> None:
    assert (test_set["images"].dtype, test_set["images"].shape) == (np.uint8, (320, 1, 64, 64))
    assert test_set["boxes"].shape == (outcome["digits"], 5)
    assert set(np.unique(test_set["boxes"][:, 0])) == set(range(1, 11))
    assert np.array_equal(np.unique(test_set["scene_of_box"]), np.arange(320))
    assert np.array_equal(read_model(HOME / "weights.npz").images, test_set["images"][:10])
    assert (HOME / "weights.npz").stat().st_size < 1e6
    assert (outcome["scenes"], outcome["measure"]) == (320, "mAP at IoU 0.5")
    assert outcome["digits"] >= 1000


def test_reported_mean_average_precision(script, outcome) -> None:
    networks = outcome["networks"]
    assert networks["ann"]["value"] >= 0.85
    assert networks["snn_t8"]["loss"] <= 0.005
    assert networks["snn_t4"]["loss"] <= 0.01
    for found in networks.values():
        assert found["interval"][0] <= found["value"] <= found["interval"][1]
    for timesteps in (2, 4, 8):
        for form in ("lif", "if"):
            assert networks[f"snn_t{timesteps}"]["interval"][0] > networks[f"{form}_t{timesteps}"]["interval"][1]
    assert script("accuracy").table(outcome) in (HOME / "README.md").read_text()


def test_one_scene_in_packed_and_in_serial_form(test_set) -> None:
    network = integer_network(read_model(HOME / "weights.npz"), 4)
    packed, serial = (run(network, test_set["images"][0], form) for form in ("packed", "serial"))
    assert packed.keys() == serial.keys()
    for name, words in packed.items():
        assert np.array_equal(words, serial[name]), name


def test_a_trace_holds_every_layer_and_both_heads() -> None:
    trace = make_trace(read_model(HOME / "weights.npz"), 2, np.zeros((1, 1, 64, 64), dtype=np.uint8))
    ops = [layer["op"] for layer in trace.meta["layers"]]
    assert [ops.count(op) for op in ("conv2d", "upsample", "concat")] == [11, 1, 1]
    assert trace.arrays["out/classes"].shape == (1, 10, 16, 16)
    assert trace.arrays["out/boxes"].shape == (1, 4, 16, 16)


@pytest.mark.long
@pytest.mark.parametrize("timesteps", [1, 2, 4, 8])
def test_the_weights_give_the_reported_mean_average_precision(script, test_set, outcome, timesteps: int) -> None:
    pytest.importorskip("torch")
    metrics, decode = script("metrics"), script("detector").decode
    model = read_model(HOME / "weights.npz")
    network = integer_network(model, timesteps)
    units = {name: output_unit(model, name, timesteps) for name in ("classes", "boxes")}
    truth = [test_set["boxes"][test_set["scene_of_box"] == scene] for scene in range(320)]
    hits = []
    for image, known in zip(test_set["images"], truth, strict=True):
        words = run(network, image)
        hits.append(metrics.match(decode(*(units[name] * words[name] for name in units)), known))
    found = metrics.mean_average_precision(hits, truth, range(1, 11))
    assert found == pytest.approx(outcome["networks"][f"snn_t{timesteps}"]["value"], abs=1e-9)
