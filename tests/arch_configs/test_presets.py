"""The chips that ship: complete, sourced, and three machines that agree on every word."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

import accelsim
from accelsim.build import load_network

ROOT = Path(__file__).parents[2]
PRESETS = sorted((ROOT / "arch_configs").glob("*.yaml"))
NETWORKS = [ROOT / "arch_configs" / "mesh_booksim.yaml"]
"""Networks without a chip, which only the loader of `noc` takes."""
CHIPS = [path for path in PRESETS if path not in NETWORKS]
TRACE = ROOT / "traces" / "resnet18_digits.npz"
SLICE = ("layer3.1.conv1", "layer3.1.conv2", "layer3.1.add", "layer4.0.downsample")
MACHINES = ("spikepack", "spikepack_serial", "dense_ann")


@pytest.fixture(scope="module")
def reports() -> dict[str, Any]:
    trace = accelsim.load_trace(TRACE)
    return {
        name: accelsim.simulate(
            accelsim.load_arch(ROOT / "arch_configs" / f"{name}.yaml"), trace, layers=SLICE, verify=True
        ).report
        for name in MACHINES
    }


def settings_with_values(node: Any, path: str = "") -> set[str]:
    """Dotted keys of all scalars and lists."""
    if isinstance(node, dict):
        return {found for key, value in node.items() for found in settings_with_values(value, f"{path}.{key}")}
    return {path.removeprefix(".")}


@pytest.mark.parametrize("path", CHIPS, ids=lambda path: path.stem)
def test_a_preset_is_a_chip_of_its_own_name(path: Path) -> None:
    assert accelsim.load_arch(path).name == path.stem


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_every_number_has_a_source_or_is_called_an_estimate(path: Path) -> None:
    numbers = 0
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        setting, _, comment = line.partition("#")
        if re.search(r"[:\[,]\s*\d", setting):
            numbers += 1
            assert re.search(r"\bsource: \S|\bestimate: \S", comment), f"{path.name}:{number}: {line.strip()}"
    assert numbers > 5


@pytest.mark.parametrize("path", [p for p in PRESETS if p.stem in MACHINES], ids=lambda path: path.stem)
def test_a_preset_leaves_no_setting_to_its_default(path: Path) -> None:
    chip = accelsim.load_arch(path)
    written = settings_with_values(yaml.safe_load(path.read_text(encoding="utf-8")))
    # What a memory's preset gives is given.
    assert settings_with_values(chip.settings.model_dump(exclude_none=True)) == written


@pytest.mark.parametrize("path", NETWORKS, ids=lambda path: path.stem)
def test_a_network_leaves_no_setting_to_its_default(path: Path) -> None:
    network = load_network(path)
    written = settings_with_values(yaml.safe_load(path.read_text(encoding="utf-8")))
    assert settings_with_values(network.settings.model_dump()) == written


def test_three_machines_compute_the_words_of_the_trace(reports: dict[str, Any]) -> None:
    verified = [report["verified"] for report in reports.values()]
    assert verified[0]
    assert verified[0] == verified[1] == verified[2]


def test_synaptic_operations_do_not_depend_on_the_machine(reports: dict[str, Any]) -> None:
    by_machine = [[layer["synops"] for layer in report["layers"]] for report in reports.values()]
    assert by_machine[0] == by_machine[1] == by_machine[2]
    assert sum(by_machine[0]) == reports["spikepack"]["bit_budget"]["synops"] > 0


def weights_read(report: dict[str, Any], name: str) -> int:
    layer = next(layer for layer in report["layers"] if layer["name"] == name)
    bits: int = layer["traffic"]["weight_read_bits"]
    return bits // 8


def test_each_machine_reads_the_weights_of_what_it_does_not_skip(reports: dict[str, Any]) -> None:
    """Packed: once a nonzero word; serial: once a one; dense: once a word inside the image."""
    name = "layer3.1.conv2"
    entries = reports["spikepack"]["bit_budget"]["layers"]
    expected = next(entry for entry in entries if entry["name"] == name)
    inside = sum(min(8, row + 2) - max(0, row - 1) for row in range(8)) ** 2
    assert weights_read(reports["spikepack"], name) == expected["word_macs"]
    assert weights_read(reports["spikepack_serial"], name) == expected["synops"]
    assert weights_read(reports["dense_ann"], name) == inside * 64 * 64


def test_only_the_serial_machine_keeps_membranes(reports: dict[str, Any]) -> None:
    """Of a plane all sums but the first are read and all but the last written, and T steps of decoding do both."""
    for name in ("spikepack", "dense_ann"):
        assert reports[name]["buffers"]["accumulator_buffer"]["reads"] == 0
    accumulators = reports["spikepack_serial"]["buffers"]["accumulator_buffer"]
    neurons = {"layer3.1.conv1": (5, 64 * 64), "layer3.1.conv2": (4, 64 * 64), "layer4.0.downsample": (6, 128 * 16)}
    expected = sum((planes - 1 + 4) * count for planes, count in neurons.values())
    assert accumulators["reads"] == accumulators["writes"] == expected
