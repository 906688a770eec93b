"""Whatever a user names as input, as a workload."""

from __future__ import annotations

from pathlib import Path

from accelsim.errors import InputError, Problem
from accelsim.workload.workload import Workload


def load_input(path: str | Path, seed: int = 0) -> Workload:
    """The trace (.npz) or workload (.yaml, .yml) of a path; `seed` draws the words that it does not hold.

    Raises `InputError` with everything that is wrong with the file.
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".npz":
        from accelsim.workload.trace import read_trace

        return read_trace(path, seed)
    if suffix in (".yaml", ".yml"):
        from accelsim.workload.synthetic import read_workload

        return read_workload(path, seed)
    raise InputError(Problem("is neither a trace nor a workload", str(path), allowed=".npz, .yaml, .yml"))
