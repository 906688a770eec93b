"""Trained networks reach the reference model as they are."""

import numpy as np
import pytest

from accelsim.reference.ann import forward

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("onnxscript")


def test_the_network_of_real_numbers_answers_as_the_trained_one(script) -> None:
    torch.manual_seed(0)
    net = script("detector").Detector().eval()
    ann = script("conversion").to_ann(net, "detector_scenes", (1, 64, 64))
    assert (ann.name, ann.answers) == ("detector_scenes", ("classes", "boxes"))
    images = np.random.default_rng(0).random((2, 1, 64, 64), dtype=np.float32)
    with torch.no_grad():
        expected = net(torch.from_numpy(images))
    for name, values in zip(ann.answers, expected, strict=True):
        assert forward(ann, images)[name] == pytest.approx(values.numpy(), rel=1e-4, abs=1e-5)
