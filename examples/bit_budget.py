"""At a fixed Bit Budget, which machines take the same cycles however it is divided into time steps and spike bits.

    python examples/bit_budget.py                              # prints the table, some seconds
    python examples/bit_budget.py --update docs/bit_budget.md  # writes it into the document

Bit Budget = time steps x weight bits x spike bits (Shen, Zhao, Li, Li, Zeng: Are Conventional SNNs Really Efficient?
CVPR 2024, arXiv 2311.10802). docs/bit_budget.md says why machines differ.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from document import update

import accelsim

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Machine:
    """A preset and what makes the machine of it."""

    name: str
    preset: str
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class Division:
    """A Bit Budget divided: what a layer's words are made of."""

    weight_bits: int
    spike_bits: int
    timesteps: int
    bit_density: float = 0.14
    """Share of set bits: that between the convolutions of a small ResNet-18 (workloads/resnet18_cifar_w64.yaml)."""

    @property
    def budget(self) -> int:
        return self.weight_bits * self.spike_bits * self.timesteps

    @property
    def title(self) -> str:
        text = f"{self.weight_bits}/{self.spike_bits}/{self.timesteps}"
        if self.bit_density != Division.bit_density:
            text += f", {self.bit_density / Division.bit_density:g} x the ones"
        return f"{text} (BB {self.budget})"


MACHINES = (
    Machine("systolic array, a bit plane a pass", "systolic_32x32", ("pe_array.spike_mode=bit_serial",)),
    Machine("FireFly v2, 4 planes at once", "firefly_v2"),
    Machine("FireFly v1, a plane at a time", "firefly_v1_p32"),
    Machine(
        "4-bit multipliers, a time step a pass",
        "systolic_32x32",
        ("pe_array.spike_mode=time_serial", "pe_array.lane_bits=4"),
    ),
    Machine("4-bit multipliers, a packed word a pass", "systolic_32x32", ("pe_array.lane_bits=4",)),
    Machine("spike detector, one after the other", "firefly_t"),
)
DIVISIONS = (
    Division(8, 1, 4),
    Division(8, 2, 2),
    Division(8, 4, 1),
    Division(8, 1, 4, 2 * Division.bit_density),
    Division(8, 1, 8),
    Division(8, 8, 1),
)

LAYER = (
    "op: conv2d, in_shape: [64, 16, 16], out_channels: 128, kernel: 3, padding: 1, timesteps: {timesteps}, "
    "bits_per_step: {spike_bits}, weight_bits: {weight_bits}, density: {density}, bit_density: {bit_density}"
)


def workload() -> Any:
    """A layer of 64 to 128 channels, 3 x 3 on 16 x 16 pixels, once for each division.

    Ones are drawn independently of each other, so that a word of b bits is zero with a chance of (1 - density)^b.
    """
    text = "name: bit_budget\ntimesteps: 4\nweight_bits: 8\nlayers:\n"
    for index, division in enumerate(DIVISIONS):
        bits = division.spike_bits * division.timesteps
        layer = LAYER.format(**vars(division), density=1 - (1 - division.bit_density) ** bits)
        text += f"  - {{name: division{index}, {layer}}}\n"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "bit_budget.yaml")
        path.write_text(text, encoding="utf-8")
        return accelsim.load_trace(path)


def table() -> dict[str, list[int]]:
    """Cycles in which the array of each machine works, for each division."""
    found = {}
    layers = workload()
    for machine in MACHINES:
        arch = accelsim.load_arch(ROOT / "arch_configs" / f"{machine.preset}.yaml", machine.overrides)
        report = accelsim.simulate(arch, layers).report
        found[machine.name] = [layer["compute_cycles"] for layer in report["layers"]]
    return found


def render(rows: dict[str, list[int]]) -> str:
    """The table in markdown."""
    head = (
        "| machine | " + " | ".join(division.title for division in DIVISIONS) + " |\n" + "|---" * (1 + len(DIVISIONS))
    )
    lines = [f"| {name} | " + " | ".join(f"{cycles:,}" for cycles in found) + " |" for name, found in rows.items()]
    return "\n".join([f"{head}|", *lines])


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--update", type=Path, metavar="DOCUMENT", help="write the table between a document's markers")
    arguments = parser.parse_args(argv)
    text = render(table())
    print(text)
    if arguments.update:
        update(arguments.update, text)


if __name__ == "__main__":
    main()
