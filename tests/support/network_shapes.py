"""Shapes and packets for tests of the network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from accelsim.engine.replay import Packets
from accelsim.engine.topology import NetworkShape


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


def offsets(network: NetworkShape, one: Any, other: Any) -> tuple[Any, Any]:
    """Links in +x and in +y between two routers, or those of each pair in arrays; where links wrap, the shorter way."""
    columns, rows = network.extent

    def along(size: int, apart: Any) -> Any:
        up = apart % size
        return np.where(2 * up > size, up - size, up) if network.wraps else apart

    return along(columns, other % columns - one % columns), along(rows, other // columns - one // columns)


def distance(network: NetworkShape, one: Any, other: Any) -> Any:
    """Links between two routers, or those of each pair in arrays."""
    x, y = offsets(network, one, other)
    return abs(x) + abs(y)
