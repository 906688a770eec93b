"""Routes of output packets, and the trees of those that go to several tiles at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from accelsim.engine.network import Tree
from accelsim.errors import InputError, Problem
from accelsim.kernels import network_state as n
from accelsim.kernels import state as k
from accelsim.mapping.plan import Box, LayerPlan, Plan, Range


def common(a: Range, b: Range) -> Range:
    """The part that two ranges share; empty when its first is not below its last."""
    return max(a[0], b[0]), min(a[1], b[1])


@dataclass(frozen=True, slots=True)
class Reader:
    """A part of a layer that reads output rows and channels of another layer's part."""

    layer: int
    part: int
    operand: int
    tile: int
    rows: Range
    channels: Range
    first_row: int
    """Of its box, in which the rows lie."""
    blocked_by: tuple[int, int] | None
    """Of its box."""


class Readers:
    """Who gets which outputs over the network."""

    def __init__(self, plan: Plan) -> None:
        self._bands: dict[tuple[int, int], dict[Range, list[tuple[int, int, Box]]]] = {}
        """(layer, operand) to the boxes of its parts, by rows: many parts read the same."""
        for entry in plan.layers:
            for number, part in enumerate(entry.parts):
                for operand, box in enumerate(part.strips[0].boxes):
                    bands = self._bands.setdefault((entry.index, operand), {})
                    bands.setdefault(box.rows, []).append((number, part.tile, box))

    def of(self, layer_plan: LayerPlan, rows: Range, group: Range) -> Iterator[Reader]:
        """Parts that read any of some rows and channels of a layer's outputs, and which of these."""
        for consumer, operand in layer_plan.consumers:
            for band, boxes in self._bands[consumer, operand].items():
                if rows[0] >= band[1] or band[0] >= rows[1]:
                    continue
                shared = common(rows, band)
                for number, tile, box in boxes:
                    channels = common(group, box.channels)
                    if channels[0] < channels[1]:
                        yield Reader(consumer, number, operand, tile, shared, channels, band[0], box.blocked_by)


def branches(readers: Iterable[Reader]) -> bool:
    """Whether a packet of a row goes to several tiles at once, where it may."""
    by_channels: dict[Range, list[Reader]] = {}
    for reader in readers:
        by_channels.setdefault(reader.channels, []).append(reader)
    return any(_overlap(sorted(alike, key=lambda reader: reader.rows)) for alike in by_channels.values())


def _overlap(readers: Sequence[Reader]) -> bool:
    """Whether two of the readers, first rows first, are in different tiles and read the same row."""
    upto: dict[int, int] = {}
    for reader in readers:
        if any(end > reader.rows[0] for tile, end in upto.items() if tile != reader.tile):
            return True
        upto[reader.tile] = max(reader.rows[1], upto.get(reader.tile, 0))
    return False


@dataclass(frozen=True, slots=True)
class Route:
    """Output rows that go to a node, where they count down consecutive groups, or for a store a single one."""

    node: int
    rows: Range
    group: int
    """Of the first row."""
    kind: int
    channels: Range
    words: int
    """Offset in words of Tiles.planes of the reader's first word of the map; for a store the bit address of its row."""
    skip: int = 0
    """Rows left out after each that goes."""

    def row(self) -> list[int]:
        """As a row of the route table."""
        row = [0] * k.ROUTE_COLUMNS
        row[k.R_TARGET] = self.node
        row[k.R_FIRST_ROW], row[k.R_LAST_ROW] = self.rows
        row[k.R_GROUP] = self.group
        row[k.R_GROUP_STRIDE] = int(self.kind == k.SPIKES)
        row[k.R_CHANNELS] = self.channels[1] - self.channels[0]
        row[k.R_KIND] = self.kind
        row[k.R_WORDS] = self.words + (self.channels[0] if self.kind == k.SPIKES else 0)
        row[k.R_SKIP] = self.skip
        return row

    def between(self, first: int, last: int) -> Route:
        """The part of the route for rows [first, last)."""
        return Route(self.node, (first, last), self.group + first - self.rows[0], self.kind, self.channels, self.words)


class TreeTable:
    """Multicast trees of a run, each made once, and the destinations of packets that take one."""

    def __init__(self) -> None:
        self.trees: list[Tree] = []
        self.members: list[tuple[int, int]] = []
        """(node, group), a run of them for each kind of packet."""
        self._numbers: dict[Tree, int] = {}

    def target(self, source: int, nodes: Sequence[int]) -> int:
        """The target of packets from a node to several, each named once. Raises InputError where trees run out."""
        tree = (source, tuple(sorted(nodes)))
        if tree not in self._numbers:
            if len(self.trees) == n.MOST_TREES:
                rule = f"this workload takes more than {n.MOST_TREES} trees of tiles on this chip"
                raise InputError(Problem(rule, key="noc.multicast", value="tree", allowed="none"))
            self._numbers[tree] = len(self.trees)
            self.trees.append(tree)
        return n.TREES + self._numbers[tree]


class RouteTable:
    """Collects the rows of the route table. With `trees` what several tiles read goes to them as one packet."""

    def __init__(self, trees: TreeTable | None) -> None:
        self.rows: list[list[int]] = []
        self._trees = trees

    def add(self, source: int, routes: Sequence[Route]) -> tuple[int, int]:
        """Rows for what a node sends to all of `routes`: (first, count)."""
        first = len(self.rows)
        stores = [route for route in routes if route.kind != k.SPIKES]
        spikes = [route for route in routes if route.kind == k.SPIKES]
        if self._trees is None:
            self.rows += [route.row() for route in spikes]
        else:
            self._add_shared(self._trees, source, spikes)
        self.rows += [route.row() for route in stores]
        return first, len(self.rows) - first

    def _add_shared(self, trees: TreeTable, source: int, routes: Sequence[Route]) -> None:
        bounds = sorted({bound for route in routes for bound in route.rows})
        for first, last in pairwise(bounds):
            left = [r.between(first, last) for r in routes if r.rows[0] <= first and last <= r.rows[1]]
            while left:
                # A packet reaches a node once: a second reader there gets its own.
                together: dict[int, Route] = {}
                for route in left:
                    if route.channels == left[0].channels:
                        together.setdefault(route.node, route)
                left = [r for r in left if together.get(r.node) is not r]
                self.rows.append(self._row(trees, source, list(together.values())))

    def _row(self, trees: TreeTable, source: int, routes: Sequence[Route]) -> list[int]:
        row = routes[0].row()
        if len(routes) > 1:
            row[k.R_TARGET] = trees.target(source, [route.node for route in routes])
            row[k.R_GROUP] = len(trees.members)
            trees.members += [(route.node, route.group) for route in routes]
        return row
