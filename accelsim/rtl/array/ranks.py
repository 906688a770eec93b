"""Counting the ones of a vector, as a choice of the first few of it needs."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import or_

from amaranth import Cat, Const, Module, Mux, Shape, Signal, Value


def wire(m: Module, value: Value) -> Signal:
    """A name for a value that is used more than once."""
    signal = Signal(Shape.cast(value.shape()))
    m.d.comb += signal.eq(value)
    return signal


def ranks(m: Module, bits: Value) -> tuple[list[Value], Value]:
    """For each bit the number of ones before it, and the number of all ones: a tree of adders."""
    if len(bits) == 1:
        return [Const(0, 1)], bits[0]
    half = len(bits) // 2
    low, below = ranks(m, bits[:half])
    high, above = ranks(m, bits[half:])
    return [*low, *(wire(m, below + rank) for rank in high)], wire(m, below + above)


def matching(m: Module, bits: Iterable[Value], places: Iterable[Value], place: int) -> Value:
    """The bits that are set and have a given place."""
    return wire(m, Cat(bit & (own == place) for bit, own in zip(bits, places, strict=True)))


def select(chosen: Iterable[Value], choices: Iterable[Value]) -> Value:
    """The choice whose bit is set, of which there is one at most; 0 if none is."""
    return reduce(or_, (Mux(bit, choice, 0) for bit, choice in zip(chosen, choices, strict=True)))
