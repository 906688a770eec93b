"""Which weights are not zero: as recorded, or as drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from accelsim.workload import load_input
from accelsim.workload.trace import read_trace, write_trace
from accelsim.workload.weight_mask import weight_mask

LAYERS = """
name: small
layers:
  - {name: a, op: conv2d, in_shape: [64, 4, 4], out_channels: 32, kernel: 3, padding: 1, density: 1, %s}
  - {name: b, op: linear, inputs: [a], out_features: 4, density: 1}
  - {name: q, op: conv2d, in_shape: [4, 2, 2], out_channels: 4, kernel: 1, density: 1}
  - {name: k, op: conv2d, in_shape: [4, 2, 2], out_channels: 4, kernel: 1, density: 1}
  - {name: s, op: attention_scores, inputs: [q, k], heads: 2, fires: false, density: 1, weight_density: 0.5}
"""


def drawn(folder: Path, keys: str, seed: int = 0) -> dict[str, np.ndarray[tuple[int, int], np.dtype[np.bool_]]]:
    path = folder / "w.yaml"
    path.write_text(LAYERS % keys)
    found = load_input(path, seed)
    return {layer.name: weight_mask(found, layer) for layer in found.layers}


@pytest.mark.parametrize("density", [0.02, 0.3, 0.9])
def test_drawn_weights_have_the_density_of_their_layer(tmp_path: Path, density: float) -> None:
    masks = drawn(tmp_path, f"weight_density: {density}")
    assert masks["a"].shape == (3 * 3 * 64, 32)
    assert masks["a"].mean() == pytest.approx(density, abs=4 * (density * (1 - density) / masks["a"].size) ** 0.5)
    assert masks["b"].shape == (32 * 4 * 4, 4) and masks["b"].all()


def test_the_seed_draws_them(tmp_path: Path) -> None:
    first, again, other = (drawn(tmp_path, "weight_density: 0.5", seed)["a"] for seed in (1, 1, 2))
    assert (first == again).all() and (first != other).any()


def test_words_in_place_of_weights_all_count(tmp_path: Path) -> None:
    assert drawn(tmp_path, "weight_density: 0.5")["s"].shape == (4, 4)
    assert drawn(tmp_path, "weight_density: 0.5")["s"].all()


def trace_of(folder: Path, weights: np.ndarray | None) -> Path:  # type: ignore[type-arg]
    """One grouped convolution, 4 channels to 6 in two groups, 1 x 2 taps; weights are int8 [6, 2, 1, 2]."""
    layer = {"name": "c", "op": "conv2d", "in_shape": [4, 3, 3], "out_shape": [6, 3, 2], "kernel": [1, 2]}
    meta = {"format": "accelsim-trace", "version": 1, "network": "n", "images": 1, "timesteps": 2}
    arrays = {"in/c": np.ones((1, 4, 3, 3), np.uint8)}
    if weights is not None:
        arrays |= {"weights/c": weights, "theta/c": np.ones(6, np.int64)}
    write_trace(folder / "t.npz", meta | {"layers": [layer | {"groups": 2, "weight_density": 0.25}]}, arrays)
    return folder / "t.npz"


def test_recorded_weights_tell_which_are_zero(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    weights = random.integers(-1, 2, (6, 2, 1, 2)).astype(np.int8)
    trace = read_trace(trace_of(tmp_path, weights))
    mask = weight_mask(trace, trace.layers[0])
    assert mask.shape == (2 * 4, 3)
    for tap in range(2):
        for channel in range(4):
            for out in range(3):
                weight = weights[channel // 2 * 3 + out, channel % 2, 0, tap]
                assert mask[tap * 4 + channel, out] == (weight != 0)


def test_a_trace_without_weights_has_a_density_of_them(tmp_path: Path) -> None:
    path = trace_of(tmp_path, None)
    first, other = (read_trace(path, seed) for seed in (0, 1))
    assert first.layers[0].weight_density == 0.25
    masks = [weight_mask(trace, trace.layers[0]) for trace in (first, first, other)]
    assert (masks[0] == masks[1]).all() and (masks[0] != masks[2]).any()
