"""Running a sweep: every point is simulated; what fails stops no other."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from accelsim.config import key_path
from accelsim.errors import InputError
from accelsim.sweep.executor import Failure, run_all
from accelsim.sweep.result import SweepResult, plain
from accelsim.sweep.spec import Point, Sweep

DEFAULT_METRICS = (
    "cycles",
    "time_s",
    "energy_j",
    "utilisation",
    "edp_js",
    "bound_by",
    "fps",
    "power_w",
    "synops",
    "gsops_per_s",
    "gsops_per_w",
)

ALWAYS = ("cycles", "energy_j")
"""Metrics that every row has, since the plot shows them."""

Report = Mapping[str, Any]
Progress = Callable[[int, int, str], None]


def simulate_point(point: Point) -> Report:
    """The report of one point; InputError or SimulationError as from any other run."""
    from accelsim.build import load_arch
    from accelsim.simulation import simulate

    arch = load_arch(point.arch, point.overrides)
    workload = load_once(point.input, point.seed)
    report: Report = simulate(arch, workload, images=point.images, seed=point.seed).report
    return report


@functools.lru_cache(maxsize=1)
def load_once(path: str, seed: int) -> Any:
    """The input that all runs of a process share."""
    from accelsim.workload import load_input

    return load_input(path, seed)


def find_metric(report: Report, name: str) -> Any:
    """The value of a metric: a key of `total`, else a dotted path; KeyError where the report has none.

    Below a null, which stands for what the chip lacks, every path is null.
    """
    if name in report["total"]:
        return report["total"][name]
    value: Any = report
    for step in key_path(name) or (name,):
        if value is None:
            return None
        try:
            value = value[step]
        except (IndexError, KeyError, TypeError):
            raise KeyError(name) from None
    return value


@dataclass(frozen=True, slots=True)
class Measure:
    """A point to its metrics; a metric that the report lacks is left out."""

    metrics: tuple[str, ...]
    run: Callable[[Point], Report] = simulate_point

    def __call__(self, point: Point) -> dict[str, Any]:
        report = self.run(point)
        found = {}
        for name in self.metrics:
            try:
                found[name] = find_metric(report, name)
            except KeyError:
                continue
        return found


def run_sweep(
    sweep: Sweep,
    jobs: int | None = None,
    progress: Progress | None = None,
    run: Callable[[Point], Report] = simulate_point,
) -> SweepResult:
    """Simulate every point in up to `jobs` processes (default: one a core); a point that fails stops no other.

    InputError, before more than one point has run, where the report lacks a metric that the specification asks for.
    """
    points = sweep.points()
    varied = list(sweep.vary)
    asked = tuple(sweep.settings.metrics or ())
    metrics = tuple(dict.fromkeys((*ALWAYS, *asked))) if asked else DEFAULT_METRICS
    outcomes: dict[int, dict[str, Any] | Failure] = {}
    columns: list[str] = []
    for index, outcome in run_all(Measure(metrics, run), points, jobs or cores()):
        outcomes[index] = outcome
        if not isinstance(outcome, Failure) and not columns:
            columns = list(outcome)
            _require(asked, columns, sweep)
        if progress is not None:
            progress(len(outcomes), len(points), "")
    rows, failures = [], []
    for index, point in enumerate(points):
        values = dict(zip(varied, map(plain, point.values), strict=True))
        outcome = outcomes[index]
        if isinstance(outcome, Failure):
            failures.append(values | {"message": outcome.message})
        else:
            rows.append(values | outcome)
    return SweepResult(sweep.name, varied, columns, rows, failures)


def _require(asked: tuple[str, ...], found: list[str], sweep: Sweep) -> None:
    missing = [(index, name) for index, name in enumerate(asked) if name not in found]
    if missing:
        rule = "is not in the report"
        raise InputError(sweep.document.problem(("metrics", index), rule, name) for index, name in missing)


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
