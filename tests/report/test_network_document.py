"""docs/noc.md names every key of the report of a network alone, and no other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from accelsim.build import load_network
from accelsim.interop.packets import LOG_COLUMNS, packets_of
from accelsim.simulation.network import replay, run_traffic
from accelsim.simulation.network_report import replay_report
from accelsim.workload import load_input
from accelsim.workload.traffic import PATTERNS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "noc.md").read_text(encoding="utf-8")
TABLE_ROW = re.compile(r"^\| (`.*?) \| (.*) \|$", re.MULTILINE)


def reports() -> list[dict[str, Any]]:
    network = load_network(ROOT / "arch_configs" / "mesh_booksim.yaml")
    trace = load_input(ROOT / "traces" / "resnet18_digits.npz")
    rows = np.array([[0, 0, 5, 2]])
    return [
        run_traffic(network, "hotspot", rates=[0.1, 0.2], cycles=200, warmup=50),
        run_traffic(network, "burst", rates=[0.5], workload=trace),
        replay_report(network, rows[:, 0], "in.csv", replay(network, packets_of(rows))),
    ]


def documented() -> dict[str, str]:
    """The report's keys, dotted, and what is said of them."""
    section = TEXT.partition("## Report")[2].partition("\n## ")[0]
    return {key: row[2] for row in TABLE_ROW.finditer(section) for key in re.findall(r"`([^`]+)`", row[1])}


def test_every_key_is_documented() -> None:
    told = documented()
    for report in reports():
        for key, value in report.items():
            for name in _below(key, value):
                top = name.partition(".")[0]
                assert name in told or f"`{name.partition('.')[2]}`" in told.get(top, ""), name


def test_every_documented_key_exists() -> None:
    found = {name for report in reports() for key, value in report.items() for name in (key, *_below(key, value))}
    assert set(documented()) <= found


def _below(key: str, value: Any) -> list[str]:
    if key == "noc" or not isinstance(value, dict | list) or not value:
        return [key]
    if isinstance(value, list):
        return [f"{key}[].{name}" for name in value[0]]
    return [f"{key}.{name}" for name in value]


def test_patterns_and_columns_are_those_of_the_code() -> None:
    patterns = TEXT.partition("| pattern |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)`", patterns, re.MULTILINE) == [*PATTERNS, "burst"]
    columns = TEXT.partition("| column |")[2].partition("\n\n")[0]
    named = [
        name
        for line in columns.splitlines()
        for name in re.findall(r"`(\w+)`", line.split("|")[1:2][0] if "|" in line else "")
    ]
    assert named == list(LOG_COLUMNS)
