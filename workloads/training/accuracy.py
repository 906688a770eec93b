"""Print the table of workloads/NAME/README.md from accuracy.json: held-out accuracies with 95 % intervals."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from metrics import paired, wilson

NAMES = {"ann": "ANN"} | {f"snn_t{timesteps}": f"SNN, T = {timesteps}" for timesteps in (1, 2, 4, 8)}


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
