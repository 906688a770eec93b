"""Print the table of workloads/NAME/README.md from accuracy.json: how good networks are on data not seen in training.

accuracy.json of a classifier holds for each network one character for each held-out digit, "1" where the answer was
right. That of a network for scenes holds the `measure`, the numbers of `scenes` and `digits`, and the `networks`, each
as `judge` describes it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from forms import NAMES
from metrics import bootstrap, paired, percentile_interval, wilson
from numpy.typing import NDArray

Measure = Callable[[NDArray[np.int64]], float]


def judge(measures: Mapping[str, Measure], count: int) -> dict[str, dict[str, Any]]:
    """For each network its `value` over all `count` scenes, the bootstrap `interval`, what it loses to the ANN
    (`loss`), and the paired `loss_interval`. `measures`: functions of the scenes' indices by the keys of `NAMES`.
    """
    drawn = bootstrap(lambda cases: [measure(cases) for measure in measures.values()], count)
    draws = dict(zip(measures, drawn.T, strict=True))
    values = {key: measure(np.arange(count)) for key, measure in measures.items()}
    judged: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        judged[key] = {"value": value, "interval": percentile_interval(draws[key])}
        if key != "ann":
            judged[key] |= {
                "loss": values["ann"] - value,
                "loss_interval": percentile_interval(draws["ann"] - draws[key]),
            }
    return judged


def table(outcome: Mapping[str, Any], names: Mapping[str, str] = NAMES) -> str:
    """Markdown of the contents of an accuracy.json; `names`: its keys, "ann" among them, and what rows are called."""
    if "measure" in outcome:
        head, rows = [outcome["measure"]], _scene_rows(outcome["networks"], names)
    else:
        head, rows = ["right", "accuracy"], _digit_rows(outcome, names)
    head = ["network", *head, "95 % interval", "ANN minus this", "95 % interval"]
    lines = [f"| {' | '.join(cells)} |" for cells in (head, *rows)]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])


def _digit_rows(outcome: Mapping[str, str], names: Mapping[str, str]) -> list[list[str]]:
    rows = []
    for key, name in names.items():
        hits, count = outcome[key].count("1"), len(outcome[key])
        loss = None if key == "ann" else paired(outcome["ann"], outcome[key])
        rows.append([name, f"{hits} of {count}", *_cells(hits / count, wilson(hits, count), loss)])
    return rows


def _scene_rows(networks: Mapping[str, Mapping[str, Any]], names: Mapping[str, str]) -> list[list[str]]:
    rows = []
    for key, name in names.items():
        found = networks[key]
        loss = None if key == "ann" else (found["loss"], *found["loss_interval"])
        rows.append([name, *_cells(found["value"], found["interval"], loss)])
    return rows


def _cells(value: float, interval: tuple[float, float], loss: tuple[float, float, float] | None) -> list[str]:
    cells = [f"{value:.2%}", "{:.2%} to {:.2%}".format(*interval), "", ""]
    if loss is not None:
        cells[2:] = [f"{100 * loss[0]:+.2f} points", "{:+.2f} to {:+.2f}".format(*(100 * x for x in loss[1:]))]
    return cells


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network")
    home = Path(__file__).resolve().parents[1] / parser.parse_args().network
    print(table(json.loads((home / "accuracy.json").read_text())))
