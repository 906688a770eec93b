from __future__ import annotations

from typing import Any

from accelsim.errors import InputError, Problem
from accelsim.sweep.chips import ChipRun, run_chips
from accelsim.sweep.executor import Failure


def machine(run: ChipRun) -> Any:
    """Stands for a simulation."""
    if "bad" in run.arch:
        raise InputError(Problem("does not fit", run.arch))
    return f"{run.arch} {run.images}"


def test_a_chip_that_fails_stops_no_other() -> None:
    runs = [ChipRun(name, (), "t.npz", images=2) for name in ("a.yaml", "bad.yaml", "b.yaml")]
    assert list(run_chips(runs, 1, machine)) == [
        (0, "a.yaml 2"),
        (1, Failure("bad.yaml: does not fit", 2)),
        (2, "b.yaml 2"),
    ]
