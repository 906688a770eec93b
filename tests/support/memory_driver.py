"""A memory controller on a small network: transfers asked for and bytes stored by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from bare_fabric import TILE, contents, fabric, mesh

from accelsim.engine.fabric import MemoryShape, TileShape
from accelsim.engine.groups import GroupTable
from accelsim.engine.topology import NetworkShape
from accelsim.kernels import delivery
from accelsim.kernels import network_state as n
from accelsim.kernels import state as k

ONE_FLIT = replace(TILE, flit_bits=4096, header_bits=0, weight_sram=replace(TILE.weight_sram, width_bits=4096))
"""Flits so wide that every chunk of the tests is a packet of one."""

WIDE = mesh(2, 1, queue_flits=64)


class MemoryDriver:
    """A channel at node 1 and transfers of the given bytes, each to a tile at node 0 (or `copies` times to it)."""

    def __init__(
        self,
        sizes: Sequence[int],
        memory: MemoryShape,
        network: NetworkShape = WIDE,
        copies: int = 1,
        tile: TileShape = ONE_FLIT,
        addresses: Sequence[int] = (),
    ) -> None:
        self.groups = GroupTable()
        self.triggers = [self.groups.add(f"request {n}", 1, fires=n) for n in range(len(sizes))]
        arrivals = [self.groups.add(f"bytes {n}", size * copies) for n, size in enumerate(sizes)]
        transfers = []
        for number, size in enumerate(sizes):
            row = [0] * k.TRANSFER_COLUMNS
            row[k.D_BYTES], row[k.D_KIND] = size, k.WEIGHTS
            row[k.D_FIRST], row[k.D_COUNT] = number * copies, copies
            row[k.D_ADDRESS] = addresses[number] if addresses else 0
            transfers.append(row)
        destinations = [(0, group) for group in arrivals for _ in range(copies)]
        held = contents(transfers=transfers, destinations=destinations)
        self.fabric = fabric(self.groups, held, network, tile, memory)
        self.sent: list[tuple[int, int]] = []
        """(cycle in which a packet was queued, transfer that it belongs to)"""
        self.arrivals = arrivals

    @property
    def channel(self) -> np.ndarray:
        return self.fabric.memory.channel[0]

    def request(self, *transfers: int) -> None:
        """What a request's arrival does, in the cycle before the one that is stepped next."""
        for transfer in transfers:
            delivery.count_down(self.fabric.clock, self.fabric.memory, self.triggers[transfer], 1)

    def step(self) -> None:
        held = self.fabric
        t, before = held.now, int(held.clock.scalars[k.SENT_PACKETS])
        slot = int(held.network.free[held.network.scalars[n.FREE_PACKETS] - 1])
        held.advance(t + 1)
        assert held.now == t + 1
        group = int(held.network.cargo[slot, n.CARGO_GROUP])
        if held.clock.scalars[k.SENT_PACKETS] > before and group in self.arrivals:
            self.sent.append((t, self.arrivals.index(group)))

    def run(self, longest: int = 100_000) -> list[int]:
        """Step until all has arrived; the cycles in which packets were queued."""
        while any(self.fabric.clock.left[group] for group in self.arrivals):
            assert self.fabric.now < longest, "bytes are lost"
            self.step()
        return [t for t, _ in self.sent]


def store(driver: MemoryDriver, created: int, payload: int, address: int = 0) -> None:
    """Queue a packet of one flit at node 0 whose bytes are to be written to DRAM."""
    held = driver.fabric
    packet = delivery.send(held.clock, held.network, 0, 1, 1, -1, 0, 0, k.STORE, payload, 0, created)
    held.network.cargo[packet, n.CARGO_ADDRESS] = address
