"""What lies in the weight buffers, and what has to leave before more is loaded."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.mapping.plan import Plan, Range, TileCapacity
from accelsim.workload.layer import ATTENTION_OPS

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

    Where the plan says that its weights stay, each block is loaded once. Words that take the place of weights are
    other ones for every image: where weights stay, they share what these leave.
    """

    def __init__(self, plan: Plan, tile: int, capacity: TileCapacity) -> None:
        self._capacity = capacity
        self._held: list[Held] = []
        self._stays = plan.weights_stay[tile]
        self._changing = {entry.index for entry in plan.layers if entry.layer.op in ATTENTION_OPS}
        self._left = capacity.weight_buffer_bytes - plan.staying_bytes[tile]
        self._resident: dict[Block, Held] = {}
        self._peaks = {False: 0, True: 0}

    @property
    def peak_bytes(self) -> int:
        """Most bytes that it holds at once."""
        return sum(self._peaks.values()) if self._stays else max(self._peaks.values())

    def find(self, image: int, block: Block) -> Held | None:
        """The block, if it need not be loaded: it stays, or the pass before used it too."""
        if block in self._resident:
            return self._resident[block]
        last = self._held[-1] if self._held else None
        return last if last and (last.image, last.block) == (image, block) else None

    def load(self, image: int, block: Block, size: int, group: int) -> tuple[Held, tuple[int, ...]]:
        """Take a block in; with it the end of the pass that must be awaited for its room, if any."""
        changing = block[0] in self._changing
        room = self._left if changing and self._stays else self._capacity.weight_buffer_bytes
        total = size
        after: tuple[int, ...] = ()
        for other in reversed(self._held):
            if self._stays and changing != (other.block[0] in self._changing):
                continue
            if total + other.size > room or not self._capacity.prefetches:
                after = (other.last_pass,)
                break
            total += other.size
        self._peaks[changing] = max(self._peaks[changing], total)
        held = Held(image, block, size, group)
        self._held.append(held)
        if self._stays and not changing:
            self._resident[block] = held
        return held, after
