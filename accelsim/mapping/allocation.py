"""Addresses in a tile's spike buffer: first fit over the layers during which words must stay."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Placement:
    """Bytes [offset, offset + size) that are taken from layer `first` to layer `last`, both included."""

    first: int
    last: int
    size: int
    offset: int = 0

    def shares_bytes_with(self, other: Placement) -> bool:
        return self.offset < other.offset + other.size and other.offset < self.offset + self.size


class SpikeBufferAllocator:
    """First-fit placement for one tile. What is placed stays placed; `place` returns None where nothing fits."""

    def __init__(self, capacity_bytes: int) -> None:
        self.capacity_bytes = capacity_bytes
        self.placements: list[Placement] = []

    def place(self, first: int, last: int, size: int) -> Placement | None:
        """Find the lowest offset that is free from layer `first` to layer `last`."""
        taken = sorted(
            (other.offset, other.offset + other.size)
            for other in self.placements
            if other.first <= last and first <= other.last
        )
        offset = 0
        for start, end in taken:
            if start - offset >= size:
                break
            offset = max(offset, end)
        if offset + size > self.capacity_bytes:
            return None
        placement = Placement(first, last, size, offset)
        self.placements.append(placement)
        return placement

    def blocked_by(self, placement: Placement) -> tuple[int, int]:
        """(images back, layer) of the last reader of the bytes of a placement before it is written.

        The plan repeats for every image, so that the bytes are at least those of the same layer, one image back.
        """
        sharing = [other for other in self.placements if other.shares_bytes_with(placement)]
        earlier = [other.last for other in sharing if other.last < placement.first]
        if earlier:
            return 0, max(earlier)
        return 1, max(other.last for other in sharing)

    @property
    def peak_bytes(self) -> int:
        """The highest byte ever used, plus one."""
        return max((placement.offset + placement.size for placement in self.placements), default=0)
