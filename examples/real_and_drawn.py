"""Recorded spikes against drawn ones of the same statistics, in cycles, layer by layer.

python examples/real_and_drawn.py TRACE.npz                                # prints the tables, about two minutes
python examples/real_and_drawn.py TRACE.npz --update docs/generator.md     # writes them into the document

TRACE.npz is a trace, or raw spikes with their layers in TRACE.layers.yaml; default: $ACCELSIM_VGG16_TRACE.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
from document import update

import accelsim
from accelsim.errors import InputError
from accelsim.interop.raw import import_raw
from accelsim.workload.correlation import measure
from accelsim.workload.layer import ARRAY_OPS
from accelsim.workload.measured import CORRELATIONS, measured_workload
from accelsim.workload.trace import write_trace

ROOT = Path(__file__).resolve().parents[1]
ALONE = ("dram=ideal", "noc.flit_bits=2048")
"""Memory and network out of the way, so that words alone decide how long an array takes."""

CHIPS = {
    "preset": ("spikepack", ALONE),
    "short queues": ("spikepack", (*ALONE, "pe_array.fifo_words=64", "pe_array.pixels_in_flight=1")),
    "8 rows, 8 banks": ("spikepack", (*ALONE, "pe_array.rows=8", "weight_buffer.banks=8")),
    "serial": ("spikepack_serial", ALONE),
}
DRAWN = {"independent": (), "channels": ("spatial", "channel"), "all": CORRELATIONS}
"""Which correlations the drawn words get."""


@dataclass(frozen=True)
class Row:
    """Cycles of one layer that runs alone, or of the whole network; drawn ones by kind, one number a seed."""

    layer: str
    recorded: int
    drawn: dict[str, list[int]]

    def difference(self, kind: str) -> float:
        """By how much drawn words take longer than recorded ones, in the mean over seeds."""
        return fmean(self.drawn[kind]) / self.recorded - 1

    def cells(self) -> list[str]:
        shown = [f"{self.recorded:,}"]
        for kind, cycles in self.drawn.items():
            spread = f" ± {stdev(cycles) / self.recorded * 100:.1f}" if len(cycles) > 1 else ""
            shown.append(f"{self.difference(kind) * 100:+.1f}{spread}")
        return shown


def load(path: Path, directory: Path) -> Any:
    """The trace of a file; raw spikes are imported first."""
    try:
        return accelsim.load_trace(path)
    except InputError:
        if not path.with_suffix(".layers.yaml").exists():
            raise
    meta, arrays, _ = import_raw(path, path.with_suffix(".layers.yaml"))
    write_trace(directory / "trace.npz", meta, arrays)
    return accelsim.load_trace(directory / "trace.npz")


def draw(trace: Any, directory: Path, seeds: int) -> dict[str, list[Any]]:
    """Workloads as measured in a trace: kind -> one a seed."""
    drawn = {}
    for kind, correlations in DRAWN.items():
        path = directory / f"{kind}.yaml"
        path.write_text(measured_workload(trace, 1, correlations), encoding="utf-8")
        drawn[kind] = [accelsim.load_trace(path, seed) for seed in range(seeds)]
    return drawn


def compare(chip: str, trace: Any, drawn: dict[str, list[Any]], layers: Sequence[str]) -> list[Row]:
    """Every layer alone on a chip, and their sum."""
    preset, overrides = CHIPS[chip]
    arch = accelsim.load_arch(ROOT / "arch_configs" / f"{preset}.yaml", overrides)

    def cycles(workload: Any, layer: str) -> int:
        return int(accelsim.simulate(arch, workload, layers=[layer]).report["total"]["cycles"])

    rows = [
        Row(layer, cycles(trace, layer), {kind: [cycles(each, layer) for each in drawn[kind]] for kind in drawn})
        for layer in layers
    ]
    sums = {kind: [sum(each) for each in zip(*(row.drawn[kind] for row in rows), strict=True)] for kind in drawn}
    return [*rows, Row("sum", sum(row.recorded for row in rows), sums)]


def fullest_bank(words: Any, layer: Any, banks: int) -> float:
    """Words of the fullest weight bank over the mean of all, in the mean over output pixels: what arrays wait for.

    `words`: [channels, rows, columns] that a convolution consumes. A word's bank is its channel modulo `banks`.
    """
    (rows, columns), (top, left) = layer.kernel, layer.padding
    fires = np.pad(words != 0, ((0, -len(words) % banks), (top, top), (left, left)))
    windows = np.lib.stride_tricks.sliding_window_view(fires, (rows, columns), axis=(1, 2)).sum(axis=(3, 4))
    loads = windows.reshape(-1, banks, *windows.shape[1:]).sum(axis=0)
    return float(loads.max(axis=0).sum() / loads.mean(axis=0).sum())


def render_banks(trace: Any, drawn: dict[str, list[Any]], layers: Sequence[str], banks: int = 8) -> str:
    lines = [f"| layer | recorded | {' | '.join(DRAWN)} |", "|---|---|" + "---|" * len(DRAWN)]
    for layer in trace.layers:
        if layer.name in layers and layer.op == "conv2d":
            found = [fullest_bank(trace.input_words(layer.name, 0), layer, banks)]
            for each in drawn.values():
                found.append(fmean(fullest_bank(one.input_words(layer.name, 0), layer, banks) for one in each))
            lines.append(f"| {layer.name} | " + " | ".join(f"{number:.2f}" for number in found) + " |")
    return "\n".join(lines)


def render_statistics(trace: Any, layers: Sequence[str]) -> str:
    lines = ["| layer | nonzero words | ones | spatial | channel | neighbour |", "|---|---|---|---|---|---|"]
    for layer in trace.layers:
        if layer.name in layers:
            found = measure([trace.input_words(layer.name, 0)], layer.word_bits)
            numbers = (found.words, fmean(found.planes(layer.word_bits) or (0,)))
            numbers += (found.spatial, found.channel, found.neighbour)
            lines.append(f"| {layer.name} | " + " | ".join(f"{number:.3f}" for number in numbers) + " |")
    return "\n".join(lines)


def render(rows: dict[str, list[Row]]) -> str:
    """One table a chip."""
    tables = []
    for chip, found in rows.items():
        head = f"| layer | recorded, cycles | {' | '.join(f'{kind}, %' for kind in DRAWN)} |\n|---|---|" + "---|" * len(
            DRAWN
        )
        lines = [f"| {row.layer} | {' | '.join(row.cells())} |" for row in found]
        tables.append(f"**{chip}**\n\n{head}\n" + "\n".join(lines))
    return "\n\n".join(tables)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given = os.environ.get("ACCELSIM_VGG16_TRACE")
    parser.add_argument("trace", type=Path, nargs="?" if given else None, default=given, help="trace or raw spikes")
    parser.add_argument("--seeds", type=int, default=5, help="drawings of each kind")
    parser.add_argument("--layers", type=lambda text: text.split(","), help="only these layers, separated by commas")
    parser.add_argument("--update", type=Path, metavar="DOCUMENT", help="write the tables between a document's markers")
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        trace = load(Path(arguments.trace), Path(name))
        spiking = [layer.name for layer in trace.layers if layer.op in ARRAY_OPS and layer.kind == "spikes"]
        layers = arguments.layers or spiking
        drawn = draw(trace, Path(name), arguments.seeds)
        rows = {chip: compare(chip, trace, drawn, layers) for chip in CHIPS}
        title = "**Words of the fullest of 8 banks, over the mean of all**"
        banks = render_banks(trace, drawn, layers)
        text = f"{render_statistics(trace, layers)}\n\n{render(rows)}\n\n{title}\n\n{banks}"
    print(text)
    if arguments.update:
        update(arguments.update, text)


if __name__ == "__main__":
    main()
