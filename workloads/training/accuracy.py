"""Print the table of workloads/NAME/README.md from accuracy.json: how good networks are on data not seen in training.

accuracy.json of a classifier holds for each network one character for each held-out digit, "1" where the answer was
right; that of a network for scenes is described in scene_accuracy.py.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import scene_accuracy
from forms import NAMES
from metrics import paired, wilson


def table(outcome: Mapping[str, Any]) -> str:
    """Markdown of the contents of an accuracy.json."""
    if "measure" in outcome:
        return scene_accuracy.table(outcome)
    lines = [
        "| network | right | accuracy | 95 % interval | ANN minus this | 95 % interval |",
        "|---|---|---|---|---|---|",
    ]
    for key, name in NAMES.items():
        if key not in outcome:
            continue
        hits, count = outcome[key].count("1"), len(outcome[key])
        low, high = wilson(hits, count)
        cells = [name, f"{hits} of {count}", f"{hits / count:.2%}", f"{low:.2%} to {high:.2%}", "", ""]
        if key != "ann":
            difference, low, high = (100 * value for value in paired(outcome["ann"], outcome[key]))
            cells[4:] = [f"{difference:+.2f} points", f"{low:+.2f} to {high:+.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network")
    home = Path(__file__).resolve().parents[1] / parser.parse_args().network
    print(table(json.loads((home / "accuracy.json").read_text())))
