"""Groups: what transfers count down, and what their completion sets off."""

from __future__ import annotations

import bisect
from array import array


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
        number = len(self.left)
        self.left.append(left)
        self.watched.append(int(watched))
        self.fires.append(fires)
        self.chain.append(chain)
        self.box.append(box)
        self.bits.append(bits)
        self.place.append(place)
        if not self._names or self._names[-1] != name:
            self._first.append(number)
            self._names.append(name)
        return number

    def add_box(self) -> int:
        """Number of a new input box; groups that name it tell when its first word has arrived."""
        self.boxes += 1
        return self.boxes - 1

    def name(self, group: int) -> str:
        """What a group stands for."""
        return self._names[bisect.bisect_right(self._first, group) - 1]
