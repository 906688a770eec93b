"""Arrays that are wrong in one rule each, to see whether a comparison would notice."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Any

import array_bench
from amaranth import Cat, Const, Module, Value

from accelsim.rtl.array import bank_queue, columns, detector, issue, line, neuron_unit, packed_array, scan
from accelsim.rtl.array.columns import Columns, delayed
from accelsim.rtl.array.detector import Detector
from accelsim.rtl.array.issue import Issue
from accelsim.rtl.array.line import Line
from accelsim.rtl.array.packed_array import PackedArray
from accelsim.rtl.array.pixels import Pixels
from accelsim.rtl.array.ranks import ranks
from accelsim.rtl.array.results import Results
from accelsim.rtl.array.shape import ArrayShape


def plain_interleaving(row: Value, banks: int) -> tuple[Value, Value]:
    """Weight row i lies in bank i mod banks."""
    return row % banks, row // banks


def runs_of_one_kernel_column(work: Any) -> Value:
    """A kernel row is never read as one run."""
    return Const(0)


def backward(m: Module, bits: Value) -> tuple[list[Value], Value]:
    """Words of one cycle enter a queue last first."""
    places, count = ranks(m, Cat(*reversed(bits)))
    return places[::-1], count


def higher_banks_first(m: Module, bits: Value) -> tuple[list[Value], Value]:
    """Where there are more banks than rows, the last ones go first."""
    return backward(m, bits)


def only_above(remains: Value, level: Value) -> Value:
    """A neuron fires above its threshold, not at it."""
    return remains > level


def one_register_less(m: Module, value: Value, cycles: int) -> Value:
    """Sums are there a cycle early."""
    return delayed(m, value, max(0, cycles - 1))


class LineStaysACycleLonger(Line):
    """The cycle that empties a line does not read the next."""

    def elaborate(self, platform: object) -> Module:
        m = super().elaborate(platform)
        m.d.comb += self.empty.eq(self.held & (self.passed == 0) & (self.room != 0))
        return m


class OpensACycleLate(Detector):
    """A pass pays a cycle more than the latency of its buffer."""

    def __init__(self, shape: ArrayShape) -> None:
        super().__init__(replace(shape, read_latency_cycles=shape.read_latency_cycles + 1))


class MixesPixels(Issue):
    """Words of later pixels are taken too."""

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.inner = inner = Issue(self.shape)
        m.d.comb += [
            inner.filled.eq(self.filled),
            inner.refused.eq(self.refused),
            inner.there.eq(self.there),
            self.taken.eq(inner.taken),
            self.count.eq(inner.count),
        ]
        return m


class TakesWordsThatAreRefused(Issue):
    """A bank of the weight buffer gives a word while another master has it."""

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.inner = inner = Issue(self.shape)
        m.d.comb += [
            inner.filled.eq(self.filled),
            inner.there.eq(self.there),
            inner.front.eq(self.front),
            *(one.eq(other) for one, other in zip(inner.pixel, self.pixel, strict=True)),
            self.taken.eq(inner.taken),
            self.count.eq(inner.count),
        ]
        return m


class ForgetsSlices(Columns):
    """All slices of a word weigh the same."""

    def _lanes(self, m: Module) -> list[tuple[Value, Value, Any]]:
        return [(value, Const(0), weights) for value, _, weights in super()._lanes(m)]


class PixelRoomAtTheEnd(Pixels):
    """A pixel enters in the cycle in which another leaves, though there was no room."""

    def elaborate(self, platform: object) -> Module:
        m = super().elaborate(platform)
        m.d.comb += self.room.eq((self.count != self.shape.pixels) | self.leave)
        return m


class NeverWaits(Pixels):
    """A cycle in which words are taken is never a conflict."""

    def elaborate(self, platform: object) -> Module:
        m = super().elaborate(platform)
        m.d.comb += self.fresh.eq(1)
        return m


class ResultRoomAtTheEnd(Results):
    """A pixel leaves in the cycle in which a place is given back."""

    def elaborate(self, platform: object) -> Module:
        m = super().elaborate(platform)
        m.d.comb += self.room.eq((self.held != self.shape.results) | self.pop)
        return m


class ServiceRests(Results):
    """The next service begins in the cycle after the end of one."""

    def elaborate(self, platform: object) -> Module:
        m = super().elaborate(platform)
        m.d.comb += self.next_there.eq(0)
        return m


class FifoRoomAtTheEnd(PackedArray):
    """Words enter the FIFO in the places of those that leave it."""

    def _detect(self, m: Module) -> None:
        super()._detect(m)
        m.d.comb += self.detector.room.eq(self.room + self.issue.count)


class ReadsLinesThatAreRefused(PackedArray):
    """A read never loses its bank."""

    def _detect(self, m: Module) -> None:
        super()._detect(m)
        m.d.comb += self.detector.port.refused.eq(0)


class ReadsRowsThatAreNotThere(PackedArray):
    """A row of words is not waited for."""

    def _detect(self, m: Module) -> None:
        super()._detect(m)
        m.d.comb += self.detector.port.there.eq(1)


class FillsForEveryPixel(PackedArray):
    """The first word of any pixel counts as filling, not only that of a pass."""

    def _detect(self, m: Module) -> None:
        super()._detect(m)
        m.d.comb += self.pixels.ticket.first.eq(1)


Place = tuple[ModuleType, str]
"""A module and a name in it."""

MISTAKES: tuple[tuple[Any, tuple[Place, ...], int], ...] = (
    (plain_interleaving, ((line, "bank_of"), (packed_array, "bank_of")), 8),
    (runs_of_one_kernel_column, ((scan, "is_run"),), 18),
    (backward, ((bank_queue, "ranks"),), 9),
    (higher_banks_first, ((issue, "ranks"),), 4),
    (only_above, ((neuron_unit, "reaches"),), 8),
    (one_register_less, ((columns, "delayed"),), 8),
    (LineStaysACycleLonger, ((detector, "Line"),), 8),
    (OpensACycleLate, ((packed_array, "Detector"),), 8),
    (MixesPixels, ((packed_array, "Issue"),), 16),
    (TakesWordsThatAreRefused, ((packed_array, "Issue"),), 4),
    (ForgetsSlices, ((packed_array, "Columns"),), 9),
    (PixelRoomAtTheEnd, ((packed_array, "Pixels"),), 8),
    (NeverWaits, ((packed_array, "Pixels"),), 9),
    (ResultRoomAtTheEnd, ((packed_array, "Results"),), 9),
    (ServiceRests, ((packed_array, "Results"),), 9),
    (FifoRoomAtTheEnd, ((array_bench, "PackedArray"),), 18),
    (ReadsLinesThatAreRefused, ((array_bench, "PackedArray"),), 12),
    (ReadsRowsThatAreNotThere, ((array_bench, "PackedArray"),), 3),
    (FillsForEveryPixel, ((array_bench, "PackedArray"),), 8),
)
"""Each mistake, what it stands in the place of, and one of the random cases that shows it."""
