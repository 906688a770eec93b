"""The detector on scenes of digits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from accuracy import Measure, judge
from conversion import to_ann
from detector import CLASSES, STRIDE, Detector, decode, loss, targets
from forms import Answers, Calibration, all_answers
from metrics import match, mean_average_precision
from numpy.typing import NDArray
from optimisation import OneCycle
from scenes import CANVAS, load

from accelsim.reference.convert import convert
from accelsim.reference.model import Model
from accelsim.reference.model_file import FILE_NAME, write_model
from accelsim.workload.archive import write_archive

EPOCHS = 8
SCENES = 8192
BATCH = 32
LEARNING_RATE = 4e-3
SEED = 0

DATASET = "scenes of scikit-learn's digits, 64x64"
CALIBRATION_SCENES = 64
CALIBRATION_SEED = 1
TEST_SCENES = 320
TEST_SEED = 0


def train() -> Detector:
    """A detector trained on one thread from a seed."""
    torch.manual_seed(SEED)
    generator = torch.Generator().manual_seed(SEED)
    net = Detector().to(memory_format=torch.channels_last)
    seen = load("train", SCENES, SEED)
    inputs = torch.from_numpy(seen.images).float() / 255
    rows, columns = (size // STRIDE for size in inputs.shape[2:])
    optimiser = torch.optim.AdamW(net.parameters(), lr=LEARNING_RATE, weight_decay=1e-2)
    cycle = OneCycle(optimiser, LEARNING_RATE, EPOCHS * (SCENES // BATCH))
    net.train()
    for epoch in range(EPOCHS):
        total = 0.0
        for batch in torch.randperm(SCENES, generator=generator).split(BATCH):
            known = targets([seen.boxes[index] for index in batch], rows, columns)
            answers = net(inputs[batch].contiguous(memory_format=torch.channels_last))
            value = loss(*answers, *(torch.from_numpy(array) for array in known))
            cycle.step(value)
            total += value.item()
        print(f"epoch {epoch + 1} of {EPOCHS}: loss {total * BATCH / SCENES:.4f}", flush=True)
    return net.eval()


def calibration() -> Calibration:
    """Scenes of training digits."""
    seen = load("train", CALIBRATION_SCENES, CALIBRATION_SEED)
    return Calibration(seen.images, lambda answers: measure(answers, seen.boxes)(np.arange(len(seen.images))))


def converted(net: Detector) -> Model:
    """The SpikePack model, calibrated on scenes of training digits, with no scene of its own."""
    ann = to_ann(net, "detector_scenes", (1, CANVAS, CANVAS))
    return replace(convert(ann, calibration().images), dataset=DATASET)


def predict(net: Detector, images: NDArray[np.uint8]) -> Answers:
    """The trained network's own answers, in floating point."""
    with torch.no_grad():
        classes, boxes = net(torch.from_numpy(images).float() / 255)
    return {"classes": classes.numpy(), "boxes": boxes.numpy()}


def measure(answers: Answers, truth: Sequence[NDArray[np.int64]]) -> Measure:
    """Mean average precision at an IoU of 0.5 over given scenes, with the detections of all of them decoded once."""
    found = [decode(classes, boxes) for classes, boxes in zip(answers["classes"], answers["boxes"], strict=True)]
    hits = [match(detections, known) for detections, known in zip(found, truth, strict=True)]

    def mean_precision(cases: NDArray[np.int64]) -> float:
        drawn = [hits[case] for case in cases], [truth[case] for case in cases]
        return mean_average_precision(*drawn, range(1, CLASSES + 1))

    return mean_precision


def ship(home: Path) -> None:
    """Write weights.npz, with ten test scenes, and test.npz with all of them and their boxes."""
    model = converted(train())
    test = load("test", TEST_SCENES, TEST_SEED)
    write_model(home / FILE_NAME, replace(model, images=test.images[:10]))
    scene = np.repeat(np.arange(TEST_SCENES), [len(boxes) for boxes in test.boxes])
    write_archive(
        home / "test.npz", {"images": test.images, "boxes": np.concatenate(test.boxes), "scene_of_box": scene}
    )


def validate(home: Path) -> None:
    """Judge the trained network and its conversions on the test scenes; results go to accuracy.json."""
    net = train()
    test = load("test", TEST_SCENES, TEST_SEED)
    measures = {"ann": measure(predict(net, test.images), test.boxes)}
    for key, answers in all_answers(converted(net), calibration(), test.images):
        measures[key] = measure(answers, test.boxes)
    judged = judge(measures, TEST_SCENES)
    digits = sum(len(boxes) for boxes in test.boxes)
    outcome = {"measure": "mAP at IoU 0.5", "scenes": TEST_SCENES, "digits": digits, "networks": judged}
    (home / "accuracy.json").write_text(json.dumps(outcome, indent=1) + "\n")
