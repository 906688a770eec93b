"""Where every tensor lies in DRAM: its memory controller, and its address in the memory behind it."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from accelsim.build.arch import Arch
from accelsim.errors import InputError
from accelsim.units import ceil_div

PAGE_BYTES, BURST_BYTES = 4096, 64
"""Alignment where the memory has no rows and bursts of its own."""

IMAGES_HELD = 2
"""Maps of images in memory: while one is worked on, the host fetches the last one's results and brings the next."""


@dataclass(frozen=True, slots=True)
class Place:
    """Consecutive bytes behind a controller."""

    controller: int
    address: int


@dataclass(frozen=True, slots=True)
class Map:
    """A map of words, row by row. Rows go to the controllers in turn, so that any few of them are read from all.

    Within a row the channels of a range lie together: a row of some channels is one run of bytes, and so is what a
    tile writes of it.
    """

    bases: tuple[int, ...]
    """Per controller, the address of its first row."""
    shift: int
    """Controller of row 0."""
    row_bits: int
    channel_bits: int
    """Of one channel of a row."""

    def row(self, row: int, first_channel: int = 0) -> Place:
        """Where the words of a row begin, from a channel on."""
        return self._place(row, first_channel * self.channel_bits // 8)

    def bit(self, row: int, first_channel: int) -> tuple[int, int]:
        """(controller, address in bits) of the same."""
        place = self._place(row, 0)
        return place.controller, 8 * place.address + first_channel * self.channel_bits

    def controller(self, row: int) -> int:
        """Behind which a row lies."""
        return (row + self.shift) % len(self.bases)

    def _place(self, row: int, offset: int) -> Place:
        count = len(self.bases)
        controller = (row + self.shift) % count
        return Place(controller, self.bases[controller] + row // count * ceil_div(self.row_bits, 8) + offset)


class Layout:
    """Gives out addresses, each tensor from the beginning of a DRAM row on, what is read together in one run."""

    def __init__(self, controllers: int, page_bytes: int, burst_bytes: int) -> None:
        self._page = page_bytes
        self._burst = burst_bytes
        self._end = [0] * controllers
        self._weights: dict[Hashable, Place] = {}
        self._maps: dict[Hashable, Map] = {}
        self._last: list[Hashable] = [None] * controllers

    @property
    def bytes(self) -> int:
        """Memory used behind the fullest controller."""
        return max(self._end)

    def weights(self, layer: int, block: Hashable, size: int) -> Place:
        """A block of a layer's weights. Blocks go to the controllers in turn, as they are asked for first."""
        if block not in self._weights:
            controller = len(self._weights) % len(self._end)
            if self._last[controller] != layer:
                self._last[controller] = layer
                self._align(controller, self._page)
            self._align(controller, self._burst)
            self._weights[block] = Place(controller, self._end[controller])
            self._end[controller] += size
        return self._weights[block]

    def map(self, name: Hashable, image: int, shape: tuple[int, int, int], word_bits: int) -> Map:
        """A map of (channels, rows, columns) words of an image."""
        key = (name, image % IMAGES_HELD)
        if key not in self._maps:
            channels, rows, columns = shape
            shift = len(self._maps) % len(self._end)
            row_bits = channels * columns * word_bits
            for controller in range(len(self._end)):
                self._align(controller, self._page)
            bases = tuple(self._end)
            for row in range(min(rows, len(bases))):
                here = ceil_div(rows - row, len(bases))
                self._end[(row + shift) % len(bases)] += here * ceil_div(row_bits, 8)
            self._maps[key] = Map(bases, shift, row_bits, columns * word_bits)
        return self._maps[key]

    def _align(self, controller: int, size: int) -> None:
        self._end[controller] = ceil_div(self._end[controller], size) * size


def make_layout(arch: Arch) -> Layout:
    """An empty memory of a chip."""
    dram = arch.dram
    if dram is None:
        return Layout(arch.controllers, PAGE_BYTES, BURST_BYTES)
    return Layout(arch.controllers, dram.row_bytes * dram.channels, dram.burst_bytes)


def check_capacity(layout: Layout, arch: Arch) -> None:
    """Raises InputError where the tensors are more than the banks hold."""
    dram = arch.dram
    if dram is not None and layout.bytes > dram.capacity_bytes:
        rule = f"weights and maps take {layout.bytes} bytes behind a memory controller, there are {dram.capacity_bytes}"
        rows = ceil_div(layout.bytes, dram.capacity_bytes // dram.rows)
        raise InputError(arch.document.problem(("dram", "rows"), rule, dram.rows, f">= {rows}"))
