"""The shipped network: its images, its trace, its reported accuracy, and the conversion that made it."""

import json
from pathlib import Path

import numpy as np
import pytest

from accelsim.reference import make_trace
from accelsim.reference.model import integer_network
from accelsim.reference.model_file import find_model, read_model
from accelsim.reference.network import run

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / "workloads" / "resnet18_digits"


def test_the_committed_trace_is_what_the_weights_make() -> None:
    path = ROOT / "traces" / "resnet18_digits.npz"
    trace = make_trace(read_model(find_model("resnet18_digits")), 4)
    with np.load(path, allow_pickle=False) as file:
        assert json.loads(str(file["meta"])) == trace.meta
        assert set(file.files) == {"meta", *trace.arrays}
        for name, array in trace.arrays.items():
            assert file[name].dtype == array.dtype
            assert np.array_equal(file[name], array), name
    assert max(path.stat().st_size, (HOME / "weights.npz").stat().st_size) < 3e6


def test_reported_accuracy(script) -> None:
    outcome = json.loads((HOME / "accuracy.json").read_text())
    right = {name: hits.count("1") / len(hits) for name, hits in outcome.items()}
    assert list(outcome) == list(script("forms").NAMES)
    assert {len(hits) for hits in outcome.values()} == {1797}
    assert right["ann"] >= 0.97
    assert right["ann"] - right["snn_t8"] <= 0.005
    assert right["ann"] - right["snn_t4"] <= 0.01
    assert script("metrics").paired(outcome["ann"], outcome["snn_t4"])[2] <= 0.01
    paired = script("metrics").paired
    for timesteps, form in ((2, "if"), (4, "if"), (4, "lif"), (8, "if"), (8, "lif")):
        assert paired(outcome[f"snn_t{timesteps}"], outcome[f"{form}_t{timesteps}"])[1] > 0
    for form in ("lif", "if"):
        assert paired(outcome["snn_t1"], outcome[f"{form}_t1"])[0] == pytest.approx(-0.17, abs=0.01)
    assert script("accuracy").table(outcome) in (HOME / "README.md").read_text()


def test_the_conversion_follows_the_trained_network(script) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    net = script("resnet").ResNet18().eval()
    images = np.random.default_rng(0).integers(0, 256, (2, 1, 32, 32), dtype=np.uint8)
    model = script("resnet_conversion").convert(net, images, images, np.zeros(2, dtype=np.int64))
    network = integer_network(model, 8)
    with torch.no_grad():
        expected = net(torch.from_numpy(images).float() / 255).numpy()
    step = model.scale["fc"][0] * model.step("layer4", 8) / 16
    outputs = np.stack([run(network, image)["fc"].ravel() for image in images]) * step
    assert np.abs(outputs - expected).max() <= 0.05 * np.abs(expected).max()
