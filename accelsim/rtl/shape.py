"""What a router of the RTL is made for."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.errors import InputError, Problem
from accelsim.parts.noc import NocSettings

PORTS = 5
"""Ports of a router: 0 = x+1, 1 = x-1, 2 = y+1, 3 = y-1, 4 = local."""
LOCAL = 4

IMPLEMENTED = {
    "topology": "mesh",
    "concentration": 1,
    "routing": "xy",
    "routing_cycles": 0,
    "vc_allocation_cycles": 1,
    "switch_allocation_cycles": 1,
    "traversal_cycles": 1,
    "credit_cycles": 0,
    "speculative": True,
    "link_cycles": 1,
}
"""The one pipeline that the RTL has: key of `noc` and its value."""


@dataclass(frozen=True, slots=True)
class MeshShape:
    """A mesh of `columns` x `rows` routers with `virtual_channels` a port, of `buffer_flits` each.

    `flit_bits` is the payload of a flit, the rest is added to it.
    """

    columns: int
    rows: int
    virtual_channels: int
    buffer_flits: int
    flit_bits: int

    def __post_init__(self) -> None:
        problems = [
            Problem(rule="must be at least 1", key=key, value=getattr(self, key))
            for key in self.__slots__
            if getattr(self, key) < 1
        ]
        if problems:
            raise InputError(problems)

    @classmethod
    def from_settings(cls, settings: NocSettings) -> MeshShape:
        """The shape of an architecture's network. Raises InputError for every setting that the RTL does not have."""
        network = settings.shape(queue_flits=1)
        problems = [
            Problem(rule="the RTL has no other router", key=f"noc.{key}", value=value, allowed=str(allowed))
            for key, allowed in IMPLEMENTED.items()
            if (value := getattr(network, key)) != allowed
        ]
        if problems:
            raise InputError(problems)
        return cls(
            settings.columns, settings.rows, settings.virtual_channels, settings.buffer_flits, settings.flit_bits
        )

    @property
    def nodes(self) -> int:
        return self.columns * self.rows

    @property
    def resources(self) -> int:
        """VCs of all inputs, or of all outputs, of a router; VC w of port o has number o * virtual_channels + w."""
        return PORTS * self.virtual_channels

    def place(self, node: int) -> tuple[int, int]:
        """Column and row of a node."""
        return node % self.columns, node // self.columns
