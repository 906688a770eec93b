"""Bit planes of all words of a run: in memory, or where they are many in a temporary file that is mapped."""

from __future__ import annotations

import mmap
import tempfile
import weakref
from typing import IO

import numpy as np
from numpy.typing import NDArray

HELD_BYTES = 256 << 20
"""Planes that are held in memory; those of a longer run lie in a file, of which only what is read is in memory."""


class PlaneStore:
    """Life cycle: `add`ed to image by image, `finish`ed into one array; then images that are over are `forget`ten."""

    def __init__(self, planes: int) -> None:
        self.planes = planes
        self._held: list[NDArray[np.int64]] = []
        self._bytes = 0
        self._ends: dict[int, int] = {}
        self._file: IO[bytes] | None = None
        self._map: mmap.mmap | None = None

    def add(self, planes: NDArray[np.int64], image: int) -> None:
        """Append planes [blocks, planes] of an image."""
        self._held.append(planes)
        self._bytes += planes.nbytes
        self._ends[image] = self._bytes
        if self._file is None and self._bytes > HELD_BYTES:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115
            weakref.finalize(self, self._file.close)
        if self._file is not None:
            for held in self._held:
                self._file.write(held.data)
            self._held.clear()

    def finish(self) -> NDArray[np.int64]:
        """All planes, [blocks, planes]."""
        if self._file is None:
            empty = np.zeros((0 if self._held else 1, self.planes), np.int64)
            return np.concatenate([empty, *self._held])
        self._file.flush()
        self._map = mmap.mmap(self._file.fileno(), self._bytes)
        # A plain array over the map, writable as the others are: kernels are compiled for one type.
        return np.ndarray((self._bytes // (8 * self.planes), self.planes), np.int64, self._map)

    def forget(self, image: int) -> None:
        """Let go of the memory of an image and those before it; what is read again comes from the file."""
        if self._map is not None and image in self._ends and hasattr(self._map, "madvise"):
            whole_pages = self._ends[image] // mmap.PAGESIZE * mmap.PAGESIZE
            if whole_pages:
                self._map.madvise(mmap.MADV_DONTNEED, 0, whole_pages)
