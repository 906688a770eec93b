from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim.workload.layer import ARRAY_OPS
from accelsim.workload.load import load_input
from accelsim.workload.measured import measured_workload
from accelsim.workload.statistics import network_statistics

DIGITS = Path(__file__).parents[2] / "traces" / "resnet18_digits.npz"

KEPT = ("name", "op", "inputs", "in_shape", "out_shape", "kernel", "stride", "padding", "weight_bits", "word_bits")


def test_a_trace_measured_and_drawn_again_has_the_same_layers_and_statistics(tmp_path: Path) -> None:
    trace = load_input(DIGITS)
    (tmp_path / "w.yaml").write_text(measured_workload(trace, 4))
    found = load_input(tmp_path / "w.yaml")
    assert [[getattr(layer, key) for key in KEPT] for layer in found.layers] == [
        [getattr(layer, key) for key in KEPT] for layer in trace.layers
    ]
    for recorded, drawn in zip(network_statistics(trace, 4), network_statistics(found, 4), strict=True):
        if recorded.layer.op not in ARRAY_OPS or recorded.layer.kind == "integers":
            continue
        assert drawn.nonzero_words / drawn.words == pytest.approx(recorded.nonzero_words / recorded.words, abs=0.005)
        for one, other in zip(recorded.ones_by_plane, drawn.ones_by_plane, strict=True):
            assert other / drawn.words == pytest.approx(one / recorded.words, abs=0.03)


NAMES = """
name: "a: name"
timesteps: 2
layers:
  - {name: "1e5", op: conv2d, in_shape: [8, 6, 6], out_channels: 8, kernel: 3, density: 0.5, neighbour_correlation: 0.6}
  - {name: "no", op: linear, inputs: ["1e5"], out_features: 4, density: 0, weight_bits: 4, fires: false}
  - {name: wide, op: gemm, m: 36, n: 8, k: 8, timesteps: 9, density: 0.25, bit_density: 0.028}
"""


def test_names_widths_and_silence_are_written_so_that_they_are_read_back(tmp_path: Path) -> None:
    (tmp_path / "w.yaml").write_text(NAMES)
    first = load_input(tmp_path / "w.yaml")
    (tmp_path / "again.yaml").write_text(measured_workload(first, 3))
    again = load_input(tmp_path / "again.yaml")
    assert again.name == "a: name"
    assert again.layers == first.layers
    assert not again.input_words("no", 0).any()
    words = [np.stack([found.input_words("1e5", image) for image in range(3)]) for found in (first, again)]
    assert np.bincount(words[0].reshape(-1))[1:] / np.count_nonzero(words[0]) == pytest.approx(
        np.bincount(words[1].reshape(-1))[1:] / np.count_nonzero(words[1]), abs=0.1
    )


OPERATORS = """
name: operators
timesteps: 2
layers:
  - {name: q, op: conv2d, in_shape: [8, 4, 4], out_channels: 8, kernel: 3, padding: 2, dilation: 2, density: 0.5}
  - {name: k, op: conv2d, in_shape: [8, 4, 4], out_channels: 8, kernel: 1, groups: 8, density: 0.5}
  - {name: scores, op: attention_scores, inputs: [q, k], heads: 2, density: 0.25, weight_density: 0.75, fires: false}
  - {name: values, op: attention_values, inputs: [scores, k], heads: 2, weight_density: 0.75}
  - {name: join, op: concat, inputs: [q, values, k]}
  - {name: large, op: upsample, inputs: [join], factor: [2, 1]}
  - {name: mean, op: avgpool2d, inputs: [large], kernel: global}
  - {name: fc, op: linear, inputs: [mean], out_features: 12, groups: 4}
"""


def test_all_operators_are_written(tmp_path: Path) -> None:
    (tmp_path / "w.yaml").write_text(OPERATORS)
    first = load_input(tmp_path / "w.yaml")
    (tmp_path / "again.yaml").write_text(measured_workload(first, 3))
    again = load_input(tmp_path / "again.yaml")
    assert again.layers == first.layers
    for operand, share in ((0, 0.25), (1, 0.75)):
        words = again.input_words("scores", 0, operand)
        assert np.count_nonzero(words) / words.size == pytest.approx(share, abs=0.1)


def test_the_command_writes_the_file(tmp_path: Path, capsys: Any) -> None:
    from accelsim.cli import main

    path = tmp_path / "w.yaml"
    assert main(["trace", "show", str(DIGITS), "--workload", str(path), "--images", "2"]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    assert path.read_text() == measured_workload(load_input(str(DIGITS)), 2)
    assert main(["trace", "show", str(DIGITS), "--workload", str(tmp_path / "none" / "w.yaml")]) == 2
    assert capsys.readouterr().err == f"{tmp_path}/none/w.yaml: No such file or directory\n"
