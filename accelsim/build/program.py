"""A plan made executable: the groups, passes, routes and transfers of a run, and what each actor does in order."""

from __future__ import annotations

from dataclasses import dataclass, field

from accelsim.build.plane_store import PlaneStore
from accelsim.engine.fabric import Contents
from accelsim.engine.groups import GroupTable
from accelsim.parts.dma import Load
from accelsim.parts.sequencer import Command


@dataclass(slots=True)
class TileScript:
    """What the sequencer and the two channels of the DMA engine of a tile do, in order."""

    commands: list[Command] = field(default_factory=list)
    word_loads: list[Load] = field(default_factory=list)
    weight_loads: list[Load] = field(default_factory=list)


@dataclass(slots=True)
class Program:
    """Everything that the engine needs to run."""

    groups: GroupTable
    contents: Contents
    scripts: list[TileScript]
    image_done: list[tuple[int, ...]]
    """Per image, the groups of the outputs written to DRAM."""
    planes: PlaneStore
    """Where `contents.planes` lie."""
    streamed_bytes: tuple[int, ...]
    """Bytes that the arrays read from memory in the course of their passes, by layers of images."""
    output_offsets: dict[tuple[int, str], int]
    """(image, layer) to the offset of its computed words in `contents.outputs`."""
    bytes_to_load: int
    """Bytes of all transfers from DRAM."""
    weight_bytes: tuple[int, ...]
    """Bytes of weights that go to weight buffers, each copy, by layers of images."""
    word_bytes: tuple[int, ...]
    """Bytes of words that go from DRAM to spike buffers, each copy, by layers of images."""
    weight_buffer_peak_bytes: int
    """Most bytes of weights that a tile holds at once."""
    accumulator_peak_words: int
    """Most sums that a tile stores between passes."""
