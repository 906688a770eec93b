"""Networks trained with packed neurons beside an ANN and unrolled LIF neurons: accuracy, time and memory against T.

python examples/direct_training.py                                    # prints the tables
python examples/direct_training.py --update docs/direct_training.md   # writes them into the document

The networks were trained and measured by workloads/training/direct.py; accuracy.json and cost.json of
workloads/direct_training/ hold what it found.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from document import command, table

sys.path.append(str(Path(__file__).resolve().parents[1] / "workloads" / "training"))
import accuracy

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / "workloads" / "direct_training"

NEURONS = {"ann": "ANN", "packed": "packed", "lif": "LIF"}


def name(kind: str) -> str:
    """What a row is called: "packed, T = 4"."""
    neuron, _, timesteps = kind.partition("_t")
    return NEURONS[neuron] + (f", T = {timesteps}" if timesteps else "")


def accuracy_table(outcome: Mapping[str, str]) -> str:
    """`outcome`: for each network a "1" or "0" for each held-out digit, as it was answered."""
    return accuracy.table(outcome, {kind: name(kind) for kind in outcome})


def cost_table(kinds: Mapping[str, Mapping[str, float]]) -> str:
    """`kinds`: what `measure` of workloads/training/direct.py returned for each network."""
    head = ["network", "training, s an epoch", "kept for backward, MB", "peak memory, MB", "inference, us an image"]
    rows = [
        [
            name(kind),
            f"{cost['epoch_s']:.2f}",
            f"{cost['saved_bytes'] / 1e6:.1f}",
            f"{cost['peak_bytes'] / 1e6:.0f}",
            f"{cost['image_s'] * 1e6:.0f}",
        ]
        for kind, cost in kinds.items()
    ]
    return table(head, rows)


def tables(outcome: Mapping[str, str], cost: Mapping[str, Mapping[str, Any]]) -> str:
    """All tables in markdown."""
    count = len(outcome["ann"])
    blocks = {f"Accuracy on {count:,} held-out digits": accuracy_table(outcome)}
    for of_device in cost.values():
        title = "Cost on {device}, batches of {batch}, torch {torch}, {date}".format(**of_device)
        blocks[title] = cost_table(of_device["kinds"])
    return "\n\n".join(f"**{title}**\n\n{block}" for title, block in blocks.items())


def main(argv: Sequence[str] | None = None) -> None:
    found = (json.loads((HOME / file).read_text()) for file in ("accuracy.json", "cost.json"))
    command(__doc__, lambda: tables(*found), argv)


if __name__ == "__main__":
    main()
