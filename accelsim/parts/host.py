"""The host: an actor that waits for the images' outputs in DRAM, and notes when each was complete."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from accelsim.engine.bridge import Bridge, Process


def host(
    bridge: Bridge,
    name: str,
    images: Sequence[Sequence[int]],
    finished: list[int],
    progress: Callable[[int, int], None] | None,
) -> Process:
    """Life cycle: for each image wait for all its outputs, append the cycle to `finished`, report progress."""
    for number, groups in enumerate(images):
        for group in groups:
            yield from bridge.wait(name, group)
        finished.append(bridge.fabric.now)
        if progress is not None:
            progress(number + 1, len(images))
