"""Accumulators of a given width: which width suffices, and what a narrower one makes of the sums."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from accelsim.reference.kernels import accumulator as kernels
from accelsim.reference.synapses import Synapses, Words

Reaction = Literal["report", "saturate", "wrap"]
"""What a sum that leaves the register's range becomes: it stays exact, the nearest number, or two's complement."""

WIDEST_BITS = 62
"""Sums are formed in 64 bits, so that a product more must fit."""

_MODES = {"report": kernels.REPORT, "saturate": kernels.SATURATE, "wrap": kernels.WRAP}


@dataclass(frozen=True, slots=True)
class Overflow:
    """What happened in the accumulators of a layer.

    `sums` is how many were formed (in the serial form one for each output and plane), `overflowed` how many of them
    left the range in at least one addition, `largest` the largest magnitude of any running sum before it was brought
    back; of sums that no weights and words at hand could make too large, the final ones alone are looked at.
    """

    sums: int = 0
    overflowed: int = 0
    largest: int = 0

    def __add__(self, other: Overflow) -> Overflow:
        return Overflow(self.sums + other.sums, self.overflowed + other.overflowed, max(self.largest, other.largest))


@dataclass(frozen=True)
class Accumulator:
    """A register of `bits` bits in two's complement that sums of weight times word run up in, product by product.

    The order of an output's products is kernel row, kernel column, input channel; it matters to "saturate" alone, for
    the final sum, and to what is reported. The packed form has one such sum of whole words. The serial form has one a
    plane; what doubles the membrane between planes is wide enough, as the bias' adder is. So the serial form overflows
    later, and its words differ from the packed ones as soon as either does (FireFly v2 saturates so, plane by plane).

    `overflows` gathers, layer by layer, what happened in all runs that this object was passed to.
    """

    bits: int
    overflow: Reaction = "report"
    overflows: dict[str, Overflow] = field(default_factory=dict, compare=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= WIDEST_BITS:
            raise ValueError(f"an accumulator has 1 to {WIDEST_BITS} bits, not {self.bits}")
        if self.overflow not in get_args(Reaction):
            raise ValueError(f"overflow is one of {get_args(Reaction)}, not {self.overflow!r}")

    def sums(self, synapses: Synapses, words: Words) -> NDArray[np.int64]:
        """`Synapses.sums` as this register forms them, int64 [out_channels, rows, columns]."""
        words = np.ascontiguousarray(words, dtype=np.int32)
        if synapses.bound(words) < 1 << (self.bits - 1):
            sums = synapses.sums(words)
            self._count(synapses.layer.name, Overflow(sums.size, 0, int(np.abs(sums).max(initial=0))))
            return sums
        layer = synapses.layer
        channels, rows, columns = layer.out_shape
        sums = np.zeros((rows, columns, channels), dtype=np.int64)
        left = np.zeros(sums.shape, dtype=np.bool_)
        largest = kernels.accumulate(
            words,
            synapses.by_tap,
            *layer.stride,
            *layer.padding,
            *layer.dilation,
            layer.groups,
            int(self.bits),
            _MODES[self.overflow],
            sums,
            left,
        )
        self._count(layer.name, Overflow(sums.size, int(left.sum()), int(largest)))
        return np.ascontiguousarray(sums.transpose(2, 0, 1))

    def _count(self, layer: str, found: Overflow) -> None:
        with self._lock:
            self.overflows[layer] = self.overflows.get(layer, Overflow()) + found
