"""The host: an actor that waits for the images' outputs in DRAM, and notes when each was complete."""

from __future__ import annotations

from collections.abc import Sequence

from accelsim.engine.bridge import Bridge, Process


def host(
    bridge: Bridge,
    name: str,
    images: Sequence[Sequence[int]],
    finished: list[int],
) -> Process:
    """Life cycle: for each image wait for all its outputs, then append the cycle to `finished`."""
    for groups in images:
        for group in groups:
            yield from bridge.wait(name, group)
        finished.append(bridge.fabric.now)
