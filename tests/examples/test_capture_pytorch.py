"""The example runs where torch is installed: a spiking network is recorded, imported and read back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim.interop.raw import import_raw
from accelsim.workload.trace import read_trace, write_trace
from examples import load_example

torch = pytest.importorskip("torch")

EXAMPLE = Path(__file__).parents[2] / "examples" / "capture_pytorch.py"
STEPS = 3


@pytest.fixture(scope="module")
def example() -> Any:
    return load_example("capture_pytorch")


def test_it_is_short() -> None:
    assert len(EXAMPLE.read_text().splitlines()) <= 40


def test_a_spiking_network_becomes_a_trace(example: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)
    nn = torch.nn
    network = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), example.Fire(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 10), example.Fire()
    )
    frames = [(torch.rand(1, 2, 8, 8) < 0.5).float() for _ in range(STEPS)]
    seen: list[Any] = []
    network[4].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0][0].detach().numpy()))
    example.capture(network, frames, tmp_path / "raw")

    meta, arrays, notes = import_raw(tmp_path / "raw.npz", tmp_path / "raw.layers.yaml")
    write_trace(tmp_path / "t.npz", meta, arrays)
    trace = read_trace(tmp_path / "t.npz")
    assert notes == ("0_pool: 2x2 max pool inferred, as 0 makes 4x8x8 and 4 consumes 64x1x1",)
    assert [layer.name for layer in trace.layers] == ["0", "0_pool", "4"]
    expected = sum(
        np.stack([frame[0].numpy() for frame in frames])[step] * 2 ** (STEPS - 1 - step) for step in range(STEPS)
    )
    assert np.array_equal(trace.input_words("0", 0), expected)
    features = sum(seen[step] * 2 ** (STEPS - 1 - step) for step in range(STEPS))
    assert np.array_equal(trace.input_words("4", 0).reshape(-1), features)
    assert 0 < np.count_nonzero(features) < features.size


def test_an_image_that_is_shown_in_every_step_becomes_integers(example: Any, tmp_path: Path) -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), example.Fire(), torch.nn.Conv2d(4, 4, 3, stride=2))
    image = torch.arange(64.0).reshape(1, 1, 8, 8)
    example.capture(network, [image] * STEPS, tmp_path / "raw")
    meta, arrays, _ = import_raw(tmp_path / "raw.npz", tmp_path / "raw.layers.yaml")
    first, second = meta["layers"]
    assert (first["kind"], first["timesteps"], first["word_bits"]) == ("integers", 1, 8)
    assert (second["kind"], second["timesteps"], second["stride"]) == ("spikes", STEPS, [2, 2])
    assert np.array_equal(arrays["in/0"][0, 0], np.arange(64).reshape(8, 8))
