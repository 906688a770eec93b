"""Proof that packets cannot wait for each other in a circle: the channel dependency graph and its cycles.

A channel is a class of virtual channels of a link between routers. It depends on those that a packet in it may ask for
next. If no channel depends on itself over others, then packets always move on (Dally and Seitz 1987). Of adaptive
routes all permitted outputs count, so that no choice among them can deadlock. Channels to and from nodes are left out:
nothing waits for a source, and a sink takes whatever arrives.

A packet for several nodes waits at the front of its virtual channel for the outputs of its branches. As it fits into
the buffers, no branch waits for another one: a tree adds the dependencies of each of its branches and no more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from itertools import product
from typing import NamedTuple

from accelsim.engine.routes import Route, permitted_hops
from accelsim.engine.topology import NetworkShape, neighbours


class Channel(NamedTuple):
    """A class of the virtual channels of the link by which a port leaves a router."""

    router: int
    port: int
    vc_class: int


Dependencies = dict[Channel, set[Channel]]

Step = tuple[Channel, Channel | None]
"""A channel on a packet's way and one that it may take next; none where it arrives."""


def find_cycle(shape: NetworkShape, route: Route = permitted_hops) -> tuple[Channel, ...] | None:
    """Channels of which each depends on the next and the last on the first; None proves that no packets can deadlock.

    Work grows with the square of the number of routers.
    """
    try:
        TopologicalSorter(dependencies(shape, route)).prepare()
    except CycleError as error:
        # Each of these is among the dependencies of the one after it; the last is the first.
        return tuple(reversed(error.args[1][1:]))
    return None


def dependencies(shape: NetworkShape, route: Route = permitted_hops) -> Dependencies:
    """The channel dependency graph of all packets to one node and to several, over all choices of `route`."""
    links = {(router, port): there for router, port, there, _ in neighbours(shape)}
    graph: Dependencies = defaultdict(set)
    for start in range(shape.routers):
        steps: dict[tuple[int, int], set[Step]] = defaultdict(set)
        for end in range(shape.routers):
            for channel, after in steps_between(shape, route, links, start, end):
                steps[channel.router, channel.port].add((channel, after))
        for found in steps.values():
            # A tree takes the lowest class that any node behind a link needs. Any tree has, on a link and the one after
            # it, the classes that two of its nodes have together: the two that need the lowest class of either.
            for one, other in product(found, repeat=2):
                channel, after = together(one, other)
                graph[channel].update([] if after is None else [after])
    return dict(graph)


def steps_between(
    shape: NetworkShape, route: Route, links: dict[tuple[int, int], int], start: int, end: int
) -> Iterator[Step]:
    """Every step that a packet from router `start` to router `end` may take."""
    reached, to_visit = {start}, [start]
    while to_visit:
        here = to_visit.pop()
        for hop in route(shape, here, start, end):
            there = links[here, hop.port]
            channel = Channel(here, *hop)
            onward: list[Channel | None] = [Channel(there, *next_hop) for next_hop in route(shape, there, start, end)]
            yield from ((channel, after) for after in onward or [None])
            if there not in reached:
                reached.add(there)
                to_visit.append(there)


def together(one: Step, other: Step) -> Step:
    """The step of `one` in a tree whose other nodes take the step of `other` from the same link."""
    (channel, after), (channel_too, after_too) = one, other
    if after is not None and after_too is not None and after[:2] == after_too[:2]:
        after = min(after, after_too)
    return min(channel, channel_too), after
