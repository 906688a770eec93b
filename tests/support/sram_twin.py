"""Banks and ports of a tile's SRAMs in plain Python, written from docs/timing.md and not from the kernels."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from accelsim.engine.sram import SramShape
from accelsim.kernels import state as k


@dataclass
class Sram:
    """One SRAM: the accesses that its banks have taken in this cycle."""

    shape: SramShape
    banks: int
    taken: dict[int, str] = field(default_factory=dict)

    def bank(self, place: int) -> int:
        if self.shape.interleaving == k.BLOCK:
            return place // self.shape.depth_words % self.banks
        skew = place // self.banks if self.shape.interleaving == k.DIAGONAL else 0
        return (place + skew) % self.banks

    def take(self, bank: int, access: str) -> bool:
        if self.shape.ports == k.UNLIMITED:
            return True
        before = self.taken.get(bank, "")
        free = {k.ONE_RW: not before, k.ONE_R_ONE_W: access not in before, k.TWO_RW: len(before) < 2}[self.shape.ports]
        if free:
            self.taken[bank] = before + access
        return free

    def take_words(self, places: deque[int], access: str) -> None:
        """Access words in order up to the first that is refused."""
        while places and self.take(self.bank(places[0]), access):
            places.popleft()


@dataclass
class Turn:
    """What happened in a cycle."""

    left: int
    """Number of the flit that left the queue, or -1."""
    line: bool
    """The line that was asked for is read."""
    weights: tuple[int, ...]
    """Banks of the weight buffer that gave a word."""


class TileTwin:
    """The queue of a network interface before two SRAMs, a line of the spike buffer and words of the weight buffer."""

    def __init__(self, shapes: tuple[SramShape, SramShape], banks: tuple[int, int], flit_bits: int) -> None:
        self.srams = [Sram(shape, count) for shape, count in zip(shapes, banks, strict=True)]
        self.flit_words = [-(-flit_bits // shape.width_bits) for shape in shapes]
        self.queue: deque[tuple[int, int, deque[int]]] = deque()
        self.lost = 0
        self.read_lost_last = [False, False]
        self.line: deque[int] = deque()

    def arrive(self, number: int, sram: int, place: int) -> None:
        words = self.flit_words[sram] if sram >= 0 else 0
        self.queue.append((number, sram, deque(range(place, place + words))))

    def flit_goes_first(self, sram: int) -> bool:
        arbitration = self.srams[sram].shape.arbitration
        if arbitration == k.ROUND_ROBIN:
            return not self.read_lost_last[sram]
        return arbitration == k.WRITES_FIRST or self.lost >= 16

    def write(self) -> None:
        _, sram, places = self.queue[0]
        if sram < 0:
            return
        self.srams[sram].take_words(places, "w")
        if places:
            self.lost += 1
            self.read_lost_last[sram] = False

    def read(self, line: tuple[int, int] | None, banks: list[int]) -> tuple[bool, tuple[int, ...]]:
        spikes, weights = self.srams
        asks = self.queue[0][1] if self.queue else -1
        if line is not None:
            first, bits = line
            if not self.line:
                width = spikes.shape.width_bits
                self.line = deque(range(first // width, (first + bits - 1) // width + 1))
            spikes.take_words(self.line, "r")
            if self.line and asks == k.SPIKE_BUFFER and spikes.shape.ports != k.ONE_R_ONE_W:
                self.read_lost_last[k.SPIKE_BUFFER] = True
        given = tuple(bank for bank in banks if weights.take(bank, "r"))
        if len(given) < len(banks):
            self.read_lost_last[k.WEIGHT_BUFFER] = True
        return line is not None and not self.line, given

    def step(self, line: tuple[int, int] | None, banks: list[int]) -> Turn:
        """One cycle: `line` (first bit, bits) is asked for until it is read; `banks` of the weight buffer are read."""
        for sram in self.srams:
            sram.taken.clear()
        first = bool(self.queue) and self.flit_goes_first(self.queue[0][1])
        if first:
            self.write()
        done, given = self.read(line, banks)
        if self.queue and not first:
            self.write()
        left = -1
        if self.queue and not self.queue[0][2]:
            left = self.queue.popleft()[0]
            self.lost = 0
        return Turn(left, done, given)
