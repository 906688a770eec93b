"""Densities at which SpikePack's FPGA engine takes its published times: what the document says is what the rule says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dataflow_cases import layer_task, packed
from examples import load_example

import accelsim
from accelsim.dataflows import NO_MASK
from accelsim.dataflows.spike_detector import DATAFLOW

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def example() -> Any:
    return load_example("spikepack_fpga")


def test_the_document_has_the_row_of_the_preset(example: Any) -> None:
    row = example.row(example.READINGS[2], 2)
    assert row in (ROOT / "docs" / "spikepack_fpga.md").read_text(encoding="utf-8")
    words, bits, then = (float(cell) for cell in row.strip("| ").split(" | ")[2:])
    assert example.milliseconds(example.READINGS[2], 2, True, words) == pytest.approx(23.0, rel=0.005)
    assert example.milliseconds(example.READINGS[2], 2, False, bits) == pytest.approx(29.1, rel=0.005)
    assert then == pytest.approx(1 - (1 - bits) ** 2, abs=0.001)


def test_out_of_reach(example: Any) -> None:
    """One detector: 3.6 G products over 16 inputs x 16 neurons at 300 MHz are 46 ms without a spike."""
    assert "| none: 46.2 to" in example.row(example.READINGS[4], 4)


def test_the_engine_is_the_preset(example: Any) -> None:
    preset = accelsim.load_arch(ROOT / "arch_configs" / "spikepack_fpga_zu3eg.yaml").settings
    assert preset.clock_mhz == example.CLOCK_MHZ
    engine = example.engine(example.READINGS[2], 4, True)
    for key in ("group", "detectors", "per_cycle", "columns", "lane_bits", "spike_mode", "skip", "padding"):
        assert getattr(preset.pe_array, key) == getattr(engine, key)


@pytest.mark.parametrize("is_packed", [True, False])
def test_expected_cycles_are_those_of_random_spikes(example: Any, is_packed: bool) -> None:
    spikes = np.random.default_rng(0).random((2, 64, 28, 28)) < 0.15
    task = layer_task(28, 28, 64, 16, kernel=3, padding=1, planes=2)
    settings = example.engine(example.READINGS[2], 2, is_packed)
    words = packed(spikes)
    found = DATAFLOW.schedule(settings, task, words, NO_MASK).cycles
    density = float((words != 0).mean()), float(spikes.mean())
    assert found == pytest.approx(DATAFLOW.estimate(settings, task, *density), rel=0.02)
