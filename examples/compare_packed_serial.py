"""Packed spikes against a serial spiking machine and a dense ANN array, at equal PEs, area and SRAM bandwidth.

    python examples/compare_packed_serial.py                                     # prints the tables, about a minute
    python examples/compare_packed_serial.py --update docs/packed_vs_serial.md   # writes them into the document

All machines run the same words to the same results; docs/packed_vs_serial.md says why they differ.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from document import update

import accelsim

ROOT = Path(__file__).resolve().parents[1]
PRESETS = {"packed": "spikepack", "serial": "spikepack_serial", "lanes": "spikepack_serial", "dense": "dense_ann"}

LANES = ("pe_array.spike_mode=packed", "neuron_unit.decoding=packed")
"""Serial lanes whose sums stay in the array while all planes of a pixel pass: what serial costs without membranes."""

SIZED = ("weight_buffer.bytes=128 KiB",)
"""All machines have weight buffers that just hold the network of the trace."""

SAME_SPIKE_BUFFER = ("spike_buffer.bytes=64 KiB",)
ARRAYS_ALONE = ("dram=ideal", "noc.flit_bits=2048")

WIDE_LINES = ("pe_array.line_words=256", "pe_array.fifo_words=512")
SRAM_BITS = {"serial": WIDE_LINES, "lanes": WIDE_LINES, "dense": ("pe_array.line_words=32",)}
"""Lines of 256 bits, as the packed machine reads them: 256 planes of a word, or 32 words of 8 bits."""
ROWS, COLUMNS = (12, 16, 24, 32), (16, 32)
AREA_TOLERANCE = 0.02

BUFFERS_AND_ARRAY = ("pe_array", "spike_buffer", "weight_buffer", "accumulator_buffer", "neuron_unit", "fifo")
HEADER = (
    "machine | array | mm2 | cycles | energy, uJ | arrays and buffers, uJ | weight buffer, Mbit | spike buffer, Mbit "
    "| accumulators, Mbit | flit-hops, k | DRAM, kB"
)


@dataclass(frozen=True)
class Row:
    """One machine in one budget; all but the area are means over the images."""

    machine: str
    array: str
    area_mm2: float
    cycles: float
    energy_uj: float
    tile_energy_uj: float
    weight_mbit: float
    spike_mbit: float
    accumulator_mbit: float
    flit_hops_k: float
    dram_kb: float
    report: dict[str, Any]

    def markdown(self) -> str:
        cells = [
            self.machine, self.array, f"{self.area_mm2:.2f}", f"{self.cycles:,.0f}", f"{self.energy_uj:.1f}",
            f"{self.tile_energy_uj:.2f}", f"{self.weight_mbit:.1f}", f"{self.spike_mbit:.1f}",
            f"{self.accumulator_mbit:.1f}", f"{self.flit_hops_k:.0f}", f"{self.dram_kb:.0f}",
        ]  # fmt: skip
        return "| " + " | ".join(cells) + " |"


def measure(
    machine: str, overrides: Sequence[str], trace: Any, images: int, layers: Sequence[str] | None = None
) -> Row:
    """Run one machine."""
    arch = accelsim.load_arch(ROOT / "arch_configs" / f"{PRESETS[machine]}.yaml", [*SIZED, *overrides])
    report = accelsim.simulate(arch, trace, images=images, layers=layers).report
    traffic = {key: sum(layer["traffic"][key] for layer in report["layers"]) for key in report["layers"][0]["traffic"]}
    spent = report["energy_j"]["by_component"]
    array = arch.settings.pe_array
    return Row(
        machine=machine,
        array=f"{array.rows} x {array.columns}",
        area_mm2=sum(report["area_mm2"].values()),
        cycles=report["total"]["cycles"] / images,
        energy_uj=report["total"]["energy_j"] * 1e6 / images,
        tile_energy_uj=sum(spent[name] for name in BUFFERS_AND_ARRAY) * 1e6 / images,
        weight_mbit=traffic["weight_read_bits"] / 1e6 / images,
        spike_mbit=traffic["spike_read_bits"] / 1e6 / images,
        accumulator_mbit=traffic["accumulator_bits"] / 1e6 / images,
        flit_hops_k=report["noc"]["flit_hops"] / 1e3 / images,
        dram_kb=(report["dram"]["read_bytes"] + report["dram"]["write_bytes"]) / 1e3 / images,
        report=report,
    )


def base(machine: str) -> tuple[str, ...]:
    """What makes a machine of its preset."""
    return {"lanes": LANES, "dense": SAME_SPIKE_BUFFER}.get(machine, ())


def at_area(machine: str, area_mm2: float, trace: Any, images: int, layers: Sequence[str] | None) -> tuple[str, ...]:
    """Overrides for the fastest array whose chip takes no more than this area; the smallest if none is that small.

    Rows and weight banks scale together, as an array is fed one row of weights a bank and cycle; so do columns and
    the lanes of the neuron unit.
    """
    found: list[tuple[bool, float, tuple[str, ...]]] = []
    for rows in ROWS:
        for columns in COLUMNS:
            size: tuple[str, ...] = (
                f"pe_array.rows={rows}", f"pe_array.columns={columns}", f"weight_buffer.banks={rows}",
                f"neuron_unit.lanes={columns}",
            )  # fmt: skip
            if machine == "dense":
                size += (f"pe_array.line_words={rows}", f"pe_array.fifo_words={2 * rows}")
            row = measure(machine, base(machine) + size, trace, images, layers)
            fits = row.area_mm2 <= area_mm2 * (1 + AREA_TOLERANCE)
            found.append((not fits, row.cycles if fits else row.area_mm2, size))
    return min(found)[2]


def tables(trace: Any, images: int, layers: Sequence[str] | None = None) -> dict[str, list[Row]]:
    """All budgets: title -> rows."""
    area = measure("packed", (), trace, 1, layers).area_mm2
    result = {}
    for count in dict.fromkeys((1, images)):
        equal_area = {name: at_area(name, area, trace, count, layers) for name in ("serial", "lanes", "dense")}
        of = "one image" if count == 1 else f"an image, of {count} in a row"

        def rows(overrides: Mapping[str, Sequence[str]], common: Sequence[str] = (), count: int = count) -> list[Row]:
            return [
                measure(name, (*base(name), *overrides.get(name, ()), *common), trace, count, layers)
                for name in PRESETS
            ]

        result[f"Equal PEs, {of}"] = rows({})
        result[f"Equal area, {of}"] = rows(equal_area)
        result[f"Equal SRAM bandwidth, {of}"] = rows(SRAM_BITS)
        result[f"Equal PEs, memory and network out of the way, {of}"] = rows({}, ARRAYS_ALONE)
    return result


def render(result: dict[str, list[Row]]) -> str:
    """The tables in markdown."""
    columns = HEADER.count("|") + 1
    head = f"| {HEADER} |\n|" + "---|" * columns
    return "\n\n".join(
        f"**{title}**\n\n{head}\n" + "\n".join(row.markdown() for row in rows) for title, rows in result.items()
    )


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--input", default=ROOT / "traces" / "resnet18_digits.npz", help="trace or workload")
    parser.add_argument("--images", type=int, default=8, help="length of the batch")
    parser.add_argument("--layers", type=lambda text: text.split(","), help="only these layers, separated by commas")
    parser.add_argument("--update", type=Path, metavar="DOCUMENT", help="write the tables between a document's markers")
    arguments = parser.parse_args(argv)
    text = render(tables(accelsim.load_trace(arguments.input), arguments.images, arguments.layers))
    print(text)
    if arguments.update:
        update(arguments.update, text)


if __name__ == "__main__":
    main()
