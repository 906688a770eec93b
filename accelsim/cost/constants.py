"""Named constants of tables/constants.yaml, each with its unit, source and standing."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

import yaml

from accelsim.errors import InputError, Problem

Standing = Literal["source", "notes", "unverified", "estimate"]
Corner = Literal["low", "typical", "high"]


@dataclass(frozen=True, slots=True)
class Constant:
    """One number of the price list.

    `node_nm` is the process that it holds for, None where it is not scaled. `low` and `high` span the value's
    uncertainty towards less and towards more energy.
    """

    name: str
    value: float
    unit: str
    standing: Standing
    source: str
    node_nm: int | None = None
    low: float | None = None
    high: float | None = None

    def at(self, corner: Corner) -> float:
        """The value at one end of its range, or the value itself where it has no range."""
        bound = {"low": self.low, "typical": None, "high": self.high}[corner]
        return self.value if bound is None else bound


@functools.cache
def constants() -> dict[str, Constant]:
    """All constants by name, in the order of the file."""
    text = (files("accelsim.cost") / "tables" / "constants.yaml").read_text(encoding="utf-8")
    return {name: Constant(name, **entry) for name, entry in yaml.safe_load(text).items()}


def value(name: str, corner: Corner = "typical") -> float:
    """The number alone."""
    return constants()[name].at(corner)


def dram_presets() -> dict[str, float]:
    """Energy of a bit moved to or from DRAM, in pJ, by the name of the memory."""
    prefix, suffix = "dram_", "_pj_per_bit"
    return {
        name.removeprefix(prefix).removesuffix(suffix): constant.value
        for name, constant in constants().items()
        if name.startswith(prefix) and name.endswith(suffix)
    }


def dram_pj_per_bit(memory: str | float, key: str = "dram.energy") -> float:
    """pJ a bit of a memory given by its preset name or directly as a number.

    Raises InputError, naming `key`, for an unknown name or a number that is not positive.
    """
    if isinstance(memory, str):
        presets = dram_presets()
        if memory not in presets:
            raise InputError(
                Problem("unknown memory", key=key, value=memory, allowed=", ".join(sorted(presets)) + ", or pJ a bit")
            )
        return presets[memory]
    if not 0 < memory < float("inf"):
        raise InputError(Problem("must be a positive number of pJ a bit", key=key, value=memory))
    return float(memory)


def markdown() -> str:
    """The constants as the table of docs/energy.md."""
    lines = ["| constant | value | range | process | standing | source |", "|---|---|---|---|---|---|"]
    for constant in constants().values():
        unit = "" if constant.unit == "1" else f" {constant.unit}"
        span = sorted(bound for bound in (constant.low, constant.high) if bound is not None)
        spread = f"{span[0]:g} to {span[1]:g}" if span else ""
        process = f"{constant.node_nm} nm" if constant.node_nm else ""
        cells = (f"`{constant.name}`", f"{constant.value:g}{unit}", spread, process, constant.standing, constant.source)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(markdown(), end="")
