"""Tables of docs/compare.md from the directories of comparisons.

    accelsim compare TRACE arch_configs/A.yaml arch_configs/B.yaml ... --out results/x
    python examples/comparison_tables.py results/x results/y                             # prints the tables
    python examples/comparison_tables.py results/x results/y --update docs/compare.md    # writes them into the document

For every input: all chips by time; how many layers each is fastest at, in time, a processing element and a square
millimetre; then the speedups that papers claim beside those found here.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from document import update

from accelsim.report.comparison_files import load_comparison
from accelsim.report.comparison_text import times

Chip = Mapping[str, Any]

WAITS = {
    "weights_missing": "weights",
    "spikes_missing": "spikes",
    "bank_conflict": "banks",
    "output_blocked": "output",
    "idle": "idle",
}

IDEAL = ("systolic_32x32",)
"""Chips whose memory and buffers take no time, so that they are first at nothing."""


@dataclass(frozen=True)
class Claim:
    """A published ratio of time and energy: `chip` against `baseline`. What a source leaves open is None."""

    chip: str
    baseline: str
    speedup: float | None
    efficiency: float | None
    source: str


CLAIMS = (
    Claim("prosperity", "ptb", 7.4, 8.0, "mean over its networks (Wei et al., HPCA 2025, arXiv 2503.03379)"),
    Claim("sato", "eyeriss", 30.9, 12.3, "against an 8-bit Eyeriss (Liu et al., DAC 2022)"),
    Claim("sato", "spinalflow", 6.4, 4.8, "Liu et al., DAC 2022"),
    Claim("spikepack", "spikepack_serial", 1.27, 1.28, "ResNet-34, packed against LIF on its FPGA (arXiv 2501.14484)"),
)


def chips_table(comparison: Mapping[str, Any]) -> str:
    """All chips, the fastest first."""
    header = (
        "chip | PEs | MHz | array cycles | cycles | time, us | energy, uJ | pJ a synop | DRAM, MB | mm2 | PE x ms "
        "| mm2 x ms | of its time computing; waits for"
    )
    rows = []
    for chip in sorted(comparison["chips"], key=lambda chip: chip["time_s"]):
        cells = [
            chip["name"], f"{chip['pes']:,}", f"{chip['clock_mhz']:g}", f"{chip['compute_cycles']:,}",
            f"{chip['cycles']:,}", f"{chip['time_s'] * 1e6:,.0f}", f"{chip['energy_j'] * 1e6:,.1f}",
            f"{chip['energy_per_synop_j'] * 1e12:.2f}", f"{chip['dram_bytes'] / 1e6:,.1f}", _area(chip),
            f"{chip['pes'] * chip['time_s'] * 1e3:,.0f}", _area_time(chip), _states(chip),
        ]  # fmt: skip
        rows.append(" | ".join(cells))
    return _markdown(header, rows)


def _area(chip: Chip) -> str:
    return "-" if chip["area_mm2"] is None else f"{chip['area_mm2']:.2f}"


def _area_time(chip: Chip) -> str:
    return "-" if chip["area_mm2"] is None else f"{chip['area_mm2'] * chip['time_s'] * 1e3:,.2f}"


def _states(chip: Chip) -> str:
    """The share of computing, and the two largest waits of at least one per cent."""
    spent = chip["state_cycles"]
    whole = max(1, sum(spent.values()))
    waits = sorted(((spent[state] / whole, name) for state, name in WAITS.items()), reverse=True)[:2]
    return f"{spent['computing'] / whole:.0%}; " + ", ".join(
        f"{name} {share:.0%}" for share, name in waits if share >= 0.01
    )


def wins_table(comparison: Mapping[str, Any]) -> str:
    """Layers with weights at which each chip is first: in time, in energy, in PE x time, in area x time."""
    chips = [chip for chip in comparison["chips"] if chip["name"] not in IDEAL]
    measures: dict[str, Callable[[Chip, int], float]] = {
        "time": lambda chip, layer: chip["layers"][layer]["time_s"],
        "energy": lambda chip, layer: chip["layers"][layer]["energy_j"],
        "PE x time": lambda chip, layer: chip["pes"] * chip["layers"][layer]["time_s"],
        "area x time": lambda chip, layer: (chip["area_mm2"] or float("inf")) * chip["layers"][layer]["time_s"],
    }
    layers = [index for index, layer in enumerate(chips[0]["layers"]) if layer["synops"]]
    won: dict[str, dict[str, list[str]]] = {}
    for name, measure in measures.items():
        for layer in layers:
            amounts = [measure(chip, layer) for chip in chips]
            best = chips[amounts.index(min(amounts))]
            won.setdefault(best["name"], {}).setdefault(name, []).append(chips[0]["layers"][layer]["name"])
    rows = [
        f"{chip} | " + " | ".join(_listed(of.get(name, []), len(layers)) for name in measures)
        for chip, of in won.items()
    ]
    return _markdown("first at | " + " | ".join(measures), rows)


def _listed(names: Sequence[str], of: int) -> str:
    if not names:
        return ""
    if len(names) == of:
        return f"all {of}"
    return ", ".join(names) if len(names) <= 4 else f"{len(names)} of {of}: {names[0]} to {names[-1]}"


def claims_table(comparisons: Sequence[Mapping[str, Any]]) -> str:
    """Published ratios beside those of each input, in the cycles of the arrays, in time, and in energy."""
    header = "chip | against | claimed faster, less energy | source" + "".join(
        f" | {comparison['input']}: array cycles, time, energy" for comparison in comparisons
    )
    rows = []
    for claim in CLAIMS:
        found = [_found(claim, {chip["name"]: chip for chip in comparison["chips"]}) for comparison in comparisons]
        if any(found):
            said = f"{_times(claim.speedup)}, {_times(claim.efficiency)}"
            rows.append(" | ".join([claim.chip, claim.baseline, said, claim.source, *(text or "-" for text in found)]))
    return _markdown(header, rows)


def _times(ratio: float | None) -> str:
    return "-" if ratio is None else times(ratio)


def _found(claim: Claim, chips: Mapping[str, Chip]) -> str:
    if not {claim.chip, claim.baseline} <= chips.keys():
        return ""
    ours, theirs = chips[claim.chip], chips[claim.baseline]
    return ", ".join(times(theirs[key] / ours[key]) for key in ("compute_cycles", "time_s", "energy_j"))


def _markdown(header: str, rows: Sequence[str]) -> str:
    rule = "|" + "---|" * (header.count("|") + 1)
    return "\n".join([f"| {header} |", rule, *(f"| {row} |" for row in rows)])


def render(comparisons: Sequence[Mapping[str, Any]]) -> str:
    """All tables in markdown."""
    parts = []
    for comparison in comparisons:
        title = f"**{comparison['input']}**, {comparison['synops'] / 1e6:,.1f} M synaptic operations"
        parts += [title, chips_table(comparison), wins_table(comparison)]
    return "\n\n".join([*parts, "**What papers claim**", claims_table(comparisons)])


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directories", nargs="+", metavar="DIR", help="where `accelsim compare` left its results")
    parser.add_argument("--update", type=Path, metavar="DOCUMENT", help="write the tables between a document's markers")
    arguments = parser.parse_args(argv)
    text = render([load_comparison(directory) for directory in arguments.directories])
    print(text)
    if arguments.update:
        update(arguments.update, text)


if __name__ == "__main__":
    main()
