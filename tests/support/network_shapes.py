"""Shapes and packets for tests of the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class NetworkShape:
    topology: str
    columns: int
    rows: int
    concentration: int
    routing: str
    virtual_channels: int
    buffer_flits: int
    routing_cycles: int
    vc_allocation_cycles: int
    switch_allocation_cycles: int
    traversal_cycles: int
    credit_cycles: int
    speculative: bool
    link_cycles: int
    queue_flits: int

    @property
    def routers(self) -> int:
        return 1 if self.topology == "crossbar" else self.columns * self.rows

    @property
    def nodes(self) -> int:
        return self.columns * self.rows * self.concentration

    @property
    def ports(self) -> int:
        local = self.nodes if self.topology == "crossbar" else self.concentration
        return {"mesh": 4, "torus": 4, "ring": 2, "crossbar": 0}[self.topology] + local


@dataclass(frozen=True, slots=True)
class Packets:
    created: NDArray[np.int64]
    source: NDArray[np.int64]
    destination: NDArray[np.int64]
    flits: NDArray[np.int64]
    destination_sets: tuple[tuple[int, ...], ...] = ()


def shape(topology: str = "mesh", columns: int = 4, rows: int = 4, **changed: Any) -> NetworkShape:
    """A network of single-cycle stages with look-ahead routes and speculation, but for what is changed."""
    settings = {
        "concentration": 1,
        "routing": "xy",
        "virtual_channels": 2,
        "buffer_flits": 4,
        "routing_cycles": 0,
        "vc_allocation_cycles": 1,
        "switch_allocation_cycles": 1,
        "traversal_cycles": 1,
        "credit_cycles": 0,
        "speculative": True,
        "link_cycles": 1,
        "queue_flits": 64,
    }
    return NetworkShape(topology, columns, rows, **(settings | changed))  # type: ignore[arg-type]


def packets(rows: Sequence[Sequence[int]], sets: Sequence[Sequence[int]] = ()) -> Packets:
    """Packets of (created, source, destination, flits) rows; destination -1 - n is for all nodes of sets[n]."""
    columns = np.array(rows, np.int64).reshape(-1, 4).T
    return Packets(*columns, destination_sets=tuple(tuple(nodes) for nodes in sets))
