"""The keys of `mapping`, as users write them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from chips import SPIKEPACK, chip
from small_workload import SmallWorkload, residual_layers

from accelsim.build.arch import load_arch
from accelsim.build.planning import plan_workload
from accelsim.errors import InputError

MAPPING = """
mapping:
  schedule: pipelined
  split: rows
  loop_order: weights_first
  keep_weights: never
  layers:
    first: {tiles: [3], through_dram: true}
    second: {row_parts: 2, channel_parts: 1, loop_order: rows_first}
"""


def written(tmp_path: Path, mapping: str) -> Path:
    path = tmp_path / "chip.yaml"
    others = re.sub(r"^mapping:\n(?:  .*\n)+", "", SPIKEPACK.read_text(), flags=re.MULTILINE)
    path.write_text(others + mapping)
    return path


def test_every_key_reaches_the_plan(tmp_path: Path) -> None:
    workload = SmallWorkload(residual_layers())
    plan = plan_workload(load_arch(written(tmp_path, MAPPING)), workload, workload.layers)
    assert plan.stages and not any(plan.weights_stay)
    first, second, *others = plan.layers
    assert [part.tile for part in first.parts] == [3] and first.stores
    assert [part.loop_order for part in second.parts] == ["rows_first"] * 2
    assert {part.loop_order for part in others[-1].parts} == {"weights_first"}
    assert all(len({part.channels for part in entry.parts}) == 1 for entry in plan.layers)


def test_what_is_wrong_is_told_with_its_line(tmp_path: Path) -> None:
    text = MAPPING.replace("pipelined", "piped").replace("[3]", "[]").replace("row_parts: 2", "row_parts: 0")
    path = written(tmp_path, text)
    lines = {
        key: number for number, line in enumerate(path.read_text().splitlines(), 1) for key in (line.split(":")[0],)
    }
    with pytest.raises(InputError) as caught:
        load_arch(path)
    assert str(caught.value).splitlines() == [
        f"{path}:{lines['  schedule']}: mapping.schedule: is not one of the choices; did you mean pipelined? "
        "(got 'piped'); allowed: layer_by_layer, pipelined",
        f"{path}:{lines['    first']}: mapping.layers.first.tiles: must have at least 1 entries",
        f"{path}:{lines['    second']}: mapping.layers.second.row_parts: must be at least 1 (got 0)",
    ]


def test_decisions_about_layers_that_are_not_there_or_cannot_be_kept() -> None:
    workload = SmallWorkload(residual_layers())
    with pytest.raises(InputError) as caught:
        plan_workload(chip("mapping.layers={frist: {row_parts: 2}}"), workload, workload.layers)
    assert str(caught.value) == (
        "--set: mapping.layers.frist: names no layer of the input; allowed: first, second, summed, pooled, scores"
    )
    with pytest.raises(InputError) as caught:
        plan_workload(chip("mapping.layers={first: {row_parts: 2, tiles: [4]}}"), workload, workload.layers)
    assert str(caught.value) == (
        "--set: mapping.layers.first.tiles: names tiles that the chip does not have: 4; allowed: 0 to 3"
    )
