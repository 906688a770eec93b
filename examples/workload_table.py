"""Every workload of workloads/ on a chip: estimated against simulated cycles, and what binds.

python examples/workload_table.py                                      # prints the table, some minutes
python examples/workload_table.py --update docs/workloads.md           # writes it into the document
python examples/workload_table.py vgg9_cifar alexnet_cifar --images 2  # of these alone
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from document import update

import accelsim
from accelsim.errors import InputError
from accelsim.workload.layer import WEIGHTED_OPS

ROOT = Path(__file__).resolve().parents[1]
HEADER = (
    "workload | weights, M | MACs, M | synops, M | estimated cycles | simulated cycles | estimate off by | bound by "
    "| layers off by more than 20 %, share of cycles"
)
LAYER_TOLERANCE = 0.2


@dataclass(frozen=True)
class Row:
    """One workload; `report` is None where the chip cannot run it, and `refusal` says why."""

    name: str
    weights: int
    macs: int
    report: dict[str, Any] | None
    refusal: str = ""

    @property
    def off(self) -> float:
        """Estimated over simulated cycles, less 1."""
        assert self.report is not None
        total = self.report["total"]
        return float(total["estimated_cycles"] / total["cycles"] - 1)

    def layers_off(self) -> float:
        """Share of cycles in layers whose own estimate is off by more than LAYER_TOLERANCE."""
        assert self.report is not None
        layers = self.report["layers"]
        far = [each for each in layers if abs(each["estimated_cycles"] / each["cycles"] - 1) > LAYER_TOLERANCE]
        return float(sum(each["cycles"] for each in far) / sum(each["cycles"] for each in layers))

    def markdown(self) -> str:
        cells = [self.name, f"{self.weights / 1e6:.2f}", f"{self.macs / 1e6:,.0f}"]
        if self.report is None:
            cells += ["", "", self.refusal, "", "", ""]
        else:
            total = self.report["total"]
            cells += [f"{total['synops'] / 1e6:,.0f}", f"{total['estimated_cycles']:,}", f"{total['cycles']:,}"]
            cells += [f"{self.off:+.0%}", str(total["bound_by"]), f"{self.layers_off():.0%}"]
        return "| " + " | ".join(cells) + " |"


def measure(name: str, arch: Any, images: int) -> Row:
    """Run one workload."""
    workload = accelsim.load_trace(ROOT / "workloads" / f"{name}.yaml")
    weighted = [layer for layer in workload.layers if layer.op in WEIGHTED_OPS]
    weights = sum(layer.fan_in * layer.out_shape[0] for layer in weighted)
    macs = sum(layer.dense_macs for layer in workload.layers)
    try:
        return Row(name, weights, macs, accelsim.simulate(arch, workload, images=images).report)
    except InputError as error:
        return Row(name, weights, macs, None, f"refused: {error.problems[0].rule}")


def render(rows: Sequence[Row]) -> str:
    """The table in markdown."""
    return f"| {HEADER} |\n|" + "---|" * (HEADER.count("|") + 1) + "\n" + "\n".join(row.markdown() for row in rows)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    shipped = sorted(path.stem for path in (ROOT / "workloads").glob("*.yaml"))
    parser.add_argument("names", nargs="*", default=shipped, metavar="NAME", help="workloads, default all")
    parser.add_argument("--arch", default="spikepack", help="chip of arch_configs/")
    parser.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], help="override a key of the chip")
    parser.add_argument("--images", type=int, default=1, help="images in a row")
    parser.add_argument("--update", type=Path, metavar="DOCUMENT", help="write the table between a document's markers")
    arguments = parser.parse_args(argv)
    arch = accelsim.load_arch(ROOT / "arch_configs" / f"{arguments.arch}.yaml", arguments.set)
    rows = []
    for name in arguments.names:
        rows.append(measure(name, arch, arguments.images))
        print(rows[-1].markdown(), flush=True)
    if arguments.update:
        update(arguments.update, render(rows))


if __name__ == "__main__":
    main()
