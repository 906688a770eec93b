"""What is on the wires of a network, whoever simulates it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

SOURCE = -1
"""In the place of a port: the wire from the source of a node to its router; the node stands in the router's place."""


class Flit(NamedTuple):
    """A flit that reaches the far end of its link in `cycle`: an input VC or, from a local output, the sink."""

    cycle: int
    router: int
    """Where it comes from: out of `port` of this router, or out of a source."""
    port: int
    vc: int
    packet: int
    head: bool
    tail: bool


class Credit(NamedTuple):
    """A credit that counts from `cycle` on for the sender at the near end of a link."""

    cycle: int
    router: int
    port: int
    vc: int


@dataclass(slots=True)
class Wires:
    """All flits and credits of a run; each kind in order of cycles, then routers, then ports."""

    flits: list[Flit] = field(default_factory=list)
    credits: list[Credit] = field(default_factory=list)

    def sort(self) -> None:
        self.flits.sort()
        self.credits.sort()


def first_difference(one: Sequence[Flit | Credit], other: Sequence[Flit | Credit]) -> str:
    """The first row in which two runs differ, or "" if they are equal."""
    for here, there in zip(one, other, strict=False):
        if here != there:
            return f"{here} against {there}"
    if len(one) != len(other):
        longer = one if len(one) > len(other) else other
        return f"only one of them has {longer[min(len(one), len(other))]}"
    return ""
