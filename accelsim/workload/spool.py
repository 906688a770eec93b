"""Arrays of many images that lie in a temporary file and are read image by image."""

from __future__ import annotations

import math
import tempfile
import weakref
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

HELD_BYTES = 256 << 20
"""Recorded words of a trace that are held in memory; those of a larger trace lie in a temporary file."""


class Spool:
    """A temporary file without a name, in the directory of TMPDIR; it goes with the last array that lies in it."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._end = 0
        weakref.finalize(self, self._file.close)

    def add(self, pieces: Iterable[NDArray[Any]]) -> Spooled:
        """Write an array, given in pieces along its first axis, of one type. Raises OSError where there is no room."""
        first = self._end
        images = 0
        for piece in pieces:
            self._file.write(np.ascontiguousarray(piece).data)
            self._end += piece.nbytes
            images += len(piece)
            shape, dtype = piece.shape[1:], piece.dtype
        self._file.flush()
        return Spooled(self, first, (images, *shape), dtype)

    def read(self, offset: int, count: int) -> bytearray:
        """Bytes that were written."""
        self._file.seek(offset)
        data = bytearray(self._file.read(count))
        assert len(data) == count, "the file ends before what was written"
        return data


class Spooled:
    """An array [images, ...] in a spool; `spooled[image]` reads one image."""

    def __init__(self, spool: Spool, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.shape = shape
        self.dtype = dtype
        self._spool = spool
        self._offset = offset
        self._image_bytes = math.prod(shape[1:]) * dtype.itemsize

    def __getitem__(self, image: int) -> NDArray[Any]:
        if not 0 <= image < self.shape[0]:
            raise IndexError(f"image {image} of {self.shape[0]}")
        data = self._spool.read(self._offset + image * self._image_bytes, self._image_bytes)
        return np.frombuffer(data, self.dtype).reshape(self.shape[1:])
