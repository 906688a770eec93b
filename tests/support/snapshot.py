"""Everything that a run leaves behind, in a form that can be compared."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

from accelsim.kernels import state as k
from accelsim.simulation.report import make_report
from accelsim.simulation.run import Run


def snapshot(run: Run) -> dict[str, Any]:
    """The fabric's whole state, when images were finished, and the report, less what says how the run was made."""
    fabric = run.fabric
    scalars = fabric.clock.scalars.copy()
    scalars[[k.NOW, k.TILE_CYCLES]] = 0
    found: dict[str, Any] = {"clock": scalars.tolist(), "left": fabric.clock.left.tolist()}
    for part in (fabric.network, fabric.tiles, fabric.memory, fabric.memory.dram):
        for name, array in part._asdict().items():
            if array is fabric.memory.dram:
                continue
            words = np.ascontiguousarray(array)
            found[f"{type(part).__name__}.{name}"] = (words.shape, hashlib.sha256(words.tobytes()).hexdigest())
    report = make_report(run)
    del report["provenance"], report["engine"]
    found["finished"] = run.finished
    found["report"] = report
    return found


def digest(run: Run) -> str:
    """One line that stands for the whole snapshot."""
    return hashlib.sha256(json.dumps(snapshot(run), sort_keys=True).encode()).hexdigest()
