"""Groups: what transfers count down, and what their completion sets off."""

from __future__ import annotations

import bisect
from array import array
from collections.abc import Sequence
from itertools import repeat


class GroupTable:
    """Collects the groups of a run before it starts.

    A group stands for words, bytes, requests or passes that are still to come; it is complete at zero. Completion
    wakes the actors that wait for it, starts a transfer from DRAM (`fires`) and counts down another group (`chain`).
    """

    def __init__(self) -> None:
        self.left = array("q")
        self.watched = array("q")
        self.fires = array("q")
        self.chain = array("q")
        self.box = array("q")
        self.bits = array("q")
        self.place = array("q")
        self.boxes = 0
        self._first: list[int] = []
        self._names: list[str] = []

    def add(
        self,
        name: str,
        left: int,
        *,
        watched: bool = False,
        fires: int = -1,
        chain: int = -1,
        box: int = -1,
        bits: int = 0,
        place: int = 0,
    ) -> int:
        """Number of a new group; `name` says in a deadlock report what is missing while it is not complete.

        What arrives in a tile is written from word `place` of its SRAM on, and takes `bits` of the spike buffer.
        """
        number = self._begin(name)
        self.left.append(left)
        self.watched.append(int(watched))
        self.fires.append(fires)
        self.chain.append(chain)
        self.box.append(box)
        self.bits.append(bits)
        self.place.append(place)
        return number

    def add_rows(self, name: str, left: int, places: Sequence[int], *, box: int, bits: int) -> int:
        """Number of the first of as many new groups as there are places, alike but for these."""
        number = self._begin(name)
        count = len(places)
        self._extend(count, left, box, bits)
        self.fires.extend(repeat(-1, count))
        self.chain.extend(repeat(-1, count))
        self.place.extend(places)
        return number

    def add_chain(self, name: str, transfers: range) -> int:
        """Number of a new group that starts the first of some transfers at zero, and counts down that of the next."""
        number = self._begin(name)
        count = len(transfers)
        self._extend(count, 1, -1, 0)
        self.fires.extend(reversed(transfers))
        self.chain.extend(range(number - 1, number + count - 1))
        self.chain[number] = -1
        self.place.extend(repeat(0, count))
        return number + count - 1

    def _begin(self, name: str) -> int:
        number = len(self.left)
        if not self._names or self._names[-1] != name:
            self._first.append(number)
            self._names.append(name)
        return number

    def _extend(self, count: int, left: int, box: int, bits: int) -> None:
        for column, value in ((self.left, left), (self.watched, 0), (self.box, box), (self.bits, bits)):
            column.extend(repeat(value, count))

    def add_box(self) -> int:
        """Number of a new input box; groups that name it tell when its first word has arrived."""
        self.boxes += 1
        return self.boxes - 1

    def name(self, group: int) -> str:
        """What a group stands for."""
        return self._names[bisect.bisect_right(self._first, group) - 1]
