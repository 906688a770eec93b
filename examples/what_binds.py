"""What binds a chip: a roofline of its layers, and reruns with one resource at a time out of the way.

python examples/what_binds.py                              # prints the tables, about two minutes
python examples/what_binds.py --update docs/what_binds.md  # writes them into the document
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from document import update

import accelsim
from accelsim.simulation.relief import RELIEFS, relieve

ROOT = Path(__file__).resolve().parents[1]
SPIKEPACK = ROOT / "arch_configs" / "spikepack.yaml"
CIFAR = "workloads/resnet18_cifar_w64.yaml"
DIGITS = "traces/resnet18_digits.npz"
BATCH = 8

CASES: tuple[tuple[str, int, tuple[str, ...]], ...] = (
    (CIFAR, 1, ()),
    (CIFAR, BATCH, ()),
    (CIFAR, BATCH, ("weight_buffer.bytes=128 KiB",)),
    (CIFAR, BATCH, ("weight_buffer.banks=4",)),
    (CIFAR, BATCH, ("neuron_unit.lanes=1",)),
    (DIGITS, 1, ()),
    (DIGITS, BATCH, ()),
    (DIGITS, 1, ("memory_controller.nodes=[9]",)),
    (DIGITS, BATCH, ("noc.flit_bits=32",)),
)


def roofline(images: int) -> list[str]:
    """A row a stage of the network: products a byte from DRAM, and the share of the peak that these allow."""
    arch = accelsim.load_arch(SPIKEPACK)
    report = accelsim.simulate(arch, accelsim.load_trace(ROOT / CIFAR), images=images).report
    array = arch.settings.pe_array
    peak = array.rows * array.columns * arch.settings.tiles.count
    rate = float(arch.bytes_per_cycle or 0) * len(arch.controller_nodes)
    rows = [
        "stage | products, M | DRAM, kB | products a byte | DRAM allows | reached | cycles an image | bound by",
        "---|---|---|---|---|---|---|---",
    ]
    for name, layers in _stages(report["layers"]).items():
        macs = sum(layer["traffic"]["weight_read_bits"] for layer in layers) / 8
        moved = sum(layer["traffic"]["dram_read_bytes"] + layer["traffic"]["dram_write_bytes"] for layer in layers)
        start, end = min(layer["start_cycle"] for layer in layers), max(layer["end_cycle"] for layer in layers)
        cycles = (end - start) / images if images == 1 else sum(layer["cycles_per_image"] for layer in layers)
        reached = macs / (peak * images * cycles)
        bound = max(layers, key=lambda layer: layer["cycles"])["bound_by"]
        allowed = min(1.0, macs / moved * rate / peak) if moved else 1.0
        rows.append(
            f"{name} | {macs / images / 1e6:.1f} | {moved / images / 1e3:,.0f} | {macs / max(1, moved):,.1f} "
            f"| {allowed:.0%} | {reached:.0%} | {cycles:,.0f} | {bound}"
        )
    return [f"| {row} |" if not row.startswith("---") else f"|{row}|" for row in rows]


def _stages(layers: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Layers with weights by the part of their name before the first dot."""
    stages: dict[str, list[dict[str, Any]]] = {}
    for layer in layers:
        if layer["op"] in ("conv2d", "linear"):
            stages.setdefault(layer["name"].partition(".")[0], []).append(layer)
    return stages


def reruns() -> list[str]:
    """A row a case: what the run names, and the cycles that each resource saves when it is out of the way."""
    rows = [
        f"| network | images | chip | cycles | bound by | {' | '.join(RELIEFS)} |",
        f"|---|---|---|---|---|{'---|' * len(RELIEFS)}",
    ]
    for source, images, overrides in CASES:
        arch = accelsim.load_arch(SPIKEPACK, overrides)
        workload = accelsim.load_trace(ROOT / source)
        bound = accelsim.simulate(arch, workload, images=images).report["total"]["bound_by"]
        relief = relieve(arch, workload, images)
        saved = [f"{relief.saved(name) / relief.cycles:.0%}" for name in RELIEFS]
        chip = ", ".join(f"`{change}`" for change in overrides) or "as shipped"
        rows.append(
            f"| {workload.name} | {images} | {chip} | {relief.cycles:,} | {bound} | {' | '.join(saved)} |".replace(
                "-0%", "0%"
            )
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", metavar="DOCUMENT", type=Path, help="write the tables into this document")
    options = parser.parse_args()
    parts = [
        f"### One image: every weight comes from DRAM once\n\n{chr(10).join(roofline(1))}",
        f"### {BATCH} images: weights stay\n\n{chr(10).join(roofline(BATCH))}",
        f"### Cycles saved by a resource out of the way\n\n{chr(10).join(reruns())}",
    ]
    text = "\n\n".join(parts)
    if options.update:
        update(options.update, text)
    else:
        print(text)


if __name__ == "__main__":
    main()
