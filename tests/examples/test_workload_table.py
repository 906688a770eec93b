"""The table of workloads: what it says is what the runs say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import accelsim
from examples import load_example

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def example() -> Any:
    return load_example("workload_table")


def test_rows_hold_what_the_runs_say(example: Any, tmp_path: Path, capsys: Any) -> None:
    document = tmp_path / "document.md"
    document.write_text((ROOT / "docs" / "workloads.md").read_text(encoding="utf-8"), encoding="utf-8")
    example.main(["alexnet_cifar", "--update", str(document)])
    row = capsys.readouterr().out.strip()
    assert row in document.read_text(encoding="utf-8")
    arch = accelsim.load_arch(ROOT / "arch_configs" / "spikepack.yaml")
    report = accelsim.simulate(arch, accelsim.load_trace(ROOT / "workloads" / "alexnet_cifar.yaml")).report
    total = report["total"]
    cells = row.strip("| ").split(" | ")
    assert cells[:3] == ["alexnet_cifar", "2.47", "15"]
    assert cells[4:6] == [f"{total['estimated_cycles']:,}", f"{total['cycles']:,}"]
    assert cells[7] == total["bound_by"]


def test_a_chip_that_is_too_small_is_said_to_be(example: Any, capsys: Any) -> None:
    example.main(["alexnet_cifar", "--set", "spike_buffer.bytes=256"])
    assert "| refused: no tiling fits the spike buffer: one output row of conv0 needs" in capsys.readouterr().out


def test_shares_of_layers_that_are_far_off(example: Any) -> None:
    layers = [{"cycles": 100, "estimated_cycles": estimate} for estimate in (80, 79, 120, 121)]
    report = {"layers": layers, "total": {"cycles": 400, "estimated_cycles": 300}}
    row = example.Row("x", 0, 0, report)
    assert row.layers_off() == 0.5
    assert row.off == -0.25


@pytest.mark.long
@pytest.mark.parametrize(
    "name", sorted(path.stem for path in (ROOT / "workloads").glob("*.yaml") if "imagenet" not in path.stem)
)
def test_every_small_workload_runs(example: Any, name: str) -> None:
    arch = accelsim.load_arch(ROOT / "arch_configs" / "spikepack.yaml")
    row = example.measure(name, arch, 1)
    assert row.refusal == ""
    assert row.report["total"]["cycles"] > 0
