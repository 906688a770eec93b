"""Train one small network for the digits as an ANN, with packed neurons, and with LIF neurons unrolled over time.

    python workloads/training/direct.py validate             # accuracy.json: five-fold cross-validation
    python workloads/training/direct.py measure              # cost.json: time and memory on the processor
    python workloads/training/direct.py measure --device cuda
    python workloads/training/direct.py trace -T 4 -o trace.npz

The files go to workloads/direct_training/, from where examples/direct_training.py makes tables. A network with packed
neurons is judged, and its inference measured, as the integers that a chip computes.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import torch
from digits import SEED, first_of_each, load, splits
from metrics import as_digits
from numpy.typing import NDArray
from optimisation import OneCycle, shifted
from torch import Tensor, nn
from torch.nn import functional

from accelsim.reference.trace_maker import record
from accelsim.training.export import packed_network
from accelsim.training.inference import TorchNetwork
from accelsim.training.lif import LIF
from accelsim.training.neuron import PackedNeuron
from accelsim.training.quantise import freeze_weights, quantised
from accelsim.workload.trace import write_trace

HOME = Path(__file__).resolve().parents[1] / "direct_training"
SIZE = 16
SHAPE = (1, SIZE, SIZE)
WIDTHS = (8, 16, 32)
CLASSES = 10
TIMESTEPS = (1, 2, 4, 8)
WEIGHT_BITS = 8

EPOCHS = 12
BATCH = 64
RATE = 0.01
LARGEST_SHIFT = 1

MEASURED_BATCH = 256
MEASURED_BATCHES = 6
"""An epoch of the digits, nearly."""
REPEATS = 3


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the networks that are compared: "ann", "packed" or "lif", and its time steps (1 for the ANN)."""

    neuron: str
    timesteps: int = 1

    def __str__(self) -> str:
        return self.neuron if self.neuron == "ann" else f"{self.neuron}_t{self.timesteps}"

    @classmethod
    def parse(cls, text: str) -> Kind:
        """The kind that is written so: the inverse of `str`."""
        neuron, _, timesteps = text.partition("_t")
        return cls(neuron, int(timesteps or 1))

    def activation(self) -> nn.Module:
        """What follows each normalisation."""
        if self.neuron == "ann":
            return nn.ReLU()
        return PackedNeuron(self.timesteps) if self.neuron == "packed" else LIF(self.timesteps)

    def build(self) -> nn.Sequential:
        """The network, alike in all kinds but for its neurons and, in the ANN, real weights."""
        layers: list[nn.Module] = []
        for channels, width in zip((SHAPE[0], *WIDTHS), WIDTHS, strict=False):
            layers += [self._rounded(nn.Conv2d(channels, width, 3, padding=1, bias=False))]
            layers += [nn.BatchNorm2d(width), self.activation(), nn.MaxPool2d(2)]
        last = self._rounded(nn.Linear(WIDTHS[-1], CLASSES), per_channel=False)
        return nn.Sequential(*layers[:-1], nn.AvgPool2d(SIZE >> (len(WIDTHS) - 1)), nn.Flatten(), last)

    def _rounded(self, layer: nn.Module, per_channel: bool = True) -> nn.Module:
        return layer if self.neuron == "ann" else quantised(layer, WEIGHT_BITS, per_channel)

    def scores(self, net: nn.Module, images: Tensor) -> Tensor:
        """[n, classes]; a network of LIF neurons sees each image in every step, and its outputs are averaged."""
        if self.neuron != "lif":
            return net(images)
        return net(images.repeat(self.timesteps, 1, 1, 1)).reshape(self.timesteps, len(images), CLASSES).mean(dim=0)


KINDS = (Kind("ann"), *(Kind(neuron, timesteps) for neuron in ("packed", "lif") for timesteps in TIMESTEPS))


def train(
    kind: Kind, images: NDArray[np.uint8], labels: NDArray[np.int64], seed: int, epochs: int = EPOCHS
) -> nn.Module:
    """A network trained from a seed, each batch shifted by up to `LARGEST_SHIFT` pixels."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    net = kind.build()
    inputs, targets = torch.from_numpy(images).float() / 255, torch.from_numpy(labels)
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=1e-3)
    steps = epochs * -(-len(images) // BATCH)
    cycle = OneCycle(optimiser, RATE, steps)
    net.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(images), generator=generator).split(BATCH):
            scores = kind.scores(net, shifted(inputs[batch], LARGEST_SHIFT, generator))
            cycle.step(functional.cross_entropy(scores, targets[batch]))
    return net.eval()


def inference(kind: Kind, net: nn.Module, device: str = "cpu") -> Callable[[Tensor], Tensor]:
    """From images [n, 1, 16, 16] of 8 bits to scores [n, classes].

    A network of packed neurons computes integers; the weights of another are frozen in it.
    """
    if kind.neuron == "packed":
        integers = TorchNetwork(packed_network(net, SHAPE)).to(device)
        return lambda images: integers(images).flatten(1)

    freeze_weights(net)

    def scores(images: Tensor) -> Tensor:
        with torch.inference_mode():
            return kind.scores(net, images.float() / 255)

    return scores


def validate() -> None:
    """Predict every digit with a network that has not seen it; writes what is known after each kind."""
    images, labels = load(SIZE)
    outcome: dict[str, str] = {}
    for kind in KINDS:
        outcome[str(kind)] = ""
        for fold, (seen, held_out) in enumerate(splits(images, labels)):
            started = time.process_time()
            net = train(kind, images[seen], labels[seen], SEED + fold)
            answers = inference(kind, net)(torch.from_numpy(images[held_out])).argmax(dim=1).numpy()
            hits = answers == labels[held_out]
            outcome[str(kind)] += as_digits(hits)
            print(f"{kind}, fold {fold}: {hits.mean():.4f}, {time.process_time() - started:.1f} s", flush=True)
        (HOME / "accuracy.json").write_text(json.dumps(outcome, indent=1) + "\n")


def measure_all(device: str) -> None:
    """What each kind costs, in a process of its own; replaces what cost.json says about this kind of device."""
    path = HOME / "cost.json"
    cost = json.loads(path.read_text()) if path.is_file() else {}
    rows = {}
    for kind in KINDS:
        command = [sys.executable, __file__, "measure", "--device", device, "--kind", str(kind)]
        rows[str(kind)] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        print(kind, rows[str(kind)], flush=True)
    name = torch.cuda.get_device_name() if device == "cuda" else f"{_processor()}, one thread"
    cost[device] = {
        "device": name,
        "torch": torch.__version__,
        "date": date.today().isoformat(),
        "batch": MEASURED_BATCH,
        "kinds": rows,
    }
    path.write_text(json.dumps(cost, indent=1) + "\n")


def measure(kind: Kind, device: str) -> dict[str, float]:
    """Seconds an epoch of 1437 images and an image of inference, bytes kept for the backward pass, peak memory.

    Seconds are those of the processor (of the clock on other devices), the least of `REPEATS`. Peak memory counts from
    before the first batch: of the process, or of the allocator of another device.
    """
    images, labels = load(SIZE)
    inputs = torch.from_numpy(images[:MEASURED_BATCH]).to(device)
    targets = torch.from_numpy(labels[:MEASURED_BATCH]).to(device)
    net = kind.build().to(device)
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE)
    kept: dict[tuple[int, int], int] = {}
    held = []

    def keep(tensor: Tensor) -> Tensor:
        held.append(tensor)  # its memory is not given to another while the batch lasts
        kept[tensor.data_ptr(), tensor.numel()] = tensor.numel() * tensor.element_size()
        return tensor

    def step() -> None:
        loss = functional.cross_entropy(kind.scores(net, inputs.float() / 255), targets)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    before = _peak_bytes(device)
    for _ in range(2):
        step()
    peak = _peak_bytes(device) - before
    of_net = {tensor.data_ptr() for tensor in (*net.parameters(), *net.buffers())}
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        step()
    saved = sum(size for (place, _), size in kept.items() if place not in of_net)
    held.clear()
    epoch = min(_timed(step, device, MEASURED_BATCHES) for _ in range(REPEATS)) * 1437 / MEASURED_BATCH
    answer = inference(kind, net.eval(), device)
    image = min(_timed(lambda: answer(inputs), device, MEASURED_BATCHES) for _ in range(REPEATS)) / MEASURED_BATCH
    return {"epoch_s": epoch, "image_s": image, "saved_bytes": saved, "peak_bytes": peak}


def _timed(work: Callable[[], object], device: str, count: int) -> float:
    """Seconds for each of `count` calls."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    work()
    _finish(device)
    started = clock()
    for _ in range(count):
        work()
    _finish(device)
    return (clock() - started) / count


def _finish(device: str) -> None:
    if device != "cpu":
        torch.cuda.synchronize()


def _peak_bytes(device: str) -> int:
    if device != "cpu":
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def write_a_trace(timesteps: int, path: Path) -> None:
    """The words of one held-out image of each digit in the network of the first fold."""
    images, labels = load(SIZE)
    seen, held_out = splits(images, labels)[0]
    net = train(Kind("packed", timesteps), images[seen], labels[seen], SEED)
    chosen = first_of_each(labels, held_out)
    network = packed_network(net, SHAPE, name=f"direct_digits_t{timesteps}")
    trace = record(network, images[chosen], labels[chosen], "scikit-learn digits, 8x8 enlarged to 16x16")
    write_trace(path, trace.meta, trace.arrays)


def main() -> None:
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=("validate", "measure", "trace"))
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="of `measure`")
    parser.add_argument("--kind", type=Kind.parse, help="measure only this one, in this process, and print it as JSON")
    parser.add_argument("-T", "--timesteps", type=int, default=4, help="of `trace`")
    parser.add_argument("-o", "--out", type=Path, default=Path("trace.npz"), help="of `trace`")
    options = parser.parse_args()
    if options.task == "validate":
        validate()
    elif options.task == "trace":
        write_a_trace(options.timesteps, options.out)
    elif options.kind:
        torch.use_deterministic_algorithms(options.device == "cpu")
        print(json.dumps(measure(options.kind, options.device)))
    else:
        measure_all(options.device)


if __name__ == "__main__":
    main()
