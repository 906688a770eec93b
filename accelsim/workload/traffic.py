"""Synthetic traffic for a network: which node sends to which, and when packets are created.

Nodes are numbered as on the network: node n is at router n // concentration, which stands in column x = router %
columns and row y = router // columns; patterns are defined on this grid whatever the links between routers are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InputError, Problem

PATTERNS = ("uniform", "transpose", "bit_complement", "neighbor", "hotspot")
BLOCK = 1 << 20
"""Pairs of nodes that are looked at together."""

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Grid:
    """Where nodes are: a grid of routers, `dimensions` of which count (2: mesh, torus; 1: ring; 0: one crossbar)."""

    columns: int
    rows: int
    concentration: int = 1
    dimensions: int = 2

    @property
    def nodes(self) -> int:
        return self.columns * self.rows * self.concentration


@dataclass(frozen=True, slots=True)
class Created:
    """Packets as they are created, int64 arrays of one length in order of creation, then source."""

    cycle: Integers
    source: Integers
    destination: Integers


class Traffic(Protocol):
    """Says which packets are created in the first `cycles` cycles at a rate of `rate` flits a node and cycle."""

    @property
    def name(self) -> str: ...
    @property
    def packet_flits(self) -> int: ...
    def create(self, rate: float, cycles: int, seed: int) -> Created: ...
    def pairs(self) -> Iterator[tuple[Integers, Integers, NDArray[np.float64]]]:
        """All pairs of source and destination with their shares of the packets, in blocks; shares add up to 1."""
        ...


@dataclass(frozen=True, slots=True)
class Pattern:
    """Bernoulli traffic: in each cycle each node creates a packet with probability rate / packet_flits.

    Either every source has one `partner`, or every packet draws its destination with `weights` (integers), whatever
    its source, which may be drawn itself.
    """

    name: str
    packet_flits: int
    nodes: int
    partner: Integers | None = None
    weights: Integers | None = None

    def create(self, rate: float, cycles: int, seed: int) -> Created:
        """See `Traffic`. The same seed gives the same packets; more cycles give the same ones and then more."""
        times, places = np.random.default_rng([seed, 0]), np.random.default_rng([seed, 1])
        slots = bernoulli_slots(times, rate / self.packet_flits, cycles * self.nodes)
        source = slots % self.nodes
        return Created(slots // self.nodes, source, self._destinations(places, source))

    def pairs(self) -> Iterator[tuple[Integers, Integers, NDArray[np.float64]]]:
        """See `Traffic`."""
        nodes = np.arange(self.nodes)
        if self.partner is not None:
            yield nodes, self.partner, np.full(self.nodes, 1 / self.nodes)
            return
        weights = np.ones(self.nodes) if self.weights is None else self.weights.astype(np.float64)
        share = weights / weights.sum() / self.nodes
        for block in np.array_split(nodes, max(1, self.nodes**2 // BLOCK)):
            yield np.repeat(block, self.nodes), np.tile(nodes, len(block)), np.tile(share, len(block))

    def _destinations(self, rng: np.random.Generator, source: Integers) -> Integers:
        if self.partner is not None:
            return self.partner[source]
        if self.weights is None:
            return rng.integers(0, self.nodes, len(source))
        below = np.cumsum(self.weights)
        return np.searchsorted(below, rng.integers(0, below[-1], len(source)), side="right").astype(np.int64)


def bernoulli_slots(rng: np.random.Generator, probability: float, slots: int) -> Integers:
    """Which of so many slots hold something, each with a probability: gaps between them are geometric."""
    expected = slots * probability
    block = int(expected + 6 * np.sqrt(expected) + 16)
    found: list[Integers] = []
    last = -1
    while last < slots:
        # Gaps of a tiny probability add up to more than 64 bits hold; those beyond the slots are all the same.
        found.append(last + np.cumsum(np.minimum(rng.geometric(probability, block), slots + 1)))
        last = int(found[-1][-1])
    joined: Integers = np.concatenate(found)
    return joined[: int(np.searchsorted(joined, slots))]


def make_pattern(
    name: str, grid: Grid, packet_flits: int, hotspot_nodes: Sequence[int] = (), hotspot_weight: int = 4
) -> Pattern:
    """The traffic pattern of a name (see `PATTERNS`), as BookSim 2 defines them; InputError where it is undefined.

    uniform: every node with equal probability, the source included. transpose: (x, y) to (y, x). bit_complement: n to
    nodes - 1 - n. neighbor: one router further in every dimension, wrapping round. hotspot: as uniform, but
    `hotspot_nodes` (the first node of the middle router, at column columns // 2 and row rows // 2) weigh
    `hotspot_weight`, the others 1.
    """
    if name == "uniform":
        return Pattern(name, packet_flits, grid.nodes)
    if name == "hotspot":
        weights = np.ones(grid.nodes, np.int64)
        weights[hot_nodes(grid, hotspot_nodes)] = hotspot_weight
        return Pattern(name, packet_flits, grid.nodes, weights=weights)
    partner = {"transpose": _transpose, "bit_complement": _bit_complement, "neighbor": _neighbor}[name](grid)
    return Pattern(name, packet_flits, grid.nodes, partner=partner)


def _undefined(name: str, rule: str, value: object, allowed: str) -> InputError:
    return InputError(Problem(rule, key=f"--traffic {name}", value=value, allowed=allowed))


def _transpose(grid: Grid) -> Integers:
    if grid.columns != grid.rows:
        size = f"{grid.columns} x {grid.rows}"
        raise _undefined("transpose", "swaps columns and rows, so there must be as many of both", size, "a square")
    router, local = np.divmod(np.arange(grid.nodes), grid.concentration)
    y, x = np.divmod(router, grid.columns)
    partner: Integers = (x * grid.columns + y) * grid.concentration + local
    return partner


def _bit_complement(grid: Grid) -> Integers:
    if grid.nodes & (grid.nodes - 1):
        rule = "complements the bits of a node's number, so the nodes must be a power of two"
        raise _undefined("bit_complement", rule, grid.nodes, "2, 4, 8, 16, ...")
    return np.arange(grid.nodes)[::-1].copy()


def _neighbor(grid: Grid) -> Integers:
    node = np.arange(grid.nodes)
    if grid.dimensions == 0:
        return (node + 1) % grid.nodes
    router, local = np.divmod(node, grid.concentration)
    if grid.dimensions == 1:
        return (router + 1) % (grid.columns * grid.rows) * grid.concentration + local
    y, x = np.divmod(router, grid.columns)
    further: Integers = (y + 1) % grid.rows * grid.columns + (x + 1) % grid.columns
    return further * grid.concentration + local


def hot_nodes(grid: Grid, asked: Sequence[int] = ()) -> list[int]:
    """The nodes asked for, each once, or the first of the middle router; InputError where the network lacks one."""
    outside = [node for node in asked if not 0 <= node < grid.nodes]
    if outside:
        raise InputError(
            Problem("is no node of the network", key="--hotspot-nodes", value=node, allowed=f"0 to {grid.nodes - 1}")
            for node in outside
        )
    middle = (grid.rows // 2 * grid.columns + grid.columns // 2) * grid.concentration
    return sorted(set(asked)) or [middle]


def dispersion(created: Created, nodes: int, cycles: int, window: int) -> float:
    """Index of dispersion of the packets that a node creates in `window` cycles: variance over mean of their number.

    Over all nodes and whole windows; Bernoulli traffic of probability p has 1 - p, bursts have more.
    """
    windows = cycles // window
    inside = created.cycle < windows * window
    place = created.source[inside] * windows + created.cycle[inside] // window
    # Only windows that hold a packet are looked at: a long run of rare packets has many more.
    _, counts = np.unique(place, return_counts=True)
    if not len(counts):
        return 0.0
    mean = counts.sum() / (nodes * windows)
    return float((counts**2).sum() / counts.sum() - mean)
