"""Print the README's table of the networks that ship, from the accuracy.json of each.

python workloads/training/summary.py
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from forms import FORMS, TIMESTEPS

WORKLOADS = Path(__file__).resolve().parents[1]
NETWORKS = {
    "resnet18_digits": "ResNet-18",
    "vgg_digits": "VGG",
    "detector_scenes": "detector",
    "unet_scenes": "U-Net",
}
RATE_STEPS = TIMESTEPS[-2:]
"""The steps at which rate-coded conversions are shown: the most there are."""


def values(outcome: Mapping[str, Any]) -> dict[str, float]:
    """By form, the share of right answers or the measure of scenes."""
    if "measure" in outcome:
        return {key: found["value"] for key, found in outcome["networks"].items()}
    return {key: hits.count("1") / len(hits) for key, hits in outcome.items()}


def table() -> str:
    """Markdown: a row a network, what its values measure on which held-out data, and the value of every form."""
    rates = [(form, steps) for form in FORMS if form != "snn" for steps in RATE_STEPS]
    head = ["network", "measure", "held out", "ANN"]
    head += [f"T = {timesteps}" for timesteps in TIMESTEPS]
    head += [f"{FORMS[form]}, T = {steps}" for form, steps in rates]
    keys = ["ann", *(f"snn_t{steps}" for steps in TIMESTEPS), *(f"{form}_t{steps}" for form, steps in rates)]
    lines = [head, ["---"] * len(head)]
    for name, title in NETWORKS.items():
        outcome = json.loads((WORKLOADS / name / "accuracy.json").read_text(encoding="utf-8"))
        found = values(outcome)
        judged = f"{outcome['scenes']} scenes, {outcome['digits']:,} digits" if "measure" in outcome else ""
        judged = judged or f"{len(outcome['ann']):,} digits"
        link = f"[{title}](workloads/{name}/README.md)"
        lines.append([link, outcome.get("measure", "accuracy"), judged, *(f"{found[key]:.2%}" for key in keys)])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    print(table())
