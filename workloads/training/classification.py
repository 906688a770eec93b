"""Training and judging classifiers of the digits: one network that is shipped, five for cross-validation."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from digits import FOLDS, SEED, first_of_each, load, splits
from forms import Answers, Calibration, all_answers
from metrics import as_digits
from numpy.typing import NDArray
from optimisation import OneCycle, shifted
from torch import nn
from torch.nn import functional

from accelsim.reference.model import Model
from accelsim.reference.model_file import FILE_NAME, write_model
from accelsim.workload.archive import write_archive

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]

BATCH = 64
LARGEST_SHIFT = 4
CALIBRATION_IMAGES = 64


@dataclass(frozen=True)
class Classifier:
    """How a network is built, trained and converted; `convert` takes (network, calibration images, images, labels)."""

    build: Callable[[], nn.Module]
    convert: Callable[[Any, Images, Images, Labels], Model]
    epochs: int
    learning_rate: float = 0.1

    def train(self, images: Images, labels: Labels, seed: int) -> nn.Module:
        """A network trained on one thread from a seed, each batch shifted by up to `LARGEST_SHIFT` pixels."""
        torch.manual_seed(seed)
        generator = torch.Generator().manual_seed(seed)
        net = self.build().to(memory_format=torch.channels_last)
        inputs, targets = torch.from_numpy(images).float() / 255, torch.from_numpy(labels)
        optimiser = torch.optim.SGD(
            net.parameters(), lr=self.learning_rate, momentum=0.9, nesterov=True, weight_decay=5e-4
        )
        steps = self.epochs * -(-len(images) // BATCH)
        cycle = OneCycle(optimiser, self.learning_rate, steps)
        net.train()
        for _ in range(self.epochs):
            for batch in torch.randperm(len(images), generator=generator).split(BATCH):
                pictures = shifted(inputs[batch], LARGEST_SHIFT, generator)
                answers = net(pictures.contiguous(memory_format=torch.channels_last))
                cycle.step(functional.cross_entropy(answers, targets[batch]))
        return net.eval()

    def validate(self, home: Path) -> None:
        """Predict every digit with a network that has not seen it; hits go to accuracy.json."""
        images, labels = load()
        right: dict[str, list[bool]] = {}
        for fold, (seen, held_out) in enumerate(splits(images, labels)):
            net = self.train(images[seen], labels[seen], SEED + fold)
            calibration = calibration_of(images[seen], labels[seen])
            model = self.convert(net, calibration.images, images[:0], labels[:0])
            for name, answer in all_predictions(net, model, calibration, images[held_out]).items():
                hits = answer == labels[held_out]
                right.setdefault(name, []).extend(hits.tolist())
                print(f"fold {fold + 1} of {FOLDS}, {name}: {hits.mean():.4f}", flush=True)
        outcome = {name: as_digits(hits) for name, hits in right.items()}
        (home / "accuracy.json").write_text(json.dumps(outcome, indent=1) + "\n")

    def ship(self, home: Path) -> None:
        """From the first fold: weights.npz, with one held-out image of each digit, and test.npz, with all of them."""
        images, labels = load()
        seen, held_out = splits(images, labels)[0]
        net = self.train(images[seen], labels[seen], SEED)
        chosen = first_of_each(labels, held_out)
        model = self.convert(net, calibration_of(images[seen], labels[seen]).images, images[chosen], labels[chosen])
        write_model(home / FILE_NAME, model)
        write_archive(home / "test.npz", {"images": images[held_out], "labels": labels[held_out]})
        print(f"ANN: {(predict(net, images[held_out]) == labels[held_out]).mean():.4f}")


def calibration_of(images: Images, labels: Labels) -> Calibration:
    """`CALIBRATION_IMAGES` of the training images, evenly spaced: the data set is ordered by writer."""
    step = len(images) // CALIBRATION_IMAGES
    chosen, known = images[::step][:CALIBRATION_IMAGES], labels[::step][:CALIBRATION_IMAGES]
    return Calibration(chosen, lambda answers: float((classes(answers) == known).mean()))


def classes(answers: Answers) -> Labels:
    """The class [n] with the largest score in the answers of the only output."""
    (scores,) = answers.values()
    found: Labels = scores.reshape(len(scores), -1).argmax(axis=1)
    return found


def predict(net: nn.Module, images: Images) -> Labels:
    """The trained network's own answers, in floating point."""
    with torch.no_grad():
        answer: Labels = net(torch.from_numpy(images).float() / 255).argmax(dim=1).numpy()
    return answer


def all_predictions(net: nn.Module, model: Model, calibration: Calibration, images: Images) -> dict[str, Labels]:
    """Answers [n] of the trained network and of its conversions to images, by the keys of `forms.NAMES`."""
    found = {"ann": predict(net, images)}
    for key, outputs in all_answers(model, calibration, images):
        found[key] = classes(outputs)
    return found
