"""Pipelined against layer-by-layer ResNet-18: latency, interval and traffic, with weights that fit and that do not.

    python examples/compare_schedules.py                            # prints the tables, a few minutes
    python examples/compare_schedules.py --update docs/mapping.md   # writes them into the document

Layer by layer, every layer has all tiles in turn. Pipelined, neighbouring layers have tiles of their own, and images
follow each other through them. docs/mapping.md says which wins when, and why.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from document import update

import accelsim

ROOT = Path(__file__).resolve().parents[1]
ARCH = ROOT / "arch_configs" / "spikepack.yaml"
DIGITS = "traces/resnet18_digits.npz"
CIFAR = "workloads/resnet18_cifar_w64.yaml"
SCHEDULES = ("layer_by_layer", "pipelined")
HEADER = (
    "schedule | stages | first image, cycles | interval, cycles | estimated | DRAM, kB an image "
    "| flit-hops, k an image | energy, uJ an image | fullest spike buffer, KiB"
)


@dataclass(frozen=True)
class Case:
    """An input on a chip."""

    title: str
    input: str
    overrides: tuple[str, ...] = ()


CASES = {
    "digits": Case("Digits, 8x8: 0.7 MB of weights, 12 MiB of weight buffers: they stay", DIGITS),
    "digits_small": Case(
        "Digits with weight buffers of 16 KiB, 256 KiB in all: they do not", DIGITS, ("weight_buffer.bytes=16 KiB",)
    ),
    "cifar": Case("CIFAR, 32x32: 11.2 MB of weights, 12 MiB of weight buffers: they just fit", CIFAR),
    "cifar_large": Case(
        "CIFAR with weight buffers of 1280 KiB, 20 MiB in all: room to spare", CIFAR, ("weight_buffer.bytes=1280 KiB",)
    ),
    "cifar_small": Case(
        "CIFAR with weight buffers of 128 KiB, 2 MiB in all: they do not fit", CIFAR, ("weight_buffer.bytes=128 KiB",)
    ),
}


def measure(case: Case, schedule: str, images: int) -> dict[str, Any]:
    """The report of a case under a schedule, and the number of its stages."""
    from accelsim.build.planning import plan_workload

    arch = accelsim.load_arch(ARCH, (*case.overrides, f"mapping.schedule={schedule}"))
    workload = accelsim.load_trace(ROOT / case.input)
    report = accelsim.simulate(arch, workload, images=images).report
    return {**report, "stages": len(plan_workload(arch, workload, workload.layers, images).stages)}


def row(report: dict[str, Any], schedule: str) -> str:
    """A line of the table."""
    total, images = report["total"], report["images"]
    cells = [
        schedule.replace("_", " "),
        str(report["stages"] or "-"),
        f"{total['latency_cycles']:,}",
        f"{total['interval_cycles']:,}",
        f"{total['estimated_interval_cycles']:,}",
        f"{(report['dram']['read_bytes'] + report['dram']['write_bytes']) / images / 1e3:,.0f}",
        f"{report['noc']['flit_hops'] / images / 1e3:,.0f}",
        f"{total['energy_j'] / images * 1e6:,.0f}",
        f"{report['buffers']['spike_buffer']['peak_bytes'] / 1024:.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def table(case: Case, images: int) -> str:
    """Both schedules of a case, in markdown."""
    head = f"| {HEADER} |\n|" + "---|" * (HEADER.count("|") + 1)
    rows = [row(measure(case, schedule, images), schedule) for schedule in SCHEDULES]
    return "\n".join([f"**{case.title}**", "", head, *rows])


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=8, help="images in a row")
    parser.add_argument("--cases", type=lambda text: text.split(","), default=list(CASES), help="only these cases")
    parser.add_argument("--update", type=Path, metavar="DOCUMENT", help="write the tables between a document's markers")
    arguments = parser.parse_args(argv)
    text = "\n\n".join(table(CASES[name], arguments.images) for name in arguments.cases)
    print(text)
    if arguments.update:
        update(arguments.update, text)


if __name__ == "__main__":
    main()
