"""Print the table of workloads/NAME/README.md from accuracy.json: held-out accuracies with 95 % intervals."""

from __future__ import annotations

import argparse
import json
from math import sqrt
from pathlib import Path

Z = 1.959964
"""Two-sided 95 % quantile of the normal distribution."""

NAMES = {"ann": "ANN"} | {f"snn_t{timesteps}": f"SNN, T = {timesteps}" for timesteps in (1, 2, 4, 8)}


def wilson(hits: int, count: int) -> tuple[float, float]:
    """Wilson's score interval of a proportion."""
    centre = hits + Z * Z / 2
    half = Z * sqrt(hits * (count - hits) / count + Z * Z / 4)
    return (centre - half) / (count + Z * Z), (centre + half) / (count + Z * Z)


def paired(first: str, second: str) -> tuple[float, float, float]:
    """Difference of two proportions on the same cases ("1": a hit), with Bonett and Price's interval."""
    count = len(first)
    gained = sum(a > b for a, b in zip(first, second, strict=True))
    lost = sum(a < b for a, b in zip(first, second, strict=True))
    up, down = (gained + 1) / (count + 2), (lost + 1) / (count + 2)
    half = Z * sqrt((up + down - (up - down) ** 2) / (count + 2))
    return (gained - lost) / count, up - down - half, up - down + half


def table(outcome: dict[str, str]) -> str:
    """Markdown; `outcome` holds one character for each held-out digit, "1" where the answer was right."""
    lines = [
        "| network | right | accuracy | 95 % interval | ANN minus this | 95 % interval |",
        "|---|---|---|---|---|---|",
    ]
    for key, name in NAMES.items():
        hits, count = outcome[key].count("1"), len(outcome[key])
        low, high = wilson(hits, count)
        cells = [name, f"{hits} of {count}", f"{hits / count:.2%}", f"{low:.2%} to {high:.2%}", "", ""]
        if key != "ann":
            difference, low, high = (100 * value for value in paired(outcome["ann"], outcome[key]))
            cells[4:] = [f"{difference:+.2f} points", f"{low:+.2f} to {high:+.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network")
    home = Path(__file__).resolve().parents[1] / parser.parse_args().network
    print(table(json.loads((home / "accuracy.json").read_text())))
