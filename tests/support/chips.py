"""Small chips: the default architecture with fewer tiles."""

from __future__ import annotations

from pathlib import Path

from accelsim.build.arch import Arch, load_arch

ROOT = Path(__file__).resolve().parents[2]
SPIKEPACK = ROOT / "arch_configs" / "spikepack.yaml"
DIGITS = ROOT / "traces" / "resnet18_digits.npz"


def chip(*overrides: str) -> Arch:
    """Four tiles and two memory controllers on a mesh of 3 x 2 nodes; `overrides` are KEY=VALUE."""
    small = ["tiles={columns: 2, rows: 2}", "noc.columns=3", "noc.rows=2", "memory_controller.nodes=[2, 5]"]
    return load_arch(SPIKEPACK, [*small, *overrides])


def lone_tile(*overrides: str) -> Arch:
    """One tile wired to ideal memory; `overrides` are KEY=VALUE."""
    return load_arch(SPIKEPACK, ["tiles={columns: 1, rows: 1}", "noc=none", "dram=ideal", *overrides])
