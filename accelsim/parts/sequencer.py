"""The tile sequencer: an actor that feeds a tile's command queue and tells producers when bytes are free again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from accelsim.engine.bridge import Bridge, Process
from accelsim.engine.topology import Words

COMMAND_QUEUE = 2
"""Passes that may be under way in the array at once, so that the next starts without a gap."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A one-flit packet telling a producer that the bytes for its words are free."""

    node: int
    group: int
    layer: int


@dataclass(slots=True)
class Command:
    """One pass of a tile, the group that its end completes, and the grants to send then."""

    work: Words
    done: int
    grants: list[Grant] = field(default_factory=list)
    frees_bits: int = 0
    """Bits of the spike buffer whose words are read for the last time."""


def sequencer(
    bridge: Bridge,
    name: str,
    tile: int,
    node: int,
    commands: Sequence[Command],
    ended: Callable[[Command], None],
) -> Process:
    """Life cycle: keep the command queue filled; at the end of each pass tell `ended`, free and send its grants."""
    fabric = bridge.fabric
    for number in range(len(commands) + COMMAND_QUEUE):
        if number >= COMMAND_QUEUE:
            command = commands[number - COMMAND_QUEUE]
            yield from bridge.wait(name, command.done)
            ended(command)
            if command.frees_bits:
                bridge.submit(name, partial(fabric.free_spikes, tile, command.frees_bits))
            for grant in command.grants:
                bridge.submit(name, partial(fabric.send_control, node, grant.node, grant.group, grant.layer))
        if number < len(commands):
            bridge.submit(name, partial(fabric.submit_pass, tile, commands[number].work))
