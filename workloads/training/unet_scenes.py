"""The U-Net on scenes of digits."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from accuracy import Measure, judge
from conversion import to_ann
from forms import Calibration, all_answers
from metrics import mean_iou, overlap
from numpy.typing import NDArray
from optimisation import OneCycle
from scenes import CANVAS, CLASSES, load
from torch.nn import functional
from unet import UNet

from accelsim.reference.convert import convert
from accelsim.reference.model import Model
from accelsim.reference.model_file import FILE_NAME, write_model
from accelsim.workload.archive import write_archive

EPOCHS = 6
SCENES = 2048
"""New ones in each epoch."""

BATCH = 32
LEARNING_RATE = 1e-2
WARM_UP = 0.1
"""Share of the steps in which the learning rate rises."""

SEED = 0
DATASET = "scenes of scikit-learn's digits, 64x64"
CALIBRATION_SCENES = 64
CALIBRATION_SEED = SEED + EPOCHS
TEST_SCENES = 320
TEST_SEED = 0


def train(epochs: int = EPOCHS, scenes: int = SCENES) -> UNet:
    """A U-Net trained on one thread from a seed, no scene twice."""
    torch.manual_seed(SEED)
    net = UNet().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(net.parameters(), lr=LEARNING_RATE, weight_decay=1e-2)
    steps = epochs * (scenes // BATCH)
    cycle = OneCycle(optimiser, LEARNING_RATE, steps, pct_start=WARM_UP)
    net.train()
    for epoch in range(epochs):
        seen = load("train", scenes, SEED + epoch)
        inputs, masks = torch.from_numpy(seen.images).float() / 255, torch.from_numpy(seen.masks).long()
        total = 0.0
        for start in range(0, scenes - BATCH + 1, BATCH):
            batch = inputs[start : start + BATCH].contiguous(memory_format=torch.channels_last)
            loss = functional.cross_entropy(net(batch), masks[start : start + BATCH])
            cycle.step(loss)
            total += loss.item()
        print(f"epoch {epoch + 1} of {epochs}: loss {total / (scenes // BATCH):.4f}", flush=True)
    return net.eval()


def calibration() -> Calibration:
    """Scenes of training digits."""
    seen = load("train", CALIBRATION_SCENES, CALIBRATION_SEED)
    return Calibration(
        seen.images, lambda answers: measure(answers["classes"], seen.masks)(np.arange(len(seen.images)))
    )


def converted(net: UNet) -> Model:
    """The SpikePack model, calibrated on scenes of training digits, with no scene of its own."""
    ann = to_ann(net, "unet_scenes", (1, CANVAS, CANVAS))
    return replace(convert(ann, calibration().images, per_channel=True), dataset=DATASET)


def predict(net: UNet, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The trained network's own answers, in floating point: float64 [n, 11, rows, columns]."""
    with torch.no_grad():
        return net(torch.from_numpy(images).float() / 255).numpy().astype(np.float64)


def measure(classes: NDArray[np.float64], masks: NDArray[np.uint8]) -> Measure:
    """Mean IoU over given scenes of answers [n, 11, rows, columns] to scenes with these masks [n, rows, columns]."""
    pixels = overlap(classes.argmax(axis=1), masks, CLASSES)
    return lambda cases: mean_iou(pixels[cases])


def ship(home: Path) -> None:
    """Write weights.npz, with ten test scenes, and test.npz with all of them and their masks."""
    model = converted(train())
    test = load("test", TEST_SCENES, TEST_SEED)
    write_model(home / FILE_NAME, replace(model, images=test.images[:10]))
    write_archive(home / "test.npz", {"images": test.images, "masks": test.masks})


def validate(home: Path) -> None:
    """Judge the trained network and its conversions on the test scenes; results go to accuracy.json."""
    net = train()
    test = load("test", TEST_SCENES, TEST_SEED)
    measures = {"ann": measure(predict(net, test.images), test.masks)}
    for key, answers in all_answers(converted(net), calibration(), test.images):
        measures[key] = measure(answers["classes"], test.masks)
    digits = sum(len(boxes) for boxes in test.boxes)
    judged = judge(measures, TEST_SCENES)
    outcome = {"measure": "mean IoU", "scenes": TEST_SCENES, "digits": digits, "networks": judged}
    (home / "accuracy.json").write_text(json.dumps(outcome, indent=1) + "\n")
