"""The table of a network on scenes: its measure with a bootstrap interval over scenes, beside the trained network's."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from accuracy import NAMES
from metrics import bootstrap, percentile_interval
from numpy.typing import NDArray

Measure = Callable[[NDArray[np.int64]], float]
"""A network's result on the scenes of these indices, between 0 and 1."""


def table(what: str, networks: Mapping[str, Measure], scenes: int) -> str:
    """Markdown, one row a network; `networks` by the keys of `NAMES`, "ann" among them; `what` names the measure."""
    drawn = bootstrap(lambda cases: [measure(cases) for measure in networks.values()], scenes)
    values = dict(zip(networks, drawn.T, strict=True))
    whole = {name: measure(np.arange(scenes)) for name, measure in networks.items()}
    lines = [
        f"| network | {what} | 95 % interval | ANN minus this | 95 % interval |",
        "|---|---|---|---|---|",
    ]
    for key, name in NAMES.items():
        if key not in networks:
            continue
        low, high = percentile_interval(values[key])
        cells = [name, f"{whole[key]:.2%}", f"{low:.2%} to {high:.2%}", "", ""]
        if key != "ann":
            low, high = percentile_interval(100 * (values["ann"] - values[key]))
            cells[3:] = [f"{100 * (whole['ann'] - whole[key]):+.2f} points", f"{low:+.2f} to {high:+.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
