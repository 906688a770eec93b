from __future__ import annotations

from pathlib import Path
from typing import Any

from accelsim.workload.describe import describe
from accelsim.workload.trace import read_trace, write_trace


def test_a_trace_in_words(tmp_path: Path, meta: dict[str, Any], arrays: dict[str, Any]) -> None:
    write_trace(tmp_path / "t.npz", meta, arrays)
    lines = describe(read_trace(tmp_path / "t.npz")).splitlines()
    assert lines[0] == "small: 5 layers, 4 time steps, 2 images"
    assert "  dataset: noise" in lines
    assert "layer  op         input  output  kernel   weights  word  nonzero   ones  H(z)  synops" in lines
    table = {line.split()[0]: line.split() for line in lines if line.startswith(("conv", "pool", "add", "fc"))}
    assert table["conv1"][1:8] == ["conv2d", "3x8x8", "4x8x8", "3x3+1x1", "8", "bit", "8i"]
    assert table["pool1"][1:6] == ["maxpool2d", "4x8x8", "4x4x4", "2x2/2x2", "4"]
    assert table["fc"][1:5] == ["linear", "4x4x4", "10x1x1", "8"]
    assert lines[-1] == "note: not recorded, so drawn at random: outputs of conv1"
