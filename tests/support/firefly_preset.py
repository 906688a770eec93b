"""A layer on a preset, as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from chips import ROOT

from accelsim.cli import main
from accelsim.dataflows import Task


def run_preset(preset: str, layer: Task, path: Path, *overrides: str) -> dict[str, Any]:
    """The report of a layer on a preset, by the command line."""
    line = (
        f"op: conv2d, in_shape: [{layer.channels}, {layer.height}, {layer.width}], out_channels: {layer.outs}, "
        f"kernel: {layer.kernel_rows}, padding: {layer.padding_rows}, density: 0.3, bits_per_step: {layer.step_bits}"
    )
    workload = path / "layer.yaml"
    workload.write_text(
        f"name: layer\ntimesteps: {layer.timesteps}\nweight_bits: 8\nlayers:\n  - {{name: conv2, {line}}}\n",
        encoding="utf-8",
    )
    command = [str(ROOT / "arch_configs" / f"{preset}.yaml"), str(workload), "--json", "--quiet"]
    for override in overrides:
        command += ["--set", override]
    assert main(["run", *command, "--out", str(path / "out")]) == 0
    return json.loads((path / "out" / "report.json").read_text(encoding="utf-8"))["layers"][0]  # type: ignore[no-any-return]
