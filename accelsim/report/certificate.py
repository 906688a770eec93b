"""A parity certificate as text and as a directory of results."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from accelsim.report.directory import Layout, replace_directory
from accelsim.report.files import json_text
from accelsim.report.table import WIDTH, Column, count, table

CERTIFICATE = Layout(required=("certificate.json", "certificate.txt"))

FORMS = {"ann": "real numbers", "packed": "packed spikes", "serial": "serial spikes", "chip": "simulated chip"}
LINES = 20
"""Differences and notes that are printed; certificate.json holds them all."""


def render_certificate(certificate: Mapping[str, Any]) -> str:
    """The certificate for people: who decides rightly, who agrees with the packed form, and what differs."""
    made = certificate
    title = (
        f"{made['network']} on {made['arch']}: {made['images']} images, T = {made['timesteps']}, "
        f"{made['weight_bits']}-bit weights"
    )
    lines = [title, "=" * len(title), ""]
    if made["right"]:
        rows = [
            [
                name,
                f"{count(made['right'][form])} of {count(made['decisions'])}",
                _share(made["right"][form], made["decisions"]),
            ]
            for form, name in FORMS.items()
        ]
        lines += ["Right decisions", *table([Column("form", "<"), Column("right"), Column("share")], rows), ""]
    rows = [_row(agreement, made["images"]) for agreement in made["agreements"]]
    columns = [
        Column("form", "<"),
        Column("images alike"),
        Column("decisions alike"),
        Column("words equal"),
        Column(""),
    ]
    lines += ["Beside packed spikes", *table(columns, rows), ""]
    if made["arithmetic"] != "exact":
        note = f"The chip's neurons are those of {made['arithmetic']}: its words may differ from the model's."
        notes = [f"  {line}" for line in made["notes"]]
        lines += [*textwrap.wrap(note, WIDTH), *notes[:LINES], ""]
    differences = made["differences"]
    lines += [f"  {line}" for line in differences[:LINES]]
    if len(differences) > LINES:
        lines.append(f"  and {len(differences) - LINES} more")
    verdict = "does not hold: words differ that must be equal" if differences else "holds: whatever must be equal is"
    return "\n".join([*lines, f"The certificate {verdict}."]) + "\n"


def save_certificate(certificate: Mapping[str, Any], text: str, directory: str | os.PathLike[str]) -> Path:
    """certificate.json and certificate.txt (`text`), both or none; see `replace_directory`."""

    def write(temporary: Path) -> None:
        (temporary / "certificate.json").write_text(json_text(certificate), encoding="utf-8")
        (temporary / "certificate.txt").write_text(text, encoding="utf-8")

    return replace_directory(directory, CERTIFICATE, write)


def _row(agreement: Mapping[str, Any], images: int) -> list[str]:
    alike = agreement["decisions"] - agreement["differing_decisions"]
    equal = agreement["words"] - agreement["differing_words"]
    return [
        FORMS[agreement["form"]],
        f"{count(agreement['images'])} of {count(images)}",
        f"{count(alike)} of {count(agreement['decisions'])}",
        f"{count(equal)} of {count(agreement['words'])}" if agreement["words"] else "-",
        "all" if agreement["words"] and equal == agreement["words"] else "",
    ]


def _share(right: int, total: int) -> str:
    return f"{right / total:.2%}"
