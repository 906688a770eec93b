"""How fast the reference model is, beside PyTorch's convolutions, and how it grows with T.

    python benchmarks/reference.py [PART ...] [--repeat N] [--update docs/speed.md]

Parts, all of them without an argument:

    convolutions    the 20 convolutions of ResNet-18 at 224 x 224, one image, one thread: sums of weight times word by
                    each kernel against torch.nn.functional.conv2d in float32 (extra `train`), alternating
    steps           the forward pass against T: packed, serial, and the conventional neurons step by step
    threads         the same pass in one thread and in two, and two images at a time

Weights and images are random. Kernels are compiled, and weights brought into their order, before. Times are those of
the processor in that thread, with two threads those of the clock; the best of N counts, as the rest is the machine's
noise. Memory is the peak of NumPy's arrays in a pass, the network itself not counted; kernels themselves take less
than 1 MiB more.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "examples"))

import numpy as np
from document import update
from residual import resnet18

from accelsim.reference import operators
from accelsim.reference.causal import CausalNetwork, answers, causal_network
from accelsim.reference.convert import convert
from accelsim.reference.lif import CausalNeuron
from accelsim.reference.model import Model, integer_network
from accelsim.reference.model_file import find_model, read_model
from accelsim.reference.network import Network, run, run_all
from accelsim.workload.layer import Layer

STEPS = (1, 2, 4, 8, 16)
STEPS_OF_CAUSAL = (1, 2, 4, 8)
LEAKY = CausalNeuron(tau=Fraction(2))

SMALL = 30
"""Times as many passes of a small network, whose best takes longer to find."""

SKIPPED_DENSITY = 0.5
"""Share of words that are not silent where the skipping kernel is measured on single layers."""


def best(repeat: int, *actions: Callable[[], object], clock: Callable[[], float] = time.thread_time) -> list[float]:
    """Milliseconds of each action, the actions taking turns, after one turn that does not count."""
    spent: list[list[float]] = [[] for _ in actions]
    for _ in range(1 + repeat):
        for action, times in zip(actions, spent, strict=True):
            start = clock()
            action()
            times.append(clock() - start)
    return [1e3 * min(times[1:]) for times in spent]


def peak_mib(action: Callable[[], object]) -> float:
    tracemalloc.start()
    action()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def table(head: str, rows: Iterator[str] | list[str]) -> str:
    return "\n".join([f"| {head} |", "|" + "---|" * (head.count("|") + 1), *(f"| {row} |" for row in rows)])


def models() -> dict[str, tuple[Model, np.ndarray]]:
    digits = read_model(find_model("resnet18_digits"))
    image = np.random.default_rng(1).integers(0, 256, (1, 3, 224, 224), dtype=np.uint8)
    return {
        "ResNet-18, 224 x 224": (convert(resnet18(), image, calibration="max"), image[0]),
        "resnet18_digits, 32 x 32": (digits, digits.images[0]),
    }


def of_one_layer(layer: Layer, repeat: int) -> list[float]:
    """Milliseconds of the kernels and of PyTorch, in two orders of memory, for a layer on random numbers."""
    import torch

    torch.set_num_threads(1)
    rng = np.random.default_rng(2)
    weights = rng.integers(-127, 128, (layer.out_shape[0], layer.in_shape[0], *layer.kernel)).astype(np.int8)
    synapses = operators.Synapses(layer, weights)
    words = rng.integers(1, 256, layer.in_shape, dtype=np.int32)
    sparse = np.where(rng.random(words.shape) < SKIPPED_DENSITY, words, 0).astype(np.int32)
    real, filters = (torch.from_numpy(values.astype(np.float32)) for values in (words[None], weights))
    last, last_filters = (values.contiguous(memory_format=torch.channels_last) for values in (real, filters))

    def by_torch(image: torch.Tensor, taps: torch.Tensor) -> Callable[[], object]:
        return lambda: torch.nn.functional.conv2d(image, taps, stride=layer.stride, padding=layer.padding)

    with torch.inference_mode():
        times = best(
            repeat,
            lambda: synapses.sums(words, "dense"),
            lambda: synapses.sums(words, "halves"),
            by_torch(real, filters),
            by_torch(last, last_filters),
        )
    return [*times, *best(max(1, repeat // 8), lambda: synapses.sums(sparse, "skip"))]


def convolutions(repeat: int) -> str:
    ann = resnet18()
    shapes = ann.shapes()
    layers = [
        Layer(
            node.name,
            "conv2d",
            node.inputs,
            shapes[(node.inputs or ("",))[0]],
            shapes[node.name],
            node.kernel,
            node.stride,
            node.padding,
        )
        for node in ann.nodes
        if node.op == "conv2d"
    ]
    measured: dict[tuple[object, ...], list[float]] = {}
    groups: dict[tuple[object, ...], list[Layer]] = {}
    for layer in layers:
        groups.setdefault((layer.in_shape, layer.out_shape, layer.kernel, layer.stride), []).append(layer)
    rows = []
    for key, alike in groups.items():
        measured[key] = of_one_layer(alike[0], repeat)
        (channels, side, _), (outs, _, _), (kernel, _), (stride, _) = key
        name = f"{len(alike)} x {kernel} x {kernel}, {channels} to {outs}, {side} x {side}, stride {stride}"
        rows.append(cells(name, alike[0].dense_macs, measured[key]))
    total = [sum(len(groups[key]) * times[n] for key, times in measured.items()) for n in range(5)]
    rows.append(cells(f"**all {len(layers)}**", sum(layer.dense_macs for layer in layers), total))
    head = (
        f"convolution | ms, bytes | ms, halves | ms, torch | ms, torch channels last | ms, skip ({SKIPPED_DENSITY}) | "
        "GMAC/s, bytes"
    )
    return table(head, rows)


def cells(name: str, macs: int, times: list[float]) -> str:
    return " | ".join([name, *(f"{value:.2f}" for value in times), f"{macs / times[0] / 1e6:.0f}"])


def steps(repeat: int) -> str:
    parts = []
    for name, (model, image) in models().items():
        networks = {timesteps: integer_network(model, timesteps) for timesteps in STEPS}
        conventional = {timesteps: causal_network(model, timesteps, LEAKY) for timesteps in STEPS_OF_CAUSAL}
        actions = {
            (timesteps, form): action
            for timesteps in STEPS
            for form, action in forward_passes(networks[timesteps], conventional.get(timesteps), image).items()
        }
        times = dict(zip(actions, best(repeat * (SMALL if image.size < 10**5 else 1), *actions.values()), strict=True))
        rows = []
        for timesteps in STEPS:
            found = [
                (times[timesteps, form], peak_mib(actions[timesteps, form])) if (timesteps, form) in actions else None
                for form in ("packed", "halves", "serial", "conventional")
            ]
            columns = [f"{pair[0]:.1f} | {pair[1]:.1f}" if pair else "— | —" for pair in found]
            rows.append(" | ".join([str(timesteps), *columns, f"{times[timesteps, 'skip']:.0f}"]))
        head = (
            "T | ms, packed | MiB | ms, packed in halves | MiB | ms, serial | MiB | ms, LIF step by step | MiB | "
            "ms, packed, skipping"
        )
        ratios = [times[8, form] / times[1, form] for form in ("packed", "halves")]
        parts.append(
            f"{name}:\n\n{table(head, rows)}\n\nT = 8 takes {ratios[0]:.2f} times what T = 1 takes, and "
            f"{ratios[1]:.2f} times with two bytes a word at both."
        )
    return "\n\n".join(parts)


def answer(network: Network, image: np.ndarray, form: str = "packed", method: str = "dense") -> object:
    return run(network, image, form, method=method, keep=(network.layers[-1].name,))


def forward_passes(
    network: Network, conventional: CausalNetwork | None, image: np.ndarray
) -> dict[str, Callable[[], object]]:
    passes: dict[str, Callable[[], object]] = {
        "packed": lambda: answer(network, image),
        "halves": lambda: answer(network, image, method="halves"),
        "serial": lambda: answer(network, image, "serial"),
        "skip": lambda: answer(network, image, method="skip"),
    }
    if conventional is not None:
        passes["conventional"] = lambda: answers(conventional, image)
    return passes


def threads(repeat: int) -> str:
    rows = []
    for name, (model, image) in models().items():
        network = integer_network(model, 8)
        images, last = [image] * 8, (network.layers[-1].name,)
        single, double, alone, pool = best(
            repeat,
            lambda network=network, image=image, last=last: run(network, image, keep=last),
            lambda network=network, image=image, last=last: run(network, image, threads=2, keep=last),
            lambda network=network, images=images, last=last: list(run_all(network, images, keep=last)),
            lambda network=network, images=images, last=last: list(run_all(network, images, threads=2, keep=last)),
            clock=time.perf_counter,
        )
        rows.append(f"{name} | {single:.1f} | {double:.1f} | {alone / 8:.1f} | {pool / 8:.1f}")
    head = "network, T = 8 | ms an image | with 2 threads over pixels | of 8 images | with 2 threads over images"
    return table(head, rows)


PARTS: dict[str, Callable[[int], str]] = {"convolutions": convolutions, "steps": steps, "threads": threads}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="*", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--repeat", type=int, default=20, metavar="N")
    parser.add_argument("--update", type=Path, metavar="DOCUMENT", help="write the tables between a document's markers")
    options = parser.parse_args()
    if unknown := set(options.part) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    text = []
    for part in options.part or PARTS:
        text.append(PARTS[part](options.repeat))
        print(text[-1] + "\n", flush=True)
    if options.update:
        update(options.update, "\n\n".join(text))


if __name__ == "__main__":
    main()
