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

from network_routes import Topology


class Channel(NamedTuple):
    """Virtual channels of the link by which an output leaves a router: a class of them, named by its first."""

    router: int
    output: int
    first_vc: int


Dependencies = dict[Channel, set[Channel]]

Step = tuple[Channel, Channel | None]
"""A channel on a packet's way and one that it may take next; none where it arrives."""


def find_cycle(topology: Topology) -> tuple[Channel, ...] | None:
    """Channels of which each depends on the next and the last on the first; None proves that no packets can deadlock.

    Work grows with the square of the number of routers.
    """
    try:
        TopologicalSorter(dependencies(topology)).prepare()
    except CycleError as error:
        # Each of these is among the dependencies of the one after it; the last is the first.
        return tuple(reversed(error.args[1][1:]))
    return None


def dependencies(topology: Topology) -> Dependencies:
    """The channel dependency graph of all packets to one node and to several, over all routes that are permitted."""
    # Nodes that share a router share all links between routers.
    nodes = {topology.place(node)[0]: node for node in range(topology.shape.nodes)}.values()
    graph: Dependencies = defaultdict(set)
    for source in nodes:
        steps: dict[tuple[int, int], set[Step]] = defaultdict(set)
        for node in nodes:
            for channel, after in steps_between(topology, source, node):
                steps[channel.router, channel.output].add((channel, after))
        for found in steps.values():
            # A tree takes the lowest class that any node behind a link needs. Any tree has, on a link and the one after
            # it, the classes that two of its nodes have together: the two that need the lowest class of either.
            for one, other in product(found, repeat=2):
                channel, after = together(one, other)
                graph[channel].update([] if after is None else [after])
    return dict(graph)


def steps_between(topology: Topology, source: int, node: int) -> Iterator[Step]:
    """Every step that a packet between two nodes may take."""
    reached, to_visit = set(), [topology.place(source)[0]]
    while to_visit:
        here = to_visit.pop()
        if here in reached:
            continue
        reached.add(here)
        for channel in channels(topology, here, source, node):
            there = topology.neighbour(here, channel.output)
            assert there is not None
            yield from ((channel, after) for after in channels(topology, there[0], source, node) or [None])
            to_visit.append(there[0])


def channels(topology: Topology, here: int, source: int, node: int) -> list[Channel]:
    """The channels that a packet between two nodes may take from router `here`; none where it arrives."""
    if here == topology.place(node)[0]:
        return []
    return [Channel(here, output, vcs.start) for output, vcs in topology.routes(here, node, source)]


def together(one: Step, other: Step) -> Step:
    """The step of `one` in a tree whose other nodes take the step of `other` from the same link."""
    (channel, after), (channel_too, after_too) = one, other
    if after is not None and after_too is not None and after[:2] == after_too[:2]:
        after = min(after, after_too)
    return min(channel, channel_too), after
