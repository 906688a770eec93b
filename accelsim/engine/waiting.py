"""Who waits for whom in a network that does not move: the evidence of a deadlock."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from accelsim.engine.topology import NetworkShape
from accelsim.kernels import network_state as n


def describe_waiting(shape: NetworkShape, network: n.Network) -> list[str]:
    """A line for each input VC that holds flits, and the cycle of waiting packets if there is one."""
    return Waiting(shape, network).lines()


class Waiting:
    """The wait-for graph of a network that does not move. Its nodes are input VCs, by index."""

    def __init__(self, shape: NetworkShape, network: n.Network) -> None:
        self.shape = shape
        self.network = network

    def lines(self) -> list[str]:
        """What waits, in order of routers, and then a cycle of it."""
        held = [int(queue) for queue in np.flatnonzero(self.network.vc[:, n.COUNT])]
        lines = [f"  {self.name(queue)}: {self.contents(queue)}, {self.reason(queue)}" for queue in held]
        cycle = next((cycle for queue in held if (cycle := self.cycle_from(queue))), [])
        if cycle:
            lines.append("  a cycle of waiting packets:")
            lines += [f"    {self.packet_name(queue)} in {self.name(queue)} waits for" for queue in cycle]
            lines.append(f"    {self.packet_name(cycle[0])} in {self.name(cycle[0])}")
        return lines

    def place(self, queue: int) -> tuple[int, int, int]:
        """Router, port and VC of an input VC."""
        index, vc = divmod(queue, self.shape.virtual_channels)
        router, port = divmod(index, self.shape.ports)
        return router, port, vc

    def name(self, queue: int) -> str:
        router, port, vc = self.place(queue)
        return f"router {router}, input {self.shape.port_name(port)}, VC {vc}"

    def front(self, queue: int) -> int:
        """The flit at the front of an input VC."""
        places = self.network.shape.places + 1
        return int(self.network.fifo[queue * places + self.network.vc[queue, n.FRONT]])

    def contents(self, queue: int) -> str:
        count = int(self.network.vc[queue, n.COUNT])
        return f"{count} flit{'s' if count > 1 else ''}, the first of {self.packet_name(queue)}"

    def packet_name(self, queue: int) -> str:
        """The packet at the front of an input VC, or whose remaining flits it expects."""
        while not self.network.vc[queue, n.COUNT]:
            queue = self.upstream(queue)[0]
        flit = self.front(queue)
        entry = self.network.packet[flit >> n.PACKET_SHIFT]
        target = flit >> n.TARGET_SHIFT & n.TARGET_MASK
        where = f"node {target}" if target < n.TREES else f"tree {target - n.TREES}"
        return f"packet {entry[n.P_NUMBER]} from node {entry[n.P_SOURCE]} to {where}"

    def has(self, queue: int, mask: int) -> bool:
        router, port, vc = self.place(queue)
        return bool(self.network.router[router, mask] >> (port * self.shape.virtual_channels + vc) & 1)

    def branches(self, queue: int) -> Iterator[tuple[int, int | None]]:
        """Outputs by which the packet at the front still leaves, and its VC there if any."""
        state = self.network.vc[queue]
        if self.has(queue, n.FORKED):
            fork = self.network.fork[queue]
            for out in range(self.shape.ports):
                if fork[n.FORK_OPEN] >> out & 1:
                    branch = self.network.branch[queue * self.shape.ports + out]
                    held = bool(fork[n.FORK_HELD] >> out & 1)
                    yield out, int(branch[n.BRANCH_VC]) if held else None
        elif self.has(queue, n.ACTIVE):
            yield int(state[n.OUT_PORT]), int(state[n.OUT_VC])
        elif self.has(queue, n.WAITING):
            yield int(state[n.OUT_PORT]), None

    def wanted(self, queue: int, out: int) -> int:
        """Mask of the VCs of an output that the packet at the front asks for."""
        router, port, vc = self.place(queue)
        row = self.network.port[router * self.shape.ports + out]
        half = self.network.shape.half
        requester = port * self.shape.virtual_channels + vc
        upper = (1 << self.shape.virtual_channels) - (1 << half) if row[n.WANT_UPPER] >> requester & 1 else 0
        return upper | ((1 << half) - 1 if row[n.WANT_LOWER] >> requester & 1 else 0)

    def reason(self, queue: int) -> str:
        """Why the packet at the front does not move."""
        router = self.place(queue)[0]
        reasons = []
        for out, vc in self.branches(queue):
            row = self.network.port[router * self.shape.ports + out]
            name = self.shape.port_name(out)
            if vc is None and not row[n.FREE] & self.wanted(queue, out):
                reasons.append(f"waits for a VC of output {name}")
            elif vc is not None and not row[n.CREDIT] >> vc & 1:
                reasons.append(f"waits for a credit of output {name}, VC {vc}")
        return "; ".join(reasons) or "is not blocked"

    def blockers(self, queue: int) -> Iterator[int]:
        """Input VCs that must move before the packet at the front of this one, or behind it, can."""
        router = self.place(queue)[0]
        if not self.network.vc[queue, n.COUNT]:
            yield from self.upstream(queue)
            return
        for out, vc in self.branches(queue):
            row = self.network.port[router * self.shape.ports + out]
            if vc is None and not row[n.FREE] & (wanted := self.wanted(queue, out)):
                yield from self.owners(router, out, wanted)
            elif vc is not None and not row[n.CREDIT] >> vc & 1 and row[n.PEER] >= 0:
                there = (int(row[n.PEER]) >> n.PEER_INDEX) * self.shape.virtual_channels + vc
                if self.network.vc[there, n.COUNT]:
                    yield there

    def owners(self, router: int, out: int, vcs: int) -> Iterator[int]:
        """Input VCs of a router whose packets own any of some VCs of an output."""
        each = self.shape.ports * self.shape.virtual_channels
        for queue in range(router * each, (router + 1) * each):
            if any(out == port and vc is not None and vcs >> vc & 1 for port, vc in self.branches(queue)):
                yield queue

    def upstream(self, queue: int) -> list[int]:
        """The input VC of the router before that sends into this one; none behind a source."""
        router, port, vc = self.place(queue)
        peer = int(self.network.port[router * self.shape.ports + port, n.PEER])
        if peer < 0:
            return []
        there = peer & n.PEER_ROUTER_MASK
        return list(self.owners(there, peer >> n.PEER_PORT & n.PEER_PORT_MASK, 1 << vc))

    def cycle_from(self, queue: int) -> list[int]:
        """The cycle that following the first blocker of each ends in; empty if it ends elsewhere."""
        seen: list[int] = []
        following: int | None = queue
        while following is not None and following not in seen:
            seen.append(following)
            following = next(self.blockers(following), None)
        cycle = [] if following is None else seen[seen.index(following) :]
        # A packet that fills several VCs is named once, where its head is.
        names = [self.packet_name(here) for here in cycle]
        return [here for here, name, after in zip(cycle, names, names[1:] + names[:1], strict=True) if name != after]
