"""Train small networks of equal Bit Budget on still and on moving digits, and record what they say.

    python workloads/training/equal_budgets.py                # all divisions that accuracy.json does not hold yet
    python workloads/training/equal_budgets.py events/8/1/4   # one of them, anew

Writes workloads/bit_budget/accuracy.json, the answers to all 1797 digits by cross-validation, and
workloads/bit_budget/words.npz, what the layers consume for one held-out digit of each class. A division of a budget is
written weight bits / spike bits / time steps; `examples/bit_budget_accuracy.py` makes tables of both files.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from digits import first_of_each
from metrics import as_digits
from moving_digits import frames, record, still
from numpy.typing import NDArray
from optimisation import OneCycle
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold
from torch import Tensor, nn
from torch.nn import functional

from accelsim.reference.spikes import pack
from accelsim.training.bit_spike import BitSpike
from accelsim.training.quantise import quantised
from accelsim.workload.words import smallest_unsigned

Words = NDArray[np.unsignedinteger[Any]]

HOME = Path(__file__).resolve().parents[1] / "bit_budget"
SEED = 0
FOLDS = 2
EPOCHS = 16
BATCH = 32
LARGEST_RATE = 0.01
VARIANTS = 8
"""Positions or paths of each digit that training sees, an epoch after the other; what is judged is one more."""

BUDGET_32 = ("8/1/4", "8/2/2", "8/4/1", "4/1/8", "4/2/4", "4/4/2", "2/2/8", "2/4/4", "1/4/8")
BUDGET_128 = ("8/1/16", "8/2/8", "8/4/4", "8/8/2")
DIVISIONS = {"events": BUDGET_32 + BUDGET_128, "still": BUDGET_32}
MAKERS = {"events": record, "still": still}
LAYERS = ("conv1", "conv2", "conv3", "fc")


class BitSpikeNet(nn.Module):
    """Three convolutions of 3x3, 16, 32 and 32 channels, the first two of stride 2, and a linear layer.

    All weights have `weight_bits` bits; `spike_bits` and `timesteps` are those of the words between the layers. A
    picture is the same current in each time step. Answers are sums over the time steps.
    """

    def __init__(self, channels: int, weight_bits: int, spike_bits: int, timesteps: int) -> None:
        super().__init__()
        self.timesteps = timesteps
        widths = ((channels, 16, 2), (16, 32, 2), (32, 32, 1))
        self.convolutions = nn.ModuleList(
            quantised(nn.Conv2d(inside, outside, 3, stride, 1, bias=False), weight_bits)
            for inside, outside, stride in widths
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(outside) for _, outside, _ in widths)
        self.neurons = nn.ModuleList(BitSpike(spike_bits) for _ in widths)
        self.linear = quantised(nn.Linear(32 * 4 * 4, 10), weight_bits)

    def spikes(self, inputs: Tensor) -> list[Tensor]:
        """What each layer consumes, [T, n, ...]; a picture's single time step stands for all."""
        found = [inputs]
        for convolution, norm, neuron in zip(self.convolutions, self.norms, self.neurons, strict=True):
            steps, count = found[-1].shape[:2]
            currents = norm(convolution(found[-1].flatten(0, 1))).unflatten(0, (steps, count))
            found.append(neuron(currents.expand(self.timesteps, *currents.shape[1:])))
        return found

    def forward(self, inputs: Tensor) -> Tensor:
        """Answers [n, 10] to frames [n, T, 2, 16, 16], or to pictures [n, 1, 1, 16, 16]."""
        last = self.spikes(inputs.transpose(0, 1))[-1]
        return self.linear(last.mean(dim=0).flatten(1))


def division_of(text: str) -> tuple[int, int, int]:
    """Weight bits, spike bits and time steps of "8/1/4"."""
    weight_bits, spike_bits, timesteps = map(int, text.split("/"))
    return weight_bits, spike_bits, timesteps


def seen_by_network(task: str, division: str, recordings: NDArray[np.uint8]) -> Tensor:
    """Inputs [n, T, channels, 16, 16]: pictures of 0 to 1 (T = 1), or counts of events."""
    _, bits, timesteps = division_of(division)
    if task == "still":
        return torch.from_numpy(recordings)[:, None].float() / 255
    return torch.from_numpy(frames(recordings, timesteps, bits)).float()


def train(task: str, division: str, seen: list[Tensor], labels: Tensor, seed: int) -> BitSpikeNet:
    """A network trained from a seed on the variants [n, T, channels, 16, 16] of its digits."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    net = BitSpikeNet(seen[0].shape[2], *division_of(division))
    optimiser = torch.optim.AdamW(net.parameters(), lr=LARGEST_RATE, weight_decay=1e-4)
    steps = EPOCHS * -(-len(labels) // BATCH)
    cycle = OneCycle(optimiser, LARGEST_RATE, steps)
    net.train()
    for epoch in range(EPOCHS):
        for batch in torch.randperm(len(labels), generator=generator).split(BATCH):
            cycle.step(functional.cross_entropy(net(seen[epoch % VARIANTS][batch]), labels[batch]))
    return net.eval()


def recorded_words(net: BitSpikeNet, task: str, division: str, inputs: Tensor) -> dict[str, Words]:
    """Words [n, ...] that each layer consumes: T steps of b bits, of a picture its 8 bits."""
    _, bits, _ = division_of(division)
    words: dict[str, Words] = {}
    with torch.no_grad():
        for layer, steps in zip(LAYERS, net.spikes(inputs.transpose(0, 1)), strict=True):
            picture = (task, layer) == ("still", "conv1")
            levels = (steps * 255 if picture else steps).round().long().numpy()
            word_bits = 8 if picture else bits * len(steps)
            words[layer] = pack(levels, bits).astype(smallest_unsigned(word_bits))
    return words


def cross_validate(
    task: str, division: str, recordings: list[NDArray[np.uint8]], labels: NDArray[np.int64]
) -> tuple[str, dict[str, Words]]:
    """For each digit "1" where a network that had not seen it was right; words of the first fold's network.

    `recordings`: what is judged, then the variants for training.
    """
    judged, *variants = (seen_by_network(task, division, recording) for recording in recordings)
    targets = torch.from_numpy(labels)
    right = np.zeros(len(labels), dtype=bool)
    words: dict[str, Words] = {}
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(labels, labels)
    for fold, (seen, held_out) in enumerate(folds):
        net = train(task, division, [variant[seen] for variant in variants], targets[seen], SEED + fold)
        with torch.no_grad():
            right[held_out] = (net(judged[held_out]).argmax(dim=1) == targets[held_out]).numpy()
        if fold == 0:
            words = recorded_words(net, task, division, judged[first_of_each(labels, held_out)])
    return as_digits(right), words


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    every = [f"{task}/{division}" for task, divisions in DIVISIONS.items() for division in divisions]
    parser.add_argument("networks", nargs="*", metavar="TASK/DIVISION", help=", ".join(every))
    chosen = parser.parse_args().networks
    if unknown := set(chosen) - set(every):
        parser.error(f"no such network: {', '.join(sorted(unknown))}; allowed: {', '.join(every)}")
    HOME.mkdir(exist_ok=True)
    outcomes: dict[str, str] = {}
    words: dict[str, NDArray[Any]] = {}
    if (HOME / "accuracy.json").exists():
        outcomes = json.loads((HOME / "accuracy.json").read_text(encoding="utf-8"))
        with np.load(HOME / "words.npz", allow_pickle=False) as file:
            words = dict(file)
    digits = load_digits()
    images, labels = digits.images.astype(np.int64), digits.target.astype(np.int64)
    for task, divisions in DIVISIONS.items():
        left = [
            name for name in divisions if (f"{task}/{name}" in chosen if chosen else f"{task}/{name}" not in outcomes)
        ]
        recordings = [MAKERS[task](images, SEED + number) for number in range(1 + VARIANTS)] if left else []
        for division in left:
            begin = time.process_time()
            name = f"{task}/{division}"
            outcomes[name], recorded = cross_validate(task, division, recordings, labels)
            words |= {f"{name}/{layer}": array for layer, array in recorded.items()}
            seconds = time.process_time() - begin
            print(f"{name}: {outcomes[name].count('1') / len(labels):.4f}, {seconds:.0f} s", flush=True)
            outcomes = {each: outcomes[each] for each in every if each in outcomes}
            (HOME / "accuracy.json").write_text(json.dumps(outcomes, indent=1) + "\n", encoding="utf-8")
            np.savez_compressed(HOME / "words.npz", **words)


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    main()
