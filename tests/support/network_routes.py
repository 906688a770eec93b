"""Topologies and routes for the plain-Python network: who is whose neighbour, and which outputs a packet may take."""

from __future__ import annotations

from typing import NamedTuple

from accelsim.engine.topology import NetworkShape


class Route(NamedTuple):
    """An output port, and the VCs that may be asked for there."""

    output: int
    vcs: range


class Topology:
    """A mesh; the others change what differs. Router r is at (r % columns, r // columns)."""

    directions = 4

    def __init__(self, shape: NetworkShape) -> None:
        self.shape = shape
        self.columns: int = shape.columns
        self.rows: int = shape.rows
        self.all_vcs = range(shape.virtual_channels)

    def place(self, node: int) -> tuple[int, int]:
        """(router, port) of a node."""
        router, local = divmod(node, self.shape.concentration)
        return router, self.directions + local

    def position(self, router: int) -> tuple[int, int]:
        return router % self.columns, router // self.columns

    def neighbour(self, router: int, output: int) -> tuple[int, int] | None:
        """(router, input) at the other end of an output; none at the border, and none at a local port."""
        if output >= self.directions:
            return None
        x, y = self.position(router)
        dx, dy = [(1, 0), (-1, 0), (0, 1), (0, -1)][output]
        place = self.inside(x + dx, y + dy)
        return None if place is None else (place[1] * self.columns + place[0], [1, 0, 3, 2][output])

    def inside(self, x: int, y: int) -> tuple[int, int] | None:
        return (x, y) if 0 <= x < self.columns and 0 <= y < self.rows else None

    def routes(self, router: int, node: int, source: int) -> list[Route]:
        """The permitted outputs at a router for a packet from node `source` to `node`, the one in x first."""
        end, port = self.place(node)
        if router == end:
            return [Route(port, self.all_vcs)]
        here, there = self.position(router), self.position(end)
        columns = {"odd_even": self.odd_even, "west_first": self.west_first}.get(self.shape.routing)
        if columns is not None:
            return [
                Route(output, self.all_vcs) for output in columns(here, there, self.position(self.place(source)[0]))
            ]
        order = {"xy": (0, 1), "yx": (1, 0)}[self.shape.routing]
        dimension = next(dimension for dimension in order if here[dimension] != there[dimension])
        return [self.along(dimension, here[dimension], there[dimension])]

    def along(self, dimension: int, here: int, there: int) -> Route:
        return Route(2 * dimension + (there < here), self.all_vcs)

    def west_first(self, here: tuple[int, int], there: tuple[int, int], _: tuple[int, int]) -> list[int]:
        """Glass and Ni (1992): all hops to -x come first; after them any output that leads nearer."""
        (x, y), (x_end, y_end) = here, there
        if x_end < x:
            return [1]
        outputs = [0] if x_end > x else []
        if y_end != y:
            outputs.append(2 if y_end > y else 3)
        return outputs

    def odd_even(self, here: tuple[int, int], there: tuple[int, int], start: tuple[int, int]) -> list[int]:
        """The minimal ROUTE function of Chiu (2000), columns counted from 0."""
        (x, y), (x_end, y_end) = here, there
        vertical = 2 if y_end > y else 3
        if x_end == x:
            return [vertical]
        if x_end > x:
            if y_end == y:
                return [0]
            eastward = [0] if x_end % 2 == 1 or x_end - x != 1 else []
            return eastward + ([vertical] if x % 2 == 1 or x == start[0] else [])
        return [1] + ([vertical] if y_end != y and x % 2 == 0 else [])


class Torus(Topology):
    """Borders wrap round; the link between the last router and the first is the dateline (Dally and Seitz 1987)."""

    def inside(self, x: int, y: int) -> tuple[int, int] | None:
        wrapped = x % self.columns, y % self.rows
        # A dimension of one router has no links.
        moved_x = not 0 <= x < self.columns
        moved_y = not 0 <= y < self.rows
        return None if (moved_x and self.columns == 1) or (moved_y and self.rows == 1) else wrapped

    def along(self, dimension: int, here: int, there: int) -> Route:
        count = (self.columns, self.rows)[dimension]
        up = (there - here) % count
        backward = count - up < up
        still_crosses = here < there if backward else here > there
        return Route(2 * dimension + backward, self.vc_class(still_crosses))

    def vc_class(self, still_crosses: bool) -> range:
        """The lower VCs before the dateline and on it, the upper ones after it; a single VC has no classes."""
        count = len(self.all_vcs)
        if count == 1:
            return self.all_vcs
        return self.all_vcs[: count // 2] if still_crosses else self.all_vcs[count // 2 :]


class Ring(Torus):
    """All routers in one dimension."""

    directions = 2

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__(shape)
        self.columns, self.rows = self.columns * self.rows, 1


class Crossbar(Topology):
    """One router with every node at a port of it."""

    directions = 0

    def place(self, node: int) -> tuple[int, int]:
        return 0, node


def topology_of(shape: NetworkShape) -> Topology:
    kinds = {"mesh": Topology, "torus": Torus, "ring": Ring, "crossbar": Crossbar}
    return kinds[shape.topology](shape)
