"""How good networks are on scenes: a measure with a bootstrap interval over scenes, beside the trained network's.

accuracy.json of such a network holds what is measured (`measure`), the numbers of `scenes` and `digits`, and for each
of the `networks` its `value`, the `interval`, what it loses to the ANN (`loss`) and the paired `loss_interval`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from forms import NAMES
from metrics import bootstrap, percentile_interval
from numpy.typing import NDArray

Measure = Callable[[NDArray[np.int64]], float]
"""A network's result on the scenes of these indices, between 0 and 1."""


def judge(what: str, networks: Mapping[str, Measure], scenes: int, digits: int) -> dict[str, Any]:
    """The contents of accuracy.json; `networks` by the keys of `forms.NAMES`, "ann" among them."""
    drawn = bootstrap(lambda cases: [measure(cases) for measure in networks.values()], scenes)
    values = dict(zip(networks, drawn.T, strict=True))
    whole = {key: measure(np.arange(scenes)) for key, measure in networks.items()}
    judged: dict[str, dict[str, Any]] = {}
    for key, value in whole.items():
        judged[key] = {"value": value, "interval": percentile_interval(values[key])}
        if key != "ann":
            lost = percentile_interval(values["ann"] - values[key])
            judged[key] |= {"loss": whole["ann"] - value, "loss_interval": lost}
    return {"measure": what, "scenes": scenes, "digits": digits, "networks": judged}


def table(outcome: Mapping[str, Any]) -> str:
    """Markdown, one row a network, in the order of `forms.NAMES`."""
    lines = [
        f"| network | {outcome['measure']} | 95 % interval | ANN minus this | 95 % interval |",
        "|---|---|---|---|---|",
    ]
    for key, name in NAMES.items():
        if key not in outcome["networks"]:
            continue
        found = outcome["networks"][key]
        cells = [name, f"{found['value']:.2%}", "{:.2%} to {:.2%}".format(*found["interval"]), "", ""]
        if key != "ann":
            low, high = (100 * bound for bound in found["loss_interval"])
            cells[3:] = [f"{100 * found['loss']:+.2f} points", f"{low:+.2f} to {high:+.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
