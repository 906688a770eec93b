"""Networks trained with packed neurons beside an ANN and unrolled LIF neurons: accuracy, time and memory against T.

python examples/direct_training.py                                    # prints the tables
python examples/direct_training.py --update docs/direct_training.md   # writes them into the document

The networks were trained and measured by workloads/training/direct.py; accuracy.json and cost.json of
workloads/direct_training/ hold what it found.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from document import update

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / "workloads" / "direct_training"

sys.path.append(str(ROOT / "workloads" / "training"))
from metrics import paired, wilson  # noqa: E402

NEURONS = {"ann": "ANN", "packed": "packed", "lif": "LIF"}


def name(kind: str) -> str:
    """What a row is called: "packed, T = 4"."""
    neuron, _, timesteps = kind.partition("_t")
    return NEURONS[neuron] + (f", T = {timesteps}" if timesteps else "")


def accuracy_table(outcome: Mapping[str, str]) -> list[str]:
    """`outcome`: for each network a "1" or "0" for each held-out digit, as it was answered."""
    lines = [
        "| network | right | accuracy | 95 % interval | ANN minus this | 95 % interval |",
        "|---|---|---|---|---|---|",
    ]
    for kind, hits in outcome.items():
        right, count = hits.count("1"), len(hits)
        cells = [name(kind), f"{right} of {count}", f"{right / count:.2%}"]
        cells += ["{:.2%} to {:.2%}".format(*wilson(right, count)), "", ""]
        if kind != "ann":
            loss, low, high = (100 * points for points in paired(outcome["ann"], hits))
            cells[4:] = [f"{loss:+.2f} points", f"{low:+.2f} to {high:+.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def cost_table(kinds: Mapping[str, Mapping[str, float]]) -> list[str]:
    """`kinds`: what `measure` of workloads/training/direct.py returned for each network."""
    lines = [
        "| network | training, s an epoch | kept for backward, MB | peak memory, MB | inference, us an image |",
        "|---|---|---|---|---|",
    ]
    for kind, cost in kinds.items():
        numbers = (
            f"{cost['epoch_s']:.2f}",
            f"{cost['saved_bytes'] / 1e6:.1f}",
            f"{cost['peak_bytes'] / 1e6:.0f}",
            f"{cost['image_s'] * 1e6:.0f}",
        )
        lines.append(f"| {name(kind)} | {' | '.join(numbers)} |")
    return lines


def tables(outcome: Mapping[str, str], cost: Mapping[str, Mapping[str, Any]]) -> str:
    """All tables in markdown."""
    count = len(outcome["ann"])
    blocks = {f"Accuracy on {count:,} held-out digits": accuracy_table(outcome)}
    for of_device in cost.values():
        title = "Cost on {device}, batches of {batch}, torch {torch}, {date}".format(**of_device)
        blocks[title] = cost_table(of_device["kinds"])
    return "\n\n".join(f"**{title}**\n\n" + "\n".join(lines) for title, lines in blocks.items())


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--update", type=Path, metavar="DOCUMENT", help="write the tables between a document's markers")
    arguments = parser.parse_args(argv)
    text = tables(*(json.loads((HOME / file).read_text()) for file in ("accuracy.json", "cost.json")))
    print(text)
    if arguments.update:
        update(arguments.update, text)


if __name__ == "__main__":
    main()
