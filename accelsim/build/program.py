"""A plan made executable: the groups, passes, routes and transfers of a run, and what each actor does in order."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from accelsim.engine.fabric import Contents
from accelsim.engine.groups import GroupTable

Words = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Grant:
    """A one-flit packet telling a producer that the bytes for its words are free."""

    node: int
    group: int
    layer: int


@dataclass(slots=True)
class Command:
    """One pass of a tile's sequencer, the group that its end completes, and the grants to send then."""

    work: Words
    done: int
    grants: list[Grant] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Load:
    """One request of a tile's DMA: what must be complete before, and the one-flit packet that asks for the data."""

    after: tuple[int, ...]
    node: int
    group: int
    layer: int


@dataclass(slots=True)
class TileScript:
    """What the sequencer and the DMA of a tile do, in order."""

    commands: list[Command] = field(default_factory=list)
    loads: list[Load] = field(default_factory=list)


@dataclass(slots=True)
class Program:
    """Everything that the engine needs to run."""

    groups: GroupTable
    contents: Contents
    scripts: list[TileScript]
    image_done: list[tuple[int, ...]]
    """Per image, the groups of the outputs written to DRAM."""
    output_offsets: dict[tuple[int, str], int]
    """(image, layer) to the offset of its computed words in `contents.outputs`."""
    bytes_to_load: int
    """Bytes of all transfers from DRAM."""
    weight_buffer_peak_bytes: int
    """Most bytes of weights that a tile holds at once."""
    accumulator_peak_words: int
    """Most sums that a tile stores between passes."""
