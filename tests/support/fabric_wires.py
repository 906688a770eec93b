"""The wires of the compiled network: what it has posted for the cycle that is about to be stepped."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from wires import SOURCE, Credit, Flit, Wires

from accelsim.engine.replay import NetworkRun
from accelsim.engine.topology import home_of, neighbours
from accelsim.kernels import network_state as n


def simulate(run: NetworkRun) -> Wires:
    """Step a run until all has arrived and the wires are quiet."""
    watched = Watched(run)
    last = int(run.packets.created.max(initial=0))
    t = quiet = 0
    while quiet < watched.slots or run.in_flight or run.now <= last:
        run.run(until=t)
        quiet = 0 if watched.look(t) else quiet + 1
        t += 1
    watched.seen.sort()
    return watched.seen


class Watched:
    """The far ends of all wires of a run."""

    def __init__(self, run: NetworkRun) -> None:
        self.network = run.network
        self.slots = len(run.network.wheel_wake)
        self.seen = Wires()
        shape = run.shape
        self.homes = [home_of(shape, node) for node in range(shape.nodes)]
        self.senders = {(there, entry): (router, port) for router, port, there, entry in neighbours(shape)}
        self.senders |= {home: (node, SOURCE) for node, home in enumerate(self.homes)}

    def look(self, t: int) -> bool:
        """Note all that reaches the far end of a wire in cycle t. Returns whether anything does."""
        network, shape, seen = self.network, self.network.shape, self.seen
        before = len(seen.flits) + len(seen.credits)
        inputs = self.now(network.wheel_flit, t)
        for router, port in bits(self.now(network.wheel_flits, t)):
            seen.flits.append(as_flit(t, self.senders[router, port], inputs[router * shape.ports + port]))
        sinks = self.now(network.wheel_sink, t)
        for node in np.flatnonzero(sinks).tolist():
            seen.flits.append(as_flit(t, self.homes[node], sinks[node]))
        for router, resource in bits(self.now(network.wheel_credits, t)):
            seen.credits.append(Credit(t, router, *divmod(resource, shape.vcs)))
        for node, vc in bits(self.now(network.wheel_source, t)):
            seen.credits.append(Credit(t, node, SOURCE, vc))
        return len(seen.flits) + len(seen.credits) > before

    def now(self, wheel: NDArray[np.int64], t: int) -> NDArray[np.int64]:
        """The slot of a wheel for cycle t."""
        slot: NDArray[np.int64] = wheel.reshape(self.slots, -1)[t % self.slots]
        return slot


def bits(masks: NDArray[np.int64]) -> list[tuple[int, int]]:
    """(index, bit) of the ones of some masks."""
    return [
        (index, bit)
        for index in np.flatnonzero(masks).tolist()
        for bit in range(int(masks[index]).bit_length())
        if masks[index] >> bit & 1
    ]


def as_flit(t: int, sender: tuple[int, int], word: np.int64) -> Flit:
    flit = int(word)
    vc = flit >> n.VC_SHIFT & n.VC_MASK
    return Flit(t, *sender, vc, flit >> n.PACKET_SHIFT, bool(flit & n.HEAD), bool(flit & n.TAIL))
