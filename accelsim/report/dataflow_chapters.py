"""The chapters of dataflows in docs/timing.md: the docstring of every module, its settings, and its modes.

python -m accelsim.report.dataflow_chapters docs/timing.md     # writes them between the document's markers
"""

from __future__ import annotations

import importlib
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from accelsim.dataflows import ArrayKind, ArraySettings, dataflow_names, find_dataflow
from accelsim.dataflows.dataflow import Skip, SpikeMode
from accelsim.report.table import WIDTH

BEGIN, END = "<!-- dataflows -->\n", "<!-- end of dataflows -->"

STEPPED = "detector_lanes"
"""Its cycles are those of the spike detector and the PE array, which have chapters of their own."""


Modes = dict[SpikeMode, list[Skip]]
"""Skips of each spike mode."""


def chapters() -> str:
    """Every dataflow that comes with the package, by name."""
    package = "accelsim.dataflows"
    own = [
        name
        for name in dataflow_names()
        if name != STEPPED and type(find_dataflow(name)).__module__.startswith(package)
    ]
    return "\n\n".join(chapter(name, importlib.import_module(f"{package}.{name}").__doc__ or "") for name in own)


def chapter(name: str, docstring: str) -> str:
    """One dataflow in markdown. A docstring may begin with a heading of its own."""
    kind = find_dataflow(name)
    title, text = name.replace("_", " ").capitalize(), docstring.strip()
    if text.startswith("#"):
        heading, _, text = text.partition("\n")
        title = heading.lstrip("# ")
    text = "\n".join(f"#{line}" if line.startswith("##") else line for line in text.strip().splitlines())
    return "\n".join([f"### {title}: `{name}`", "", text, "", *_settings(kind.settings_class), "", *_modes(kind)])


def update(document: str, text: str) -> str:
    """The document with `text` between its markers. Raises ValueError where it has not one place for it."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end or BEGIN in rest:
        raise ValueError("has not one place for the dataflows")
    return f"{before}{begin}{text}\n{end}{after}"


def _settings(settings: type[ArraySettings]) -> Iterator[str]:
    """The keys of `pe_array` that the dataflow adds, or whose default it changes."""
    yield "| `pe_array.` | default | |"
    yield "|---|---|---|"
    common = ArraySettings.model_fields
    for key, field in settings.model_fields.items():
        ours = key not in common or _default(field) != _default(common[key])
        if key != "dataflow" and ours:
            description = field.description or common[key].description or ""
            yield f"| `{key}` | {_default(field)} | {description} |"


def _default(field: FieldInfo) -> str:
    value: Any = field.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined:
        return "must be given"
    if isinstance(value, ArraySettings | str | int | float):
        return f"`{value}`"
    return f"`{value!r}`"


def _modes(kind: ArrayKind) -> list[str]:
    """What it can skip in each spike mode; what it cannot, by reason."""
    works: Modes = {}
    refused: dict[str, Modes] = {}
    for (mode, skip), reason in kind.modes.items():
        (refused.setdefault(reason, {}) if reason else works).setdefault(mode, []).append(skip)
    text = f"Modes: {_listed(works)}."
    if refused:
        text += f" Refused: {'; '.join(f'{_listed(modes)} ({reason})' for reason, modes in refused.items())}."
    return textwrap.wrap(text, WIDTH, break_on_hyphens=False)


def _listed(modes: Modes) -> str:
    """Spike modes, each with the skips that go with it, unless these are all."""
    return ", ".join(
        f"`{mode}`"
        + ("" if len(skips) == len(get_args(Skip)) else " with " + " or ".join(f"`{skip}`" for skip in skips))
        for mode, skips in modes.items()
    )


def main(arguments: Sequence[str]) -> None:
    """Write the chapters into the document that is named."""
    (path,) = arguments
    document = Path(path)
    document.write_text(update(document.read_text(encoding="utf-8"), chapters()), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
