"""The tile sequencer: an actor that feeds a tile's command queue and tells producers when bytes are free again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from accelsim.engine.bridge import Bridge, Process
from accelsim.engine.fabric import Words

COMMAND_QUEUE = 2
"""Passes that may be under way in the array at once, so that the next starts without a gap."""


class GrantLike(Protocol):
    """A grant to send: its receiver's node, the group that it counts down, the layer that it belongs to."""

    @property
    def node(self) -> int: ...
    @property
    def group(self) -> int: ...
    @property
    def layer(self) -> int: ...


class CommandLike(Protocol):
    """A pass to run: its row, the group completed at its end, the grants to send then."""

    work: Words
    done: int

    @property
    def grants(self) -> Sequence[GrantLike]: ...


def sequencer(
    bridge: Bridge,
    name: str,
    tile: int,
    node: int,
    commands: Sequence[CommandLike],
    ended: Callable[[CommandLike], None],
) -> Process:
    """Life cycle: keep the command queue filled; at the end of each pass tell `ended` and send its grants."""
    fabric = bridge.fabric
    for number in range(len(commands) + COMMAND_QUEUE):
        if number >= COMMAND_QUEUE:
            command = commands[number - COMMAND_QUEUE]
            yield from bridge.wait(name, command.done)
            ended(command)
            for grant in command.grants:
                bridge.submit(name, partial(fabric.send_control, node, grant.node, grant.group, grant.layer))
        if number < len(commands):
            bridge.submit(name, partial(fabric.submit_pass, tile, commands[number].work))
