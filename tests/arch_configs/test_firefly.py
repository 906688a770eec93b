"""The presets of FireFly v1 and v2, and of the Eyeriss-like array, as a user runs them: cycles of whole layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from chips import ROOT
from firefly import cold_v1, cold_v2, convolution, resident_v1
from firefly_preset import run_preset

import accelsim

KNOWN_TO = 4
"""Cycles: drains are known to 2, registers between ports and arrays are counted by hand."""


@pytest.mark.parametrize(
    ("preset", "cycles"), [("firefly_v1_p32", 10_125), ("firefly_v1_p16", 35_321), ("firefly_v2", 9827)]
)
def test_the_worked_layer(preset: str, cycles: int, tmp_path: Path) -> None:
    """64 to 128 channels, 16 x 16, 3 x 3, T = 4: worked out by hand on the machines' public RTL."""
    found = run_preset(preset, convolution(16, 64, 128), tmp_path)
    assert abs(found["cycles"] - cycles) <= KNOWN_TO
    assert found["stall_cycles"]["output_blocked"] == 0


@pytest.mark.parametrize(
    ("size", "channels", "outs", "timesteps"), [((9, 13), 33, 40, 3), (7, 70, 65, 4), (3, 5, 7, 1)]
)
def test_cycles_of_firefly_v1_by_its_rules(size: Any, channels: int, outs: int, timesteps: int, tmp_path: Path) -> None:
    """V1-A is what its arrays are busy with, remainders and all; V1-B, where it holds, when a layer ends."""
    layer = convolution(size, channels, outs, timesteps)
    for width in (16, 32):
        found = run_preset(f"firefly_v1_p{width}", layer, tmp_path)
        assert found["compute_cycles"] == resident_v1(layer, width)
        drain = {16: 23, 32: 25}[width]
        if 18 * width <= timesteps * (layer.pixels + width + 1):
            assert abs(found["cycles"] - (cold_v1(layer, width) + 4 + drain)) <= KNOWN_TO


@pytest.mark.parametrize(
    ("size", "channels", "outs", "timesteps"), [((9, 13), 33, 40, 6), (7, 70, 65, 4), (8, 20, 7, 1)]
)
def test_cycles_of_firefly_v2_by_its_rules(size: Any, channels: int, outs: int, timesteps: int, tmp_path: Path) -> None:
    """V2-A on layers of every remainder."""
    layer = convolution(size, channels, outs, timesteps)
    found = run_preset("firefly_v2", layer, tmp_path)
    assert abs(found["cycles"] - (cold_v2(layer, 16) + 36)) <= KNOWN_TO


@pytest.mark.parametrize(
    ("preset", "size", "channels", "outs", "cycles"),
    [
        ("firefly_v1_p32", 8, 128, 256, 19_662 + 32 + 4 + 25),
        ("firefly_v2", 8, 128, 256, 19_039),
        ("firefly_v2", 4, 256, 512, 74_327),
        ("firefly_v2", 16, 128, 128, 19_583),
    ],
)
def test_small_maps_wait_for_weights(
    preset: str, size: int, channels: int, outs: int, cycles: int, tmp_path: Path
) -> None:
    """Totals of timing models of the RTL; that of v1 leaves out its biases, two registers and the drain."""
    found = run_preset(preset, convolution(size, channels, outs), tmp_path)
    assert abs(found["cycles"] - cycles) <= KNOWN_TO
    assert size == 16 or found["stall_cycles"]["weights_missing"] > cycles / 3


def test_peak_of_firefly_v1(tmp_path: Path) -> None:
    """At least 99 % of the published 5.53 TOP/s, 2 operations a synapse, on 64 x 64 with 1024 input channels."""
    layer = convolution(64, 1024, 64)
    cycles = run_preset("firefly_v1_p32", layer, tmp_path)["cycles"]
    operations = 2 * layer.pixels * layer.inputs * layer.outs * layer.planes
    assert 0.99 * 5.53e12 < operations / cycles * 300e6 < 5.53e12


@pytest.mark.parametrize("preset", ["firefly_v1_p32", "firefly_v2"])
def test_flat_at_a_fixed_bit_budget(preset: str, tmp_path: Path) -> None:
    """Weight bits / spike bits / T = 8/1/4, 8/2/2 and 8/4/1 (Shen et al., CVPR 2024)."""
    layer = convolution(8, 32, 32)
    cycles = {run_preset(preset, layer._replace(step_bits=bits), tmp_path)["compute_cycles"] for bits in (1, 2, 4)}
    assert len(cycles) == 1


def test_cycles_of_the_eyeriss_like_array(tmp_path: Path) -> None:
    """ceil(outputs / 12) x ceil(pixels x steps x inputs / 14)."""
    found = run_preset("eyeriss", convolution((5, 7), 9, 25, 3), tmp_path)
    assert found["compute_cycles"] == 3 * -(-5 * 7 * 3 * 81 // 14)


@pytest.mark.parametrize("preset", ["firefly_v1_p16", "firefly_v2", "eyeriss"])
def test_whole_networks_run(preset: str) -> None:
    """Residual networks with an image of 8 bits, which the report names, pools and sums; all words as recorded."""
    trace = accelsim.load_trace(ROOT / "traces" / "resnet18_digits.npz")
    arch = accelsim.load_arch(ROOT / "arch_configs" / f"{preset}.yaml")
    report = accelsim.simulate(arch, trace, verify=True).report
    assert report["verified"]["words"] > 0
