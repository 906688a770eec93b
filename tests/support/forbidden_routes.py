"""Routes that may deadlock, to see a proof fail."""

from __future__ import annotations

from accelsim.engine.routes import Hop, along, place
from accelsim.engine.topology import NetworkShape


def fully_adaptive(shape: NetworkShape, here: int, start: int, end: int) -> list[Hop]:
    """Any output that leads nearer: all eight turns, four of which close a circle, and the other four the other way."""
    now, then = place(shape, here), place(shape, end)
    return [along(shape, axis, now[axis], then[axis]) for axis in (0, 1) if now[axis] != then[axis]]
