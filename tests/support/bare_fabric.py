"""A fabric of a few nodes without a mapping: passes, routes and transfers are given by the test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from accelsim.engine.fabric import (
    BINS,
    Contents,
    Fabric,
    MemoryShape,
    TileShape,
    make_clock,
    make_memory,
    make_tiles,
    packets_under_way,
)
from accelsim.engine.groups import GroupTable
from accelsim.engine.layout import bit_planes
from accelsim.engine.network import make_network
from accelsim.engine.sram import SramShape
from accelsim.engine.topology import NetworkShape
from accelsim.kernels import state as k
from accelsim.kernels import steps
from accelsim.kernels.payload import DENSE

NETWORK = NetworkShape(
    topology="mesh",
    columns=2,
    rows=1,
    concentration=1,
    routing="xy",
    virtual_channels=1,
    buffer_flits=8,
    routing_cycles=0,
    vc_allocation_cycles=1,
    switch_allocation_cycles=1,
    traversal_cycles=1,
    credit_cycles=0,
    speculative=True,
    link_cycles=1,
    queue_flits=64,
)
TILE = TileShape(
    rows=4,
    line_words=8,
    fifo_words=16,
    weight_banks=4,
    spike_banks=4,
    spike_sram=SramShape(width_bits=32, depth_words=64),
    weight_sram=SramShape(width_bits=32, depth_words=64, interleaving=k.DIAGONAL),
    pixels=4,
    results=2,
    spike_latency_cycles=2,
    pipeline_cycles=2,
    skips=True,
    payload_bits=1024,
    header_bits=32,
    flit_bits=64,
    payload=DENSE,
)
MEMORY = MemoryShape(
    nodes=(1,), bytes_per_cycle=None, latency_cycles=0, chunk_bytes=64, chunks=4, write_buffer_bytes=256
)


def contents(
    words: Sequence[int] = (0,),
    routes: Sequence[Sequence[int]] = (),
    transfers: Sequence[Sequence[int]] = (),
    destinations: Sequence[Sequence[int]] = (),
    layers: int = 1,
) -> Contents:
    """Words as they lie in memory, and rows of the tables whose columns `accelsim.kernels.state` names."""

    def table(rows: Sequence[Sequence[int]], columns: int) -> np.ndarray:
        return np.array(rows, np.int64).reshape(-1, columns)

    return Contents(
        planes=bit_planes(np.array(words, np.int64), max(1, max(words).bit_length())),
        words=np.array(words, np.int64),
        weights=np.zeros(1, np.int8),
        bias=np.zeros(1, np.int64),
        theta=np.ones(1, np.int64),
        outputs=np.zeros(1, np.int64),
        membrane_pixels=1,
        routes=table(routes, k.ROUTE_COLUMNS),
        transfers=table(transfers, k.TRANSFER_COLUMNS),
        destinations=table(destinations, 2),
        trees=(),
        layers=layers,
        verify=False,
        outs=4,
        steps=np.zeros((0, steps.STEP_COLUMNS), np.int64),
        counts=np.zeros((0, k.EVENTS), np.int64),
    )


def fabric(
    groups: GroupTable,
    held: Contents | None = None,
    network: NetworkShape = NETWORK,
    tile: TileShape = TILE,
    memory: MemoryShape = MEMORY,
    tile_nodes: Sequence[int] = (0,),
) -> Fabric:
    """A fabric at cycle 0: by default a tile at node 0 and an ideal memory at node 1."""
    held = held or contents()
    return Fabric(
        network,
        make_clock(groups),
        make_network(network, packets_under_way(network), bins=BINS, layers=held.layers),
        make_tiles(tile, tile_nodes, network, held),
        make_memory(memory, network, held),
    )


def mesh(columns: int, rows: int, **changed: int | bool) -> NetworkShape:
    """NETWORK in another size, with what else is to differ."""
    return replace(NETWORK, columns=columns, rows=rows, **changed)  # type: ignore[arg-type]


def bandwidth(numerator: int, denominator: int = 1, **changed: int | tuple[int, ...]) -> MemoryShape:
    """MEMORY with a finite number of bytes a cycle, and what else is to differ."""
    return replace(MEMORY, bytes_per_cycle=Fraction(numerator, denominator), **changed)  # type: ignore[arg-type]
