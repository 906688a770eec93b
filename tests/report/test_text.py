"""The text report: whole for a complete report, readable for any size, honest about what is not there."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from accelsim.report.table import WIDTH
from accelsim.report.text import render

Make = Callable[..., dict[str, Any]]


def test_header_and_totals(report: dict[str, Any]) -> None:
    lines = render(report).splitlines()
    assert lines[0] == "spikepack running resnet18_digits, 1 image"
    assert lines[1] == "=" * len(lines[0])
    assert lines[2] == "1 note below"
    assert lines[4] == ("  cycles       40,660 (estimate 40,661)    energy          36.4 uJ      utilisation   61.0%")
    assert "bound by      pe_array" in lines[5]


def test_a_layer_row(report: dict[str, Any]) -> None:
    layer = report["layers"][0]
    layer |= {"name": "conv1", "cycles": 1000, "ideal_cycles": 600, "utilisation": 0.6, "energy_j": 1.5e-6}
    layer["estimated_cycles"] = 987
    layer["stall_cycles"] = {"weights_missing": 200, "spikes_missing": 4, "bank_conflict": 120, "output_blocked": 0}
    layer |= {"sequencing_cycles": 10, "idle_cycles": 66}
    layer["traffic"] |= {"noc_flit_hops": 12_345, "dram_read_bytes": 4_000, "dram_write_bytes": 96}
    row = next(line for line in render(report).splitlines() if line.startswith("  conv1"))
    assert " ".join(row.split()) == (
        "conv1 conv 1,000 987 60.0% weights 20% banks 12% weight_buffer 12.3k 4.10 kB 1.50 uJ"
    )


def test_states_are_summed_over_layers(report: dict[str, Any]) -> None:
    weights = sum(layer["stall_cycles"]["weights_missing"] for layer in report["layers"])
    whole = sum(layer["cycles"] for layer in report["layers"])
    row = next(line for line in render(report).splitlines() if line.startswith("  weights missing"))
    assert row.split()[2:4] == [f"{weights:,}", f"{100 * weights / whole:.1f}%"]


def test_what_binds_is_counted_by_layers(report: dict[str, Any]) -> None:
    for layer, resource in zip(report["layers"], ("dram", "dram", "dram", "noc"), strict=True):
        layer |= {"bound_by": resource, "cycles": 100}
    assert "  Bound by, share of layer cycles: dram 75% (3 layers), noc 25% (1 layer)\n" in render(report)


@pytest.mark.parametrize(("layers", "name"), [(1, "a"), (60, "a.very.long.path.to.some.layer.of.a.network.conv")])
def test_lines_are_plain_and_fit(timeline_of: Make, report_of: Make, layers: int, name: str) -> None:
    report = report_of(timeline_of(layers=layers, tiles=1, bins=100))
    for index, layer in enumerate(report["layers"]):
        layer |= {"name": f"{name}{index}", "cycles": 10**11, "ideal_cycles": 10**11}
        layer["bound_by"] = "a_resource_with_a_very_long_name"
        report["sparsity"]["layers"][index]["name"] = report["bit_budget"]["layers"][index]["name"] = f"{name}{index}"
    report["notes"] = ["word " * 60]
    text = render(report)
    assert text.isascii()
    assert max(len(line) for line in text.splitlines()) <= WIDTH
    assert not any(line != line.rstrip() for line in text.splitlines())


def test_many_time_steps_are_left_to_the_json(report: dict[str, Any]) -> None:
    assert "step 4" in render(report)
    for entry in [report["sparsity"], *report["sparsity"]["layers"]]:
        entry["time_steps"] = [0.5] * 16
    assert "step" not in render(report).split("Sparsity")[1].split("Bit Budget")[0]


def test_layers_of_fewer_time_steps(report: dict[str, Any]) -> None:
    report["sparsity"]["layers"][0] |= {"time_steps": [0.25], "name": "image"}
    row = next(line for line in render(report).split("Sparsity")[1].splitlines() if line.startswith("  image"))
    assert row.split() == ["image", "71.0%", "88.0%", "25.0%", "-", "-", "-", "1.62", "bit"]


def test_absent_parts_are_left_out(report: dict[str, Any]) -> None:
    report |= {
        "noc": None,
        "dram": None,
        "buffers": {},
        "queues": {},
        "notes": [],
        "area_mm2": {},
        "closed_form_cycles": 0,
    }
    text = render(report)
    for title in ("Network on chip", "Buffers", "Queues", "DRAM\n", "Notes", "below"):
        assert title not in text
    assert "every array cycle was stepped" in text


def test_queues_show_how_full_they_have_been(report: dict[str, Any]) -> None:
    rows = [line.split() for line in render(report).split("Queues")[1].splitlines()[2:5]]
    assert ["detector_fifo", "words", "100", "128", "78%"] in rows
    assert ["dram_requests", "transfers", "40", "-", "-"] in rows


def test_verified_runs_say_so(report: dict[str, Any]) -> None:
    report["verified"] = {"words": 123456, "layers": 20, "differing_words": 0}
    assert render(report).splitlines()[0] == (
        "spikepack running resnet18_digits, 1 image - verified: 123,456 words of 20 layers equal the trace"
    )


def test_rendering_changes_nothing_and_repeats(report: dict[str, Any]) -> None:
    before = copy.deepcopy(report)
    assert render(report) == render(report)
    assert report == before


def test_a_run_without_work(report: dict[str, Any]) -> None:
    """Nothing moved: no cycles, no energy, no layers; no division by them."""
    report["layers"] = []
    report["energy_j"] |= {"dynamic": 0.0, "static": 0.0}
    for name in ("by_component", "dynamic_by_component", "static_by_component"):
        report["energy_j"][name] = dict.fromkeys(report["energy_j"][name], 0.0)
    report["total"] |= {"cycles": 0, "fps": None, "gsops_per_s": 0.0, "gsops_per_w": None, "power_w": None}
    assert "Where the cycles go" not in render(report)
