"""Routes of the network on chip as plain functions: what the compiled network follows, for proofs about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from accelsim.engine.topology import NetworkShape


class Hop(NamedTuple):
    """An output port that a packet may take, and the class of virtual channels that it may ask for there."""

    port: int
    vc_class: int
    """0: all virtual channels, or the lower ones of a link where they have two classes. 1: the upper ones."""


Route = Callable[[NetworkShape, int, int, int], list[Hop]]
"""(shape, router, router of the source, router of the destination) -> permitted hops; none at the destination."""


def permitted_hops(shape: NetworkShape, here: int, start: int, end: int) -> list[Hop]:
    """Hops that the shape's routing permits at router `here` for a packet from router `start` to router `end`.

    `xy` and `yx` go along one dimension after the other, the shorter way round where links wrap, up in a tie; there
    the lower class is for packets that have yet to cross the link between the last router and the first (Dally and
    Seitz 1987). `west_first` is the turn model of Glass and Ni (1992), `odd_even` the minimal routing of Chiu (2000).
    """
    if here == end:
        return []
    if shape.routing == "west_first":
        return west_first(shape, here, start, end)
    if shape.routing == "odd_even":
        return odd_even(shape, here, start, end)
    order = (1, 0) if shape.routing == "yx" else (0, 1)
    dimension = next(d for d in order if place(shape, here)[d] != place(shape, end)[d])
    return [along(shape, dimension, place(shape, here)[dimension], place(shape, end)[dimension])]


def place(shape: NetworkShape, router: int) -> tuple[int, int]:
    """Column and row of a router."""
    row, column = divmod(router, shape.extent[0])
    return column, row


def along(shape: NetworkShape, dimension: int, here: int, end: int) -> Hop:
    """The hop from coordinate `here` towards `end` in a dimension."""
    if not shape.wraps:
        return Hop(2 * dimension + (end < here), 0)
    size = shape.extent[dimension]
    down = 2 * ((end - here) % size) > size
    crosses = here < end if down else here > end
    two_classes = shape.virtual_channels > 1
    return Hop(2 * dimension + down, int(two_classes and not crosses))


def west_first(shape: NetworkShape, here: int, start: int, end: int) -> list[Hop]:
    (x, y), (x_end, y_end) = place(shape, here), place(shape, end)
    if x_end < x:
        return [along(shape, 0, x, x_end)]
    hops = [along(shape, 0, x, x_end)] if x_end > x else []
    return hops + ([along(shape, 1, y, y_end)] if y_end != y else [])


def odd_even(shape: NetworkShape, here: int, start: int, end: int) -> list[Hop]:
    (x, y), (x_end, y_end) = place(shape, here), place(shape, end)
    if x == x_end:
        return [along(shape, 1, y, y_end)]
    if y == y_end:
        return [along(shape, 0, x, x_end)]
    if x_end < x:
        in_x, in_y = True, x % 2 == 0
    else:
        in_x, in_y = x_end % 2 == 1 or x_end - x != 1, x % 2 == 1 or x == place(shape, start)[0]
    return [along(shape, 0, x, x_end)] * in_x + [along(shape, 1, y, y_end)] * in_y
