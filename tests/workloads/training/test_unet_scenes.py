"""The U-Net in PyTorch, its conversion, and the scenes that it is shipped with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from accelsim.reference.model import integer_network, output_unit
from accelsim.reference.network import run

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")

HOME = Path(__file__).resolve().parents[3] / "workloads" / "unet_scenes"


def test_the_conversion_follows_the_network(script, monkeypatch) -> None:
    pytest.importorskip("onnx")
    torch.manual_seed(0)
    unet_scenes = script("unet_scenes")
    monkeypatch.setattr(unet_scenes, "CALIBRATION_SCENES", 4)
    net = script("unet").UNet().eval()
    images = script("scenes").load("test", 2, 1).images
    model = unet_scenes.converted(net)
    network = integer_network(model, 8)
    unit = output_unit(model, "classes", 8, 8)
    outputs = unit * np.stack([run(network, image)["classes"] for image in images])
    expected = unet_scenes.predict(net, images)
    assert np.abs(outputs - expected).max() <= 0.05 * np.abs(expected).max()


def test_training_depends_on_the_seed_alone(script, monkeypatch, capsys) -> None:
    unet_scenes = script("unet_scenes")
    monkeypatch.setattr(unet_scenes, "BATCH", 4)
    first, again = (unet_scenes.train(epochs=3, scenes=16) for _ in range(2))
    losses = [float(line.rsplit(" ", 1)[1]) for line in capsys.readouterr().out.splitlines()]
    assert len(losses) == 6
    assert losses[:3] == losses[3:]
    for one, other in zip(first.state_dict().values(), again.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_the_measure_is_the_mean_iou_of_the_scenes_asked_for(script) -> None:
    masks = np.zeros((2, 2, 2), dtype=np.uint8)
    masks[1, 0] = 3
    scores = np.zeros((2, 11, 2, 2))
    scores[:, 0] = 1
    measure = script("unet_scenes").measure(scores, masks)
    assert measure(np.array([0])) == 1
    assert measure(np.array([1])) == pytest.approx((1 / 2 + 0) / 2)
    assert measure(np.array([0, 1])) == pytest.approx((6 / 8 + 0) / 2)


def test_the_shipped_scenes_are_those_of_the_seed(script) -> None:
    unet_scenes = script("unet_scenes")
    made = script("scenes").load("test", unet_scenes.TEST_SCENES, unet_scenes.TEST_SEED)
    with np.load(HOME / "test.npz", allow_pickle=False) as file:
        assert np.array_equal(file["images"], made.images)
        assert np.array_equal(file["masks"], made.masks)
