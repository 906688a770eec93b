"""Round robin, the one rule by which everything in the router is given out."""

from __future__ import annotations

from amaranth import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


def first_from(requests: Value, preferred: Value) -> Value:
    """The lowest request among the preferred ones, else the lowest of all, one-hot.

    With `preferred` = the places at and after a pointer it is the first request from there on, wrapping round.
    """
    among = requests & preferred
    pool = Mux(among.any(), among, requests)
    return (pool & -pool)[: len(requests)]


def after(chosen: Value) -> Value:
    """The places after a one-hot choice: what is preferred next."""
    return (~(chosen | (chosen - 1)))[: len(chosen)]


def number(chosen: Value) -> Value:
    """The place of a one-hot choice, in binary; nothing chosen gives 0."""
    bits = (len(chosen) - 1).bit_length()
    return Cat(Cat(chosen[i] for i in range(len(chosen)) if i >> bit & 1).any() for bit in range(bits))


class Arbiter(wiring.Component):
    """Gives one of `width` requesters what it asks for.

    Reads `requests`; `grant` is one-hot, in the same cycle. If `advance`, the next cycle begins its search after this
    grant. The pointer is held as the set of places at and after it, at first all.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        super().__init__({"requests": In(width), "grant": Out(width), "advance": In(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        preferred = Signal(self.width, init=Const(-1, self.width).value)
        m.d.comb += self.grant.eq(first_from(self.requests, preferred))
        with m.If(self.advance):
            m.d.sync += preferred.eq(after(self.grant))
        return m
