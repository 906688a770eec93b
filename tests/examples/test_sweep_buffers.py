"""The example sweep runs through the command line and shows what its comment says."""

from __future__ import annotations

import csv
from pathlib import Path

from accelsim.cli import main

ROOT = Path(__file__).parents[2]


def test_weights_are_loaded_again_where_they_do_not_fit(tmp_path: Path) -> None:
    out = tmp_path / "sweep"
    assert main(["sweep", str(ROOT / "examples" / "sweep_buffers.yaml"), "--out", str(out)]) == 0
    with (out / "points.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12
    assert (out / "failures.csv").read_text().count("\n") <= 1
    loaded = {row["weight_buffer.bytes"]: int(row["dram.read_bytes"]) for row in rows}
    assert loaded["48 KiB"] == loaded["64 KiB"] > 1.9 * loaded["96 KiB"]
    assert loaded["96 KiB"] == loaded["128 KiB"]
    conflicts = {
        int(row["weight_buffer.banks"]): int(row["buffers.weight_buffer.conflicts"])
        for row in rows
        if row["weight_buffer.bytes"] == "128 KiB"
    }
    assert conflicts[8] > conflicts[16] > conflicts[32]
