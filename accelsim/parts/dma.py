"""The DMA engine of a tile: an actor that asks the memory controllers for weights and words as room comes free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from accelsim.engine.bridge import Bridge, Process


@dataclass(frozen=True, slots=True)
class Load:
    """A request: what must be complete before it, the controller's node and the group that it counts down there."""

    after: tuple[int, ...]
    node: int
    group: int
    layer: int


def dma(bridge: Bridge, name: str, node: int, loads: Sequence[Load]) -> Process:
    """Life cycle: for each load in order, wait until its buffer is free, then send the one-flit request."""
    fabric = bridge.fabric
    for load in loads:
        for group in load.after:
            yield from bridge.wait(name, group)
        bridge.submit(name, partial(fabric.send_control, node, load.node, load.group, load.layer))
