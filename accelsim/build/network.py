"""The network alone: what `noc` reads of an architecture file, whatever else the file holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from accelsim.config import Document, Positive, Settings, key_path, load_yaml, override, validate
from accelsim.errors import InputError, Problem
from accelsim.parts.noc import NocSettings

KEYS = ("clock_mhz", "noc")
"""All that a network alone is made of."""


class NetworkOnly(InputError):
    """A chip was asked for, and the file describes a network alone."""

    def __init__(self, file: str) -> None:
        rule = "describes a network without a chip, which `accelsim noc` takes"
        super().__init__(Problem(rule, file, allowed="a file with tiles and memory for the rest"))


class NetworkSettings(Settings):
    """The keys of an architecture file that matter to the network alone."""

    clock_mhz: Positive = Field(ge=0.001, le=1e6)
    noc: NocSettings


@dataclass(frozen=True, slots=True)
class Network:
    """Checked settings of a network, and the document that they came from, reduced to them."""

    settings: NetworkSettings
    document: Document

    @property
    def noc(self) -> NocSettings:
        return self.settings.noc

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return Path(self.document.file).stem


def is_network_only(document: Document) -> bool:
    """Whether an architecture file holds a network and nothing else."""
    return "noc" in document.data and set(document.data) <= set(KEYS)


def load_network(path: str | Path, overrides: Sequence[str] = ()) -> Network:
    """Read `clock_mhz` and `noc` of an architecture file, with `KEY=VALUE` overrides of them.

    Raises InputError with every problem; other keys of the file are not looked at, but overriding one is a problem.
    """
    document = load_yaml(Path(path))
    problems = []
    for assignment in overrides:
        key = assignment.partition("=")[0].strip()
        steps = key_path(key)
        if steps and steps[0] not in KEYS:
            problems.append(Problem("is no key of a network alone", "--set", None, key, allowed=", ".join(KEYS)))
    if problems:
        raise InputError(problems)
    if overrides:
        document = override(document, overrides)
    if document.data.get("noc") == "none":
        rule = "is none: tile and memory are wired to each other"
        raise InputError(document.problem(("noc",), rule, allowed="a network"))
    data = {key: document.data[key] for key in KEYS if key in document.data}
    whole = len(data) == len(document.data)
    reduced = Document(document.file, data, document.text if whole else "", document.lines, document.changed)
    return Network(validate(NetworkSettings, reduced), reduced)
