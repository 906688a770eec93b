"""Train ResNet-18 on the digits and convert it to SpikePack; see README.md for what this wrote.

`train.py ship` writes weights.npz, from a split with 360 held-out digits; `train.py validate` writes accuracy.json,
from cross-validation over all 1797 digits.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from convert import convert
from digits import load
from numpy.typing import NDArray
from resnet import ResNet18
from sklearn.model_selection import StratifiedKFold
from torch.nn import functional

from accelsim.reference.model import integer_network
from accelsim.reference.model_file import write_model
from accelsim.reference.network import classify

HERE = Path(__file__).parent
SEED = 0
FOLDS = 5
EPOCHS = 24
BATCH = 64
LARGEST_SHIFT = 4
TIMESTEPS = (1, 2, 4, 8)
CALIBRATION_IMAGES = 64


def train(images: NDArray[np.uint8], labels: NDArray[np.int64], seed: int) -> ResNet18:
    """A network trained on one thread from a seed, each batch shifted by up to `LARGEST_SHIFT` pixels."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    net = ResNet18().to(memory_format=torch.channels_last)
    inputs, targets = torch.from_numpy(images).float() / 255, torch.from_numpy(labels)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
    steps = EPOCHS * -(-len(images) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=0.1, total_steps=steps)
    net.train()
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(images), generator=generator).split(BATCH):
            row, column = torch.randint(0, 2 * LARGEST_SHIFT + 1, (2,), generator=generator).tolist()
            padded = functional.pad(inputs[batch], (LARGEST_SHIFT,) * 4)
            shifted = padded[:, :, row : row + 32, column : column + 32].contiguous(memory_format=torch.channels_last)
            loss = functional.cross_entropy(net(shifted), targets[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return net.eval()


def predict(net: ResNet18, images: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The trained network's own answers, in floating point."""
    with torch.no_grad():
        return net(torch.from_numpy(images).float() / 255).argmax(dim=1).numpy()


def splits(images: NDArray[np.uint8], labels: NDArray[np.int64]) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Indices (training, held out) of the folds; the first is the one that is shipped."""
    return list(StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(images, labels))


def calibration_images(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`CALIBRATION_IMAGES` of the training images, evenly spaced: the data set is ordered by writer."""
    return images[:: len(images) // CALIBRATION_IMAGES][:CALIBRATION_IMAGES]


def validate() -> None:
    """Predict every digit with a network that has not seen it; counts go to accuracy.json."""
    images, labels = load()
    right: dict[str, list[bool]] = {}
    for fold, (seen, held_out) in enumerate(splits(images, labels)):
        net = train(images[seen], labels[seen], SEED + fold)
        model = convert(net, calibration_images(images[seen]), images[:0], labels[:0])
        answers = {"ann": predict(net, images[held_out])}
        for timesteps in TIMESTEPS:
            answers[f"snn_t{timesteps}"] = classify(integer_network(model, timesteps), images[held_out])
        for name, answer in answers.items():
            hits = answer == labels[held_out]
            right.setdefault(name, []).extend(hits.tolist())
            print(f"fold {fold} {name}: {hits.mean():.4f}", flush=True)
    outcome = {name: "".join("01"[hit] for hit in hits) for name, hits in right.items()}
    (HERE / "accuracy.json").write_text(json.dumps(outcome, indent=1) + "\n")


def ship() -> None:
    """Write weights.npz with one held-out image of each digit."""
    images, labels = load()
    seen, held_out = splits(images, labels)[0]
    net = train(images[seen], labels[seen], SEED)
    chosen = [held_out[labels[held_out] == digit][0] for digit in range(10)]
    model = convert(net, calibration_images(images[seen]), images[chosen], labels[chosen])
    write_model(HERE / "weights.npz", model)
    print(f"ANN: {(predict(net, images[held_out]) == labels[held_out]).mean():.4f}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=("ship", "validate"))
    {"ship": ship, "validate": validate}[parser.parse_args().task]()
