"""The preset against SCALE-Sim, as a user runs it: cycles of layers, not of arrays alone."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from chips import ROOT

import accelsim
from accelsim.cli import main

ARCH = ROOT / "arch_configs" / "systolic_32x32.yaml"
SCALESIM = ROOT / "tests" / "golden" / "scalesim"
FLOWS = {"os": "output_stationary", "ws": "weight_stationary", "is": "input_stationary"}


def golden(name: str) -> list[dict[str, str]]:
    with open(SCALESIM / name, newline="") as lines:
        return list(csv.DictReader(lines))


def products(path: Path, sizes: list[tuple[int, int, int]]) -> Path:
    """A workload of M x K times K x N each, all words set."""
    gemms = [f"op: gemm, m: {m}, n: {n}, k: {k}, density: 1.0" for m, n, k in sizes]
    layers = [f"  - {{name: g{index}, {gemm}}}\n" for index, gemm in enumerate(gemms)]
    path.write_text("name: products\ntimesteps: 1\nweight_bits: 8\nlayers:\n" + "".join(layers), encoding="utf-8")
    return path


def by_array() -> dict[tuple[str, str, str], list[dict[str, str]]]:
    cases = defaultdict(list)
    for row in golden("gemm_cycles.csv"):
        cases[row["dataflow"], row["rows"], row["cols"]].append(row)
    return cases


@pytest.mark.parametrize(("array", "rows"), by_array().items(), ids=["-".join(array) for array in by_array()])
def test_a_layer_takes_the_cycles_that_scalesim_counts(
    array: tuple[str, str, str], rows: list[dict[str, str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flow, height, width = array
    path = products(tmp_path / "products.yaml", [(int(row["M"]), int(row["N"]), int(row["K"])) for row in rows])
    command = ["run", str(ARCH), str(path), "--json", "--quiet", "--out", str(tmp_path / "out")]
    for change in (f"rows={height}", f"columns={width}", f"dataflow={FLOWS[flow]}"):
        command += ["--set", f"pe_array.{change}"]
    assert main(command) == 0
    layers = json.loads(capsys.readouterr().out)["layers"]
    expected = [int(row["rep_total_cycles"]) + 1 for row in rows]
    assert [layer["cycles"] for layer in layers] == expected
    assert [layer["compute_cycles"] for layer in layers] == expected
    assert [layer["end_cycle"] - layer["start_cycle"] for layer in layers] == expected


def test_resnet18_takes_the_cycles_that_scalesim_counts(tmp_path: Path) -> None:
    rows = golden("resnet18.csv")
    sizes = []
    for row in rows:
        size, kernel, channels, filters, stride = (
            int(row[key]) for key in ("size", "kernel", "channels", "filters", "stride")
        )
        side = -(-(size - kernel) // stride) + 1
        sizes.append((side * side, filters, kernel * kernel * channels))
    workload = accelsim.load_trace(products(tmp_path / "resnet18.yaml", sizes))
    report = accelsim.simulate(accelsim.load_arch(ARCH), workload).report
    assert [layer["cycles"] - 1 for layer in report["layers"]] == [int(row["compute_cycles"]) for row in rows]


@pytest.mark.parametrize("flow", FLOWS.values())
def test_results_are_those_of_the_reference(flow: str) -> None:
    """Convolutions, residual branches and their wide words, an image of 8 bits: every word is compared."""
    arch = accelsim.load_arch(ARCH, [f"pe_array.dataflow={flow}", "pe_array.rows=8", "pe_array.columns=12"])
    trace = accelsim.load_trace(ROOT / "traces" / "resnet18_digits.npz")
    layers = ("layer3.1.conv1", "layer3.1.conv2", "layer3.1.add", "layer4.0.downsample")
    report: dict[str, Any] = accelsim.simulate(arch, trace, layers=layers, verify=True).report
    assert report["verified"]
