"""Presets of sparse accelerators on a recorded VGG-16, beside what public simulators count for the same spikes.

    python examples/published_cycles.py TRACE.npz                                  # prints the table
    python examples/published_cycles.py TRACE.npz --update docs/accelerators.md    # writes it into the document

TRACE.npz holds the spikes of tests/golden/vgg16_cifar10_t4, as a trace or raw with their layers in TRACE.layers.yaml;
default: $ACCELSIM_VGG16_TRACE.
"""

from __future__ import annotations

import argparse
import csv
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from document import update
from real_and_drawn import load

import accelsim

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ROOT / "tests" / "golden" / "vgg16_cifar10_t4" / "cycles.csv"

Figures = Mapping[str, int | None]
"""A row of the table of figures; None where it says nothing."""


def column(name: str) -> Callable[[Figures], int | None]:
    return lambda row: row[name]


def prosperity(row: Figures) -> int | None:
    """The larger of the layer's sums and searches."""
    return max(row["product_sparse_cycles"] or 0, row["product_detection_cycles"] or 0)


def ptb(row: Figures) -> int | None:
    """Slots of 4 cycles for each 16 outputs, and 32 cycles a pixel."""
    slots, outputs, pixels = row["ptb_slots"], row["outputs"], row["pixels"]
    return None if slots is None or outputs is None or pixels is None else slots * -(-outputs // 16) * 4 + pixels * 32


PRESETS: dict[str, Callable[[Figures], int | None]] = {
    "mint": column("bit_sparse_cycles"),
    "sato": column("sato_cycles"),
    "prosperity": prosperity,
    "ptb": ptb,
    "spinalflow": column("spinalflow_compute_cycles"),
    "loas": column("loas_cycles"),
}
"""What a simulator, or the rule of one, counts in place of a preset's `compute_cycles`."""


def figures() -> dict[str, dict[str, int | None]]:
    with FIGURES.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {row.pop("layer"): {key: int(value) if value else None for key, value in row.items()} for row in rows}


def run(trace: Any, preset: str) -> dict[str, int]:
    """`compute_cycles` of each layer."""
    report = accelsim.simulate(accelsim.load_arch(ROOT / "arch_configs" / f"{preset}.yaml"), trace).report
    return {layer["name"]: layer["compute_cycles"] for layer in report["layers"]}


def render(found: Mapping[str, Mapping[str, int]]) -> str:
    """A row a layer; for each preset its cycles, and by how much they differ from the simulator's."""
    lines = [f"| layer | {' | '.join(found)} |", "|---|" + "---:|" * len(found)]
    for layer, row in figures().items():
        cells = [f"{cycles[layer]:,} {difference(cycles[layer], PRESETS[name](row))}" for name, cycles in found.items()]
        lines.append(f"| {layer} | {' | '.join(cells)} |")
    return "\n".join(lines)


def difference(cycles: int, expected: int | None) -> str:
    if expected is None:
        return "(none)"
    return "(=)" if cycles == expected else f"({(cycles / expected - 1) * 100:+.1f} %)"


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    given = os.environ.get("ACCELSIM_VGG16_TRACE")
    parser.add_argument("trace", type=Path, nargs="?" if given else None, default=given, help="trace or raw spikes")
    parser.add_argument("--update", type=Path, metavar="DOCUMENT", help="write the table between a document's markers")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        trace = load(Path(arguments.trace), Path(name))
        text = render({preset: run(trace, preset) for preset in PRESETS})
    print(text)
    if arguments.update:
        update(arguments.update, text)


if __name__ == "__main__":
    main()
