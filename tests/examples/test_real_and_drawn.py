"""Recorded against drawn spikes: the example runs, and what docs/generator.md concludes holds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim.workload.layer import Layer
from examples import load_example

ROOT = Path(__file__).parents[2]
VGG16 = os.environ.get("ACCELSIM_VGG16_TRACE", "")
"""The .npz of the VGG-16 spikes that LoAS and Prosperity publish, as raw arrays, its .layers.yaml beside it."""


@pytest.fixture(scope="module")
def example() -> Any:
    return load_example("real_and_drawn")


def test_it_writes_its_tables(example: Any, tmp_path: Path, capsys: Any) -> None:
    document = tmp_path / "document.md"
    document.write_text((ROOT / "docs" / "generator.md").read_text(encoding="utf-8"), encoding="utf-8")
    trace = str(ROOT / "traces" / "resnet18_digits.npz")
    example.main([trace, "--layers", "layer4.0.conv2,fc", "--seeds", "2", "--update", str(document)])
    printed = capsys.readouterr().out.strip()
    assert printed in document.read_text(encoding="utf-8")
    for chip in example.CHIPS:
        assert f"**{chip}**" in printed
    lines = [line for line in printed.splitlines() if line.startswith("| layer4.0.conv2 ")]
    assert len(lines) == 2 + len(example.CHIPS)
    assert lines[0].split(" | ")[1:3] == ["0.393", "0.124"]


def test_the_fullest_bank_of_a_map_known_by_hand(example: Any) -> None:
    layer = Layer("c", "conv2d", (), (3, 1, 3), (1, 1, 2), (1, 2), (1, 1), (0, 0))
    words = np.array([[[1, 1, 0]], [[0, 0, 0]], [[1, 0, 0]]], dtype=np.uint8)
    # Banks 0 and 1 hold channels 0 and 2, and channel 1. The first pixel sees 3 words in bank 0, the second 1.
    assert example.fullest_bank(words, layer, 2) == (3 + 1) / (1.5 + 0.5)


if VGG16:

    def test_independent_words_are_too_fast_and_correlated_ones_are_not(example: Any, tmp_path: Path) -> None:
        trace = example.load(Path(VGG16), tmp_path)
        layers = ["conv1", "conv2", "conv3", "conv5"]
        drawn = example.draw(trace, tmp_path, 3)
        rows = {row.layer: row for row in example.compare("8 rows, 8 banks", trace, drawn, layers)}
        for layer in layers[:3]:
            assert rows[layer].difference("independent") < -0.09
        assert rows["sum"].difference("independent") < -0.1
        assert abs(rows["sum"].difference("all")) < 0.06
