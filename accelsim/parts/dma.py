"""A channel of a tile's DMA engine: an actor that asks the memory controllers for data as room comes free.

Words and weights have a channel each, so that the weights of layers to come are read while words wait for whoever makes
them.
"""

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
