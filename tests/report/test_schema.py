"""report.json's keys: a complete report has them all, and what is missing is named by its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from accelsim.report.schema import keys, markdown, missing_keys, undocumented_keys

DOCUMENT = Path(__file__).parents[2] / "docs" / "report.md"


def test_a_complete_report_misses_nothing(report: dict[str, Any]) -> None:
    assert missing_keys(report) == []


def test_an_empty_report_misses_every_section() -> None:
    assert missing_keys({}) == [
        "schema",
        "arch",
        "input",
        "images",
        "closed_form_cycles",
        "verified",
        "notes",
        "total",
        "energy_j",
        "area_mm2",
        "sparsity",
        "bit_budget",
        "layers",
        "noc",
        "buffers",
        "queues",
        "dram",
        "fidelity",
        "provenance",
    ]


def test_what_is_missing_is_named_by_its_place(report: dict[str, Any]) -> None:
    del report["total"]["fps"]
    del report["layers"][2]["traffic"]["noc_flits"]
    del report["buffers"]["spike_buffer"]["conflicts"]
    report["energy_j"]["static"] = None
    report["notes"] = "none"
    assert missing_keys(report) == [
        "notes[]",
        "total.fps",
        "energy_j.static",
        "layers[2].traffic.noc_flits",
        "buffers.spike_buffer.conflicts",
    ]


def test_what_a_chip_does_not_have_is_null(report: dict[str, Any]) -> None:
    report |= {"noc": None, "dram": None, "verified": None}
    assert missing_keys(report) == []
    report["total"] = None
    assert missing_keys(report) == ["total"]


def test_optional_keys_may_be_absent(report: dict[str, Any]) -> None:
    del report["dram"]["row_misses"]
    assert "footprint_bytes" not in report
    assert missing_keys(report) == []


def test_every_key_has_a_unit_and_a_meaning() -> None:
    paths = [key.path for key in keys()]
    assert len(paths) == len(set(paths))
    for key in keys():
        assert key.unit and key.meaning.endswith("."), key.path
        assert "|" not in key.meaning, key.path


@pytest.mark.parametrize("path", ["sparsity.bit", "total.synops", "footprint_bytes"])
def test_definitions_shared_with_neurobench_say_so(path: str) -> None:
    assert "NeuroBench" in next(key.meaning for key in keys() if key.path == path)


def test_the_document_is_generated_from_the_keys() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == markdown()


def test_a_key_that_the_schema_does_not_know_is_found(report: dict[str, Any]) -> None:
    assert undocumented_keys(report) == []
    report["total"]["colour"] = "blue"
    report["buffers"]["spike_buffer"]["smell"] = 1
    assert undocumented_keys(report) == ["buffers.spike_buffer.smell", "total.colour"]
