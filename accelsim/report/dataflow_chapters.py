"""The chapters of dataflows in docs/timing.md: the docstring of every module, its settings, and its modes.

python -m accelsim.report.dataflow_chapters docs/timing.md     # writes them between the document's markers
"""

from __future__ import annotations

import importlib
import json
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from accelsim.dataflows import ArrayKind, ArraySettings, dataflow_names, find_dataflow
from accelsim.dataflows.dataflow import Skip, SpikeMode
from accelsim.report.table import WIDTH

BEGIN, END = "<!-- dataflows -->\n", "<!-- end of dataflows -->"

PACKAGE = "accelsim.dataflows"

STEPPED = "detector_lanes"
"""Its cycles are those of the spike detector and the PE array, which have chapters of their own."""


Modes = dict[SpikeMode, list[Skip]]
"""Skips of each spike mode."""


def chapters() -> str:
    """What all have in common, then every dataflow that comes with the package, by name."""
    common = "\n".join(_settings(ArraySettings.model_fields))
    own = [name for name in dataflow_names() if name != STEPPED and _module(name).startswith(f"{PACKAGE}.")]
    found = [chapter(name, importlib.import_module(_module(name)).__doc__ or "") for name in own]
    return "\n\n".join([common, *found])


def _module(name: str) -> str:
    return type(find_dataflow(name)).__module__


def chapter(name: str, docstring: str) -> str:
    """One dataflow in markdown. A docstring may begin with a heading of its own."""
    kind = find_dataflow(name)
    title, text = name.replace("_", " ").capitalize(), docstring.strip()
    if text.startswith("#"):
        heading, _, text = text.partition("\n")
        title = heading.lstrip("# ")
    text = "\n".join(f"#{line}" if line.startswith("##") else line for line in text.strip().splitlines())
    return "\n".join([f"### {title}: `{name}`", "", text, "", *_settings(_own(kind.settings_class)), "", *_modes(kind)])


def update(document: str, text: str) -> str:
    """The document with `text` between its markers. Raises ValueError where it has not one place for it."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end or BEGIN in rest:
        raise ValueError("has not one place for the dataflows")
    return f"{before}{begin}{text}\n{end}{after}"


def _settings(fields: Mapping[str, FieldInfo]) -> Iterator[str]:
    """A table of keys of `pe_array`."""
    yield "| `pe_array.` | default | |"
    yield "|---|---|---|"
    for key, field in fields.items():
        if key != "dataflow":
            yield f"| `{key}` | {_default(field)} | {field.description or ''} |"


def _own(settings: type[ArraySettings]) -> dict[str, FieldInfo]:
    """The keys that a dataflow adds, or whose default it changes."""
    common = ArraySettings.model_fields
    return {
        key: field
        for key, field in settings.model_fields.items()
        if (key not in common or _default(field) != _default(common[key]))
    }


def _default(field: FieldInfo) -> str:
    value: Any = field.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined:
        return ""
    return f"`{json.dumps(value) if isinstance(value, bool) else value}`"


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
