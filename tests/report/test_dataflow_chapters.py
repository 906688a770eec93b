"""Chapters of dataflows: written from docstrings and settings, and the document holds them as they are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar, Literal

import pytest
from chips import ROOT
from pydantic import Field

from accelsim.config import Count
from accelsim.dataflows import ArrayKind, ArraySettings, dataflow_names
from accelsim.dataflows.dataflow import Skip, SpikeMode
from accelsim.report import dataflow_chapters
from accelsim.report.dataflow_chapters import BEGIN, END, chapter, chapters, update

DOCUMENT = ROOT / "docs" / "timing.md"


class ToySettings(ArraySettings):
    dataflow: Literal["toy"]
    skip: Skip = "zero_bits"
    adders: Count = Field(description="additions a cycle")
    ordered: bool = Field(True, description="whether they keep their order")


class Toy(ArrayKind):
    settings_class = ToySettings
    modes: ClassVar[Mapping[tuple[SpikeMode, Skip], str]] = {
        ("packed", "nothing"): "too wide",
        ("packed", "silent_words"): "too wide",
        ("packed", "zero_bits"): "too wide",
        ("bit_serial", "nothing"): "waits for nobody",
        ("bit_serial", "silent_words"): "",
        ("bit_serial", "zero_bits"): "",
    }


TOY = """\
### A toy: `toy`

One addition a cycle.

#### Order

None.

| `pe_array.` | default | |
|---|---|---|
| `skip` | `zero_bits` |  |
| `adders` |  | additions a cycle |
| `ordered` | `true` | whether they keep their order |

Modes: `bit_serial` with `silent_words` or `zero_bits`. Refused: `packed` (too wide); `bit_serial` with `nothing` (waits
for nobody).\
"""


def test_a_chapter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataflow_chapters, "find_dataflow", lambda name: Toy())
    assert chapter("toy", "## A toy\n\nOne addition a cycle.\n\n### Order\n\nNone.\n") == TOY
    assert chapter("toy", "One addition a cycle.\n\n### Order\n\nNone.\n") == TOY.replace("A toy", "Toy")


def test_every_dataflow_has_a_chapter() -> None:
    named = re.findall(r"^### [^`]+: `(\w+)`$", chapters(), flags=re.MULTILINE)
    assert named == [name for name in dataflow_names() if name != "detector_lanes"]


def test_the_document_is_current() -> None:
    """`python -m accelsim.report.dataflow_chapters docs/timing.md` writes it."""
    text = DOCUMENT.read_text(encoding="utf-8")
    assert update(text, chapters()) == text


def test_only_what_stands_between_the_markers_is_replaced() -> None:
    assert update(f"a\n{BEGIN}old\n{END}\nb", "new") == f"a\n{BEGIN}new\n{END}\nb"
    for document in ("", BEGIN, END, f"{BEGIN}{BEGIN}{END}"):
        with pytest.raises(ValueError, match="has not one place for the dataflows"):
            update(document, "new")
