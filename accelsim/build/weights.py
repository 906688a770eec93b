"""What lies in the weight buffers, and what has to leave before more is loaded."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.mapping.plan import Plan, Range, TileCapacity

Block = tuple[int, Range, Range]
"""Weights of (layer index, output channels, input channels)."""


@dataclass(slots=True)
class Held:
    """A block in the weight buffer of a tile."""

    image: int
    block: Block
    size: int
    group: int
    """Counts its bytes down as they arrive."""
    last_pass: int = -1
    """The group completed by the end of the last pass that uses it."""


class WeightBuffer:
    """One tile's weight buffer, filled in turn: the block loaded first leaves first.

    Where the plan says that its weights stay, each block is loaded once.
    """

    def __init__(self, plan: Plan, tile: int, capacity: TileCapacity) -> None:
        self._capacity = capacity
        self._held: list[Held] = []
        self._stays = plan.weights_stay[tile]
        self._resident: dict[Block, Held] = {}
        self.peak_bytes = 0

    def find(self, image: int, block: Block) -> Held | None:
        """The block, if it need not be loaded: it stays, or the pass before used it too."""
        if block in self._resident:
            return self._resident[block]
        last = self._held[-1] if self._held else None
        return last if last and (last.image, last.block) == (image, block) else None

    def load(self, image: int, block: Block, size: int, group: int) -> tuple[Held, tuple[int, ...]]:
        """Take a block in; with it the end of the pass that must be awaited for its room, if any."""
        total = size
        after: tuple[int, ...] = ()
        for other in reversed(self._held):
            if total + other.size > self._capacity.weight_buffer_bytes or not self._capacity.prefetches:
                after = (other.last_pass,)
                break
            total += other.size
        self.peak_bytes = max(self.peak_bytes, total)
        held = Held(image, block, size, group)
        self._held.append(held)
        if self._stays:
            self._resident[block] = held
        return held, after
