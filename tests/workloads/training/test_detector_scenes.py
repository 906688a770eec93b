"""The detector's training and judging."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("sklearn")


def test_what_is_to_be_answered_has_full_precision_and_nothing_has_none(script) -> None:
    detector, scenes = script("detector"), script("scenes")
    truth = scenes.load("test", 12, 3).boxes
    heat, distances, _ = detector.targets(truth, 16, 16)
    perfect = script("detector_scenes").measure({"classes": np.where(heat == 1, 9.0, -9.0), "boxes": distances}, truth)
    silent = script("detector_scenes").measure({"classes": heat - 9.0, "boxes": distances}, truth)
    for cases in (np.arange(12), np.array([0, 0, 5])):
        assert perfect(cases) == pytest.approx(1.0)
        assert silent(cases) == 0.0


def test_training_depends_on_its_seed_alone_and_learns(script, monkeypatch, capsys) -> None:
    training = script("detector_scenes")
    monkeypatch.setattr(training, "EPOCHS", 2)
    monkeypatch.setattr(training, "SCENES", 64)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        first, again = (training.train().state_dict() for _ in range(2))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(first[name], again[name]) for name in first)
    losses = [float(line.split()[-1]) for line in capsys.readouterr().out.splitlines()]
    assert losses[:2] == losses[2:]
    assert losses[1] < losses[0]
