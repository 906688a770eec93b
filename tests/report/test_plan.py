"""What `accelsim plan` prints."""

from __future__ import annotations

import json

import pytest
from chips import DIGITS, SPIKEPACK, chip
from small_workload import SmallWorkload, residual_layers

from accelsim import cli
from accelsim.build.planning import plan_workload
from accelsim.report.plan import describe_plan, render_plan, tile_ranges
from accelsim.report.table import WIDTH


def test_ranges_of_tiles() -> None:
    assert tile_ranges([0, 2, 1, 3, 7, 9, 10]) == "0-3 7 9-10"
    assert tile_ranges([]) == ""


def test_a_plan_in_words() -> None:
    workload = SmallWorkload(residual_layers())
    arch = chip("mapping={schedule: pipelined, layers: {first: {through_dram: true, tiles: [3]}}}")
    described = describe_plan(arch, workload, plan_workload(arch, workload, workload.layers, 3), 3)
    text = render_plan(described)
    lines = text.splitlines()
    assert lines[0] == "spikepack mapping small, 3 images, pipelined"
    assert text.isascii() and max(map(len, lines)) <= WIDTH
    row = next(line.split() for line in lines if line.startswith("  first"))
    assert row[:6] == ["first", "conv", "1x1", "3", "1", "stay"]
    assert "  tiles 3: first" in lines
    assert json.loads(json.dumps(described)) == described
    assert [layer["name"] for layer in described["layers"]] == ["first", "second", "summed", "pooled", "scores"]
    total = described["first_image"]
    assert total["stored_bytes"] == 24 * 64 // 2 + 40 and total["weight_read_bytes"] == 24 * 27 + 24 * 24 * 9 + 3840
    assert described["later_images"]["weight_read_bytes"] == 0


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["plan", str(SPIKEPACK), str(DIGITS), "--images", "3", "--layers", "conv1,layer1.0.conv1"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("spikepack mapping resnet18_digits, 3 images, layer_by_layer\n")
    assert cli.main(["plan", str(SPIKEPACK), str(DIGITS), "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert described["estimate"]["cycles"] > 10_000 and len(described["layers"]) == 30
    assert cli.main(["plan", str(SPIKEPACK), str(DIGITS), "--set", "spike_buffer.bytes=64"]) == 2
    assert "no tiling fits the spike buffer" in capsys.readouterr().err
