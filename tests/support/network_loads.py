"""Random networks and packets for property tests."""

from __future__ import annotations

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from network_shapes import NetworkShape, Packets, packets, shape

ROUTINGS = {
    "mesh": ("xy", "yx", "west_first", "odd_even"),
    "torus": ("xy", "yx"),
    "ring": ("xy",),
    "crossbar": ("xy",),
}
ADAPTIVE = ("west_first", "odd_even")


@st.composite
def shapes(draw: st.DrawFn, delays: bool = True) -> NetworkShape:
    """Any network that cannot deadlock, up to 35 routers; single-cycle stages unless `delays`."""
    topology = draw(st.sampled_from(sorted(ROUTINGS)))
    columns, rows = draw(st.sampled_from([(1, 1), (2, 1), (1, 3), (2, 2), (3, 2), (3, 3), (4, 3), (7, 1), (7, 5)]))
    concentration = draw(st.sampled_from([1, 1, 1, 2, 3]))
    changed: dict[str, int | bool | str] = {"concentration": concentration}
    changed["routing"] = draw(st.sampled_from(ROUTINGS[topology]))
    ports = shape(topology, columns, rows, concentration=concentration).ports
    fewest, most = 2 if topology in ("torus", "ring") else 1, 62 // ports
    assume(fewest <= most)
    changed["virtual_channels"] = draw(st.one_of(st.integers(fewest, min(5, most)), st.integers(fewest, most)))
    changed["buffer_flits"] = draw(st.one_of(st.integers(1, 6), st.integers(7, 40)))
    changed["speculative"] = draw(st.booleans())
    changed["link_cycles"] = draw(st.integers(1, 2 + 2 * delays))
    changed["routing_cycles"] = draw(st.integers(0, 1 + 3 * delays))
    if delays:
        changed["credit_cycles"] = draw(st.integers(0, 4))
        for stage in ("vc_allocation_cycles", "switch_allocation_cycles", "traversal_cycles"):
            changed[stage] = draw(st.one_of(st.just(1), st.integers(1, 4)))
    return shape(topology, columns, rows, **changed)


@st.composite
def loads(draw: st.DrawFn, network: NetworkShape, most: int = 80) -> Packets:
    """Packets between any nodes, to a node itself too: spread or in bursts, to all nodes or a few, to sets of nodes."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(1, most))
    burst = draw(st.sampled_from([1, 1, 8]))
    created = np.sort(random.integers(0, draw(st.sampled_from([1, 20, 100, 400])), count) // burst * burst)
    source = random.integers(0, network.nodes, count)
    targets = draw(st.sampled_from([1, max(1, network.nodes // 2), network.nodes]))
    destination = random.integers(0, targets, count)
    flits = random.integers(1, draw(st.sampled_from([1, 2, 9, 40])) + 1, count)
    sets: list[list[int]] = []
    if network.routing not in ADAPTIVE and draw(st.booleans()):
        for index in np.flatnonzero(random.random(count) < draw(st.sampled_from([0.1, 0.5, 1.0]))):
            nodes = random.permutation(network.nodes)[: random.integers(1, network.nodes + 1)]
            destination[index] = -1 - len(sets)
            sets.append(sorted(nodes.tolist()))
            if len(nodes) > 1:
                flits[index] = min(flits[index], network.buffer_flits)
    return packets(np.stack([created, source, destination, flits], axis=1).tolist(), sets)


@st.composite
def networks_with_loads(draw: st.DrawFn, delays: bool = True, most: int = 80) -> tuple[NetworkShape, Packets]:
    network = draw(shapes(delays))
    return network, draw(loads(network, most))
