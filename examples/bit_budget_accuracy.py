"""Accuracy, work, cycles and energy of small networks of equal Bit Budget, on still and on moving digits.

    python examples/bit_budget_accuracy.py                              # prints the tables, some seconds
    python examples/bit_budget_accuracy.py --update docs/bit_budget.md  # writes them and the figure into the document

The networks were trained by workloads/training/equal_budgets.py; accuracy.json and words.npz of workloads/bit_budget/
hold what they answered and what flowed through them. Work is counted in those words, and chips are simulated with them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from document import table, update
from numpy.typing import NDArray

import accelsim
from accelsim.workload.statistics import network_statistics
from accelsim.workload.trace import Trace, trace_of

sys.path.append(str(Path(__file__).resolve().parents[1] / "workloads" / "training"))
from metrics import paired, wilson

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / "workloads" / "bit_budget"
FIGURE = ROOT / "docs" / "images" / "bit_budget.svg"
MARKER = "accuracy"

TASKS = {"still": "Still digits", "events": "Moving digits as events"}
CHIPS = {
    "serial": ("spikepack_serial", ()),
    "steps": ("systolic_32x32", ("pe_array.spike_mode=time_serial", "pe_array.lane_bits=4")),
    "packed": ("spikepack", ()),
}


@dataclass(frozen=True)
class Division:
    """A Bit Budget divided, for one task: how its networks were trained."""

    task: str
    weight_bits: int
    spike_bits: int
    timesteps: int

    @classmethod
    def named(cls, name: str) -> Division:
        """As in accuracy.json: task/weight bits/spike bits/time steps."""
        task, *numbers = name.split("/")
        return cls(task, *map(int, numbers))

    @property
    def title(self) -> str:
        return f"{self.weight_bits}/{self.spike_bits}/{self.timesteps}"

    @property
    def name(self) -> str:
        return f"{self.task}/{self.title}"

    @property
    def budget(self) -> int:
        return self.weight_bits * self.spike_bits * self.timesteps


@dataclass(frozen=True)
class Outcome:
    """What is known of the networks of a division; work, cycles and energy are those of a digit."""

    division: Division
    right: str
    dense_macs: float
    s_ace: float
    ns_ace: float
    synops: float
    bit_share: float
    cycles: Mapping[str, float]
    energy_uj: Mapping[str, float]

    @property
    def accuracy(self) -> float:
        return self.right.count("1") / len(self.right)


def recorded(division: Division, words: Mapping[str, NDArray[Any]]) -> Trace:
    """The network with the words that its layers consumed; nobody recorded weights, for they change no count here."""
    arrays = {f"in/{layer}": words[f"{division.name}/{layer}"] for layer in ("conv1", "conv2", "conv3", "fc")}
    bits = division.spike_bits * division.timesteps
    common = {
        "weight_bits": division.weight_bits,
        "timesteps": division.timesteps,
        "bits_per_step": division.spike_bits,
        "word_bits": bits,
        "out_word_bits": bits,
    }
    window = {"op": "conv2d", "kernel": 3, "padding": 1}
    channels = arrays["in/conv1"].shape[1]
    first = {"kind": "integers", "timesteps": 1, "bits_per_step": 8, "word_bits": 8} if division.task == "still" else {}
    layers = [
        {"name": "conv1", "inputs": [], "in_shape": [channels, 16, 16], "out_shape": [16, 8, 8], "stride": 2} | window,
        {"name": "conv2", "inputs": ["conv1"], "in_shape": [16, 8, 8], "out_shape": [32, 4, 4], "stride": 2} | window,
        {"name": "conv3", "inputs": ["conv2"], "in_shape": [32, 4, 4], "out_shape": [32, 4, 4]} | window,
        {"name": "fc", "op": "linear", "inputs": ["conv3"], "in_shape": [512], "out_shape": [10], "fires": False},
    ]
    layers = [common | layer for layer in layers]
    layers[0] |= first
    del layers[-1]["out_word_bits"]
    arrays["in/fc"] = arrays["in/fc"].reshape(len(arrays["in/fc"]), -1)
    meta = {
        "format": "accelsim-trace",
        "version": 1,
        "network": division.name.replace("/", "_"),
        "dataset": "scikit-learn digits",
        "images": len(arrays["in/conv1"]),
        "timesteps": division.timesteps,
        "encoding": {"form": "serial"},
        "layers": layers,
    }
    return trace_of(meta, arrays)


def outcome(division: Division, right: str, words: Mapping[str, NDArray[Any]], chips: Sequence[str]) -> Outcome:
    """Work of the recorded digits, and their time and energy on the chips named, a digit after the other."""
    trace = recorded(division, words)
    digits = trace.images
    counts = network_statistics(trace, digits)
    fired = counts[1:]  # what neurons made: all but the network's input
    cycles, energy = {}, {}
    for chip in chips:
        preset, overrides = CHIPS[chip]
        arch = accelsim.load_arch(ROOT / "arch_configs" / f"{preset}.yaml", overrides)
        total = accelsim.simulate(arch, trace, images=digits).report["total"]
        cycles[chip], energy[chip] = total["cycles"] / digits, total["energy_j"] * 1e6 / digits
    return Outcome(
        division,
        right,
        dense_macs=sum(count.dense_macs for count in counts) / digits,
        s_ace=sum(count.s_ace for count in counts) / digits,
        ns_ace=sum(count.ns_ace for count in counts) / digits,
        synops=sum(count.synops for count in counts) / digits,
        bit_share=sum(count.ones for count in fired) / sum(count.bits for count in fired),
        cycles=cycles,
        energy_uj=energy,
    )


def outcomes(chips: Sequence[str] = tuple(CHIPS), names: Sequence[str] = ()) -> list[Outcome]:
    """Of the networks named, as in accuracy.json; of all where none are."""
    answers = json.loads((HOME / "accuracy.json").read_text(encoding="utf-8"))
    with np.load(HOME / "words.npz", allow_pickle=False) as words:
        return [outcome(Division.named(name), answers[name], words, chips) for name in names or answers]


def render(found: Sequence[Outcome]) -> str:
    """A table for each task in markdown, budgets apart; differences are to the first division of the budget."""
    head = [
        "b_w/b_s/T",
        "accuracy",
        "95 % interval",
        "difference, points",
        "bits set",
        "S-ACE, M",
        "NS-ACE, M",
        "SynOps, k",
        *(f"{chip}: cycles" for chip in CHIPS),
        *(f"{chip}: uJ" for chip in CHIPS),
    ]
    parts = []
    for task, budget in groups(found):
        rows = [row for row in found if (row.division.task, row.division.budget) == (task, budget)]
        parts.append(f"**{TASKS[task]}, BB = {budget}**\n\n" + table(head, [cells(row, rows[0]) for row in rows]))
    return "\n\n".join(parts)


def groups(found: Sequence[Outcome]) -> list[tuple[str, int]]:
    """Tasks and budgets that are there, in the order of the document."""
    present = {(row.division.task, row.division.budget) for row in found}
    return sorted(present, key=lambda group: (list(TASKS).index(group[0]), group[1]))


def cells(row: Outcome, first: Outcome) -> list[str]:
    low, high = wilson(row.right.count("1"), len(row.right))
    difference = ""
    if row is not first:
        middle, below, above = (100 * value for value in paired(row.right, first.right))
        difference = f"{middle:+.1f} ({below:+.1f} to {above:+.1f})"
    return [
        row.division.title,
        f"{row.accuracy:.1%}",
        f"{low:.1%} to {high:.1%}",
        difference,
        f"{row.bit_share:.1%}",
        f"{row.s_ace / 1e6:.2f}",
        f"{row.ns_ace / 1e6:.2f}",
        f"{row.synops / 1e3:.0f}",
        *(f"{cycles:,.0f}" for cycles in row.cycles.values()),
        *(f"{energy:.2f}" for energy in row.energy_uj.values()),
    ]


def draw(found: Sequence[Outcome], path: Path) -> None:
    """Accuracy with its interval against T, a line for each budget and width of weights."""
    import matplotlib
    from matplotlib.figure import Figure

    from accelsim.report.plot.style import LINE_COLOURS, soften

    figure = Figure(figsize=(8.6, 3.4), layout="constrained")
    for axes, (task, title) in zip(figure.subplots(1, len(TASKS)), TASKS.items(), strict=True):
        rows = [row for row in found if row.division.task == task]
        lines = sorted(
            {(row.division.budget, row.division.weight_bits) for row in rows}, key=lambda key: (key[0], -key[1])
        )
        for colour, (budget, bits) in zip(LINE_COLOURS, lines, strict=False):
            line = [row for row in rows if (row.division.budget, row.division.weight_bits) == (budget, bits)]
            line.sort(key=lambda row: row.division.timesteps)
            middle = np.array([100 * row.accuracy for row in line])
            ends = 100 * np.array([wilson(row.right.count("1"), len(row.right)) for row in line])
            label = f"BB {budget}, {bits}-bit weights"
            spread = np.abs(ends.T - middle)
            steps = [row.division.timesteps for row in line]
            axes.errorbar(steps, middle, spread, fmt="o-", color=colour, label=label, markersize=4, capsize=2)
        axes.set_xscale("log", base=2)
        axes.set_xticks([1, 2, 4, 8, 16], ["1", "2", "4", "8", "16"])
        axes.set_xlabel("time steps T; spike bits = BB / (weight bits x T)")
        axes.set_ylabel("right, % of 1797 held-out digits")
        axes.set_title(title, fontsize=10)
        axes.legend(fontsize=8, frameon=False)
        soften(axes)
    path.parent.mkdir(exist_ok=True)
    with matplotlib.rc_context({"svg.hashsalt": "bit budget"}):
        figure.savefig(path, metadata={"Date": None})


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--update", type=Path, metavar="DOCUMENT", help="write the tables and the figure of a document")
    arguments = parser.parse_args(argv)
    found = outcomes()
    text = render(found)
    print(text)
    if arguments.update:
        update(arguments.update, text, MARKER)
        draw(found, FIGURE)


if __name__ == "__main__":
    main()
