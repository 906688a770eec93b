"""Arrays that were drawn or computed, kept as long as they fit."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from numpy.typing import NDArray

KEPT_BYTES = 128 << 20
"""Most bytes that are kept: several images of a network for 224 x 224 pixels."""


class Kept:
    """Arrays by key; the oldest go when there are too many, as they come out the same when they are made again."""

    def __init__(self) -> None:
        self._arrays: dict[Hashable, NDArray[Any]] = {}
        self._bytes = 0

    def get(self, key: Hashable, make: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """The array of that key, made by `make` where it is not kept."""
        if key not in self._arrays:
            made = make()
            self._arrays[key] = made
            self._bytes += made.nbytes
            while self._bytes > KEPT_BYTES and len(self._arrays) > 1:
                self._bytes -= self._arrays.pop(next(iter(self._arrays))).nbytes
            return made
        return self._arrays[key]
