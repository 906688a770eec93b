"""Routes that may deadlock, to see a proof fail."""

from __future__ import annotations

from network_loads import ADAPTIVE
from network_routes import Route, Topology, Torus, topology_of
from network_shapes import NetworkShape


class FullyAdaptive(Topology):
    """Any output that leads nearer: all eight turns, four of which close a circle, and the other four its reverse."""

    def routes(self, router: int, node: int, source: int) -> list[Route]:
        places = zip(self.position(router), self.position(self.place(node)[0]), strict=True)
        return [self.along(dimension, here, there) for dimension, (here, there) in enumerate(places) if here != there]


class TurnsOnATorus(Torus):
    """A turn model of the mesh where links wrap: of the shorter ways round in x and y those that its turns permit."""

    def routes(self, router: int, node: int, source: int) -> list[Route]:
        here, there, start = (self.position(place) for place in (router, self.place(node)[0], self.place(source)[0]))
        ways = [self.along(axis, here[axis], there[axis]) for axis in (0, 1) if here[axis] != there[axis]]
        # Where the destination would be on a mesh without borders: as far on as the way round is long.
        sizes, unrolled = (self.columns, self.rows), list(there)
        for output, _ in ways:
            axis, down = divmod(output, 2)
            apart = there[axis] - here[axis]
            unrolled[axis] = here[axis] + (-(-apart % sizes[axis]) if down else apart % sizes[axis])
        model = {"west_first": self.west_first, "odd_even": self.odd_even}[self.shape.routing]
        outputs = model(here, (unrolled[0], unrolled[1]), start)
        return [way for way in ways if way.output in outputs]


def unchecked_topology_of(shape: NetworkShape) -> Topology:
    """The routes of any shape, as they would be of one that the configuration refuses."""
    if shape.topology == "torus" and shape.routing in ADAPTIVE:
        return TurnsOnATorus(shape)
    return topology_of(shape)
