"""Memory wired to a tile: transfers asked for and bytes stored by hand, without a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from bare_fabric import MEMORY, TILE, contents, fabric

from accelsim.engine.fabric import MemoryShape
from accelsim.engine.groups import GroupTable
from accelsim.engine.topology import direct
from accelsim.kernels import delivery
from accelsim.kernels import state as k


def ports(*rates: Fraction | None, latency: int = 0, write_buffer_bytes: int = 256) -> MemoryShape:
    """A port of each of the rates, in bytes a cycle; None: no limit."""
    return replace(
        MEMORY,
        nodes=tuple(range(1, 1 + len(rates))),
        ports=rates,
        latency_cycles=latency,
        write_buffer_bytes=write_buffer_bytes,
    )


class DirectDriver:
    """A tile at node 0, and transfers of (channel, bytes) to it. Life cycle: `request`, `store` and `step`."""

    def __init__(self, sizes: Sequence[tuple[int, int]], memory: MemoryShape) -> None:
        groups = GroupTable()
        self.triggers = [groups.add(f"request {n}", 1, fires=n) for n in range(len(sizes))]
        self.arrivals = [groups.add(f"bytes {n}", size) for n, (_, size) in enumerate(sizes)]
        transfers = []
        for number, (channel, size) in enumerate(sizes):
            row = [0] * k.TRANSFER_COLUMNS
            row[k.D_CHANNEL], row[k.D_BYTES], row[k.D_KIND] = channel, size, k.WEIGHTS
            row[k.D_FIRST], row[k.D_COUNT] = number, 1
            transfers.append(row)
        held = contents(transfers=transfers, destinations=[(0, group) for group in self.arrivals])
        self.fabric = fabric(groups, held, direct(1 + len(memory.nodes)), TILE, memory)

    def request(self, *transfers: int) -> None:
        """What an actor asks for before the cycle that is stepped next."""
        for transfer in transfers:
            self.fabric.send_control(0, 1, self.triggers[transfer], 0)

    def store(self, channel: int, size: int) -> bool:
        """Store bytes as a tile does in the cycle that was stepped last. Returns whether they fit."""
        held = self.fabric
        return bool(delivery.store(held.clock, held.tiles, held.memory, channel, 0, size, 0, held.now - 1))

    def left(self) -> list[int]:
        """Bytes of each transfer that a tile still misses in the cycle that is stepped next, as it sees them."""
        return [int(self.fabric.clock.left[group]) for group in self.arrivals]

    def waiting(self, channel: int) -> int:
        """Bytes in a write buffer."""
        return int(self.fabric.memory.channel[channel, k.C_WRITES])

    def step(self) -> list[int]:
        """Step a cycle; bytes of each transfer that are still missing after it."""
        self.fabric.advance(self.fabric.now + 1)
        return self.left()

    def seen(self, cycles: int) -> list[list[int]]:
        """What is missing after each of some cycles."""
        return [self.step() for _ in range(cycles)]
