from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from accelsim.errors import InputError, Problem, SimulationError
from accelsim.sweep import Sweep, load_sweep, run_sweep
from accelsim.sweep.spec import Point
from accelsim.sweep.sweep import find_metric

REPORT = {
    "total": {"cycles": 7, "energy_j": 0.25, "bound_by": "dram", "interval_cycles": None},
    "noc": None,
    "layers": [{"name": "c1", "cycles": 3}],
}


def test_metrics_are_found_in_the_total_or_by_path() -> None:
    assert find_metric(REPORT, "cycles") == 7
    assert find_metric(REPORT, "total.bound_by") == "dram"
    assert find_metric(REPORT, "layers[0].cycles") == 3
    assert find_metric(REPORT, "noc.latency_cycles.mean") is None
    for absent in ("cycle", "layers[1].cycles", "layers.cycles", "total.cycles.x", ""):
        with pytest.raises(KeyError):
            find_metric(REPORT, absent)


def spec(directory: Path, more: str = "") -> Sweep:
    (directory / "a.yaml").touch()
    (directory / "t.npz").touch()
    path = directory / "array.yaml"
    path.write_text(f"arch: a.yaml\ninput: t.npz\nvary: {{rows: [1, 2, 3], dram: [ideal, {{n: 1}}]}}\n{more}")
    return load_sweep(path)


def machine(point: Point) -> dict[str, Any]:
    """Stands for a simulation: cycles fall with rows, two rows with DRAM deadlock, three with DRAM do not fit."""
    rows, dram = point.values
    if dram != "ideal" and rows > 1:
        raise SimulationError("deadlock") if rows == 2 else InputError([Problem("too big", "a.yaml"), Problem("odd")])
    return {"total": REPORT["total"] | {"cycles": 60 // rows}, "noc": None}


def test_a_sweep_writes_rows_and_failures_in_order(tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    result = run_sweep(spec(tmp_path), jobs=1, progress=lambda *now: told.append(now), run=machine)
    assert told == [(done, 6, "") for done in range(1, 7)]
    out = tmp_path / "new" / "out"
    result.save(out)
    assert sorted(path.name for path in out.iterdir()) == ["failures.csv", "points.csv", "report.txt"]
    assert (out / "points.csv").read_text() == (
        "rows,dram,cycles,energy_j,bound_by\n"
        "1,ideal,60,0.25,dram\n"
        '1,"{""n"": 1}",60,0.25,dram\n'
        "2,ideal,30,0.25,dram\n"
        "3,ideal,20,0.25,dram\n"
    )
    with (out / "failures.csv").open(newline="") as stream:
        assert list(csv.reader(stream)) == [
            ["rows", "dram", "message"],
            ["2", '{"n": 1}', "deadlock"],
            ["3", '{"n": 1}', "a.yaml: too big\nodd"],
        ]
    assert (out / "report.txt").read_text() == (
        "Sweep array: 4 points done, 2 failed\n"
        "\n"
        "rows      dram  cycles  energy_j  bound_by\n"
        "   1     ideal      60      0.25      dram\n"
        '   1  {"n": 1}      60      0.25      dram\n'
        "   2     ideal      30      0.25      dram\n"
        "   3     ideal      20      0.25      dram\n"
        "\n"
        'failed: rows=2, dram={"n": 1}\n'
        "  deadlock\n"
        "\n"
        'failed: rows=3, dram={"n": 1}\n'
        "  a.yaml: too big\n"
        "  odd\n"
    )


def test_metrics_asked_for_stand_beside_cycles_and_energy(tmp_path: Path) -> None:
    result = run_sweep(spec(tmp_path, "metrics: [noc.flits, cycles]\n"), jobs=1, run=machine)
    assert result.metrics == ["cycles", "energy_j", "noc.flits"]
    assert result.rows[1] == {"rows": 1, "dram": '{"n": 1}', "cycles": 60, "energy_j": 0.25, "noc.flits": None}


def test_a_metric_that_no_report_has_is_told_after_one_point(tmp_path: Path) -> None:
    ran: list[Point] = []

    def count(point: Point) -> dict[str, Any]:
        ran.append(point)
        return machine(point)

    with pytest.raises(InputError) as caught:
        run_sweep(spec(tmp_path, "metrics: [cycles, speed]\n"), jobs=1, run=count)
    assert str(caught.value) == f"{tmp_path}/array.yaml:4: metrics[1]: is not in the report (got 'speed')"
    assert len(ran) == 1


def test_a_sweep_of_failures_alone_has_no_columns(tmp_path: Path) -> None:
    def fail(point: Point) -> dict[str, Any]:
        raise SimulationError("deadlock")

    result = run_sweep(spec(tmp_path), jobs=2, run=fail)
    result.save(tmp_path / "out")
    assert (tmp_path / "out" / "points.csv").read_text() == "rows,dram\n"
    assert len(result.failures) == 6
