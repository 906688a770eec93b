"""Counting the ones of a vector, as a choice of the first few of it needs."""

from __future__ import annotations

from functools import reduce
from operator import or_

from amaranth import Cat, Const, Module, Mux, Signal, Value


def ranks(m: Module, bits: Value) -> tuple[list[Value], Value]:
    """For each bit the number of ones before it, and the number of all ones: a tree of adders."""
    if len(bits) == 1:
        return [Const(0, 1)], bits[0]
    half = len(bits) // 2
    low, below = ranks(m, bits[:half])
    high, above = ranks(m, bits[half:])
    count = Signal(range(len(bits) + 1))
    m.d.comb += count.eq(below + above)
    return [*low, *(below + rank for rank in high)], count


def matching(bits: Value, places: list[Value], place: int) -> Value:
    """The bits, one at most, that are set and have a given place."""
    return Cat(bit & (own == place) for bit, own in zip(bits, places, strict=True))


def select(chosen: Value, choices: list[Value]) -> Value:
    """The choice whose bit is set; 0 if none is."""
    return reduce(or_, (Mux(bit, choice, 0) for bit, choice in zip(chosen, choices, strict=True)))
