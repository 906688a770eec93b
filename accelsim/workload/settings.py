"""Field types that the descriptions of layers share: trace files, workload files and raw imports."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field

from accelsim.config import Count, broken
from accelsim.workload.graph import ACCUMULATOR_BITS, MAX_WORD_BITS

Layers = TypeVar("Layers", bound=tuple[Any, ...])


def _twice(value: Any) -> Any:
    if isinstance(value, list):
        if len(value) != 2:
            raise broken("", "must be one number or two", value, "N or [rows, columns]")
        return tuple(value)
    return (value, value) if isinstance(value, int) and not isinstance(value, bool) else value


def _window(value: Any) -> Any:
    if value == "global":
        return WHOLE_MAP
    if isinstance(value, str):
        raise broken("", "must be one number, two, or global", value, "N, [rows, columns] or global")
    return _twice(value)


def _map(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    if len(value) not in (1, 3):
        raise broken("", "must be one number or three", value, "[features] or [channels, rows, columns]")
    return (*value, 1, 1) if len(value) == 1 else tuple(value)


def some_layers(layers: Layers) -> Layers:
    """Validator of a list of layers."""
    if not layers:
        raise broken("", "holds no layer")
    return layers


def _plain(name: str) -> str:
    if not name or any(letter.isspace() or letter in ",/" or not letter.isprintable() for letter in name):
        raise broken("", "must be a name without spaces, commas and slashes", name[:60])
    return name


Name = Annotated[str, Field(max_length=200), AfterValidator(_plain)]
"""Name of a layer: part of array names, and of lists on the command line."""

Shape = Annotated[tuple[Count, Count, Count], BeforeValidator(_map)]
"""Channels, rows and columns; or features alone, which are channels of a map of one pixel."""

Size = Annotated[tuple[Count, Count], BeforeValidator(_twice)]
"""Rows and columns; one number stands for both."""

WHOLE_MAP = (1 << 28, 1 << 28)
"""Kernel of a pool over its whole map, however large that is."""

Kernel = Annotated[tuple[Count, Count], BeforeValidator(_window)]
"""A size, or `global`: WHOLE_MAP."""

Margin = Annotated[int, Field(ge=0, le=1 << 16)]

Padding = Annotated[tuple[Margin, Margin], BeforeValidator(_twice)]
"""Rows and columns of zeros on each side; one number stands for both."""

WordBits = Annotated[int, Field(ge=1, le=MAX_WORD_BITS)]
"""Width of a word that a layer consumes, or of a part of it."""

Bits = Annotated[int, Field(ge=1, le=ACCUMULATOR_BITS)]
"""Width of a weight or of what a layer produces."""

Steps = Annotated[int, Field(ge=1, le=1024)]
"""Number of time steps."""
