"""The images that a network had not seen when it was trained, and what they show."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InputError, Problem
from accelsim.reference.model import Model
from accelsim.workload.archive import open_archive

FILE_NAME = "test.npz"
LARGEST_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class HeldOut:
    """`images`: a network's words [n, channels, rows, columns]. `labels`: int64 [n], a class an image, or [n, rows,
    columns], a class a pixel; None where the truth is unknown or of another kind."""

    images: NDArray[np.integer[Any]]
    labels: NDArray[np.int64] | None

    def first(self, count: int | None) -> HeldOut:
        """The first `count` images, or all of them."""
        return HeldOut(self.images[:count], None if self.labels is None else self.labels[:count])


def labelled(images: NDArray[np.integer[Any]], labels: NDArray[Any] | None, file: str) -> HeldOut:
    """Images, and labels from a file. Raises `InputError` for labels of another type or shape."""
    if labels is None:
        return HeldOut(images, None)
    shapes = (images.shape[:1], (len(images), *images.shape[2:]))
    if labels.dtype.kind not in "iu" or labels.shape not in shapes:
        allowed = " or ".join(str(list(shape)) for shape in shapes)
        raise InputError(_wrong(file, "labels", labels, f"integers {allowed}"))
    return HeldOut(images, labels.astype(np.int64))


def read_held_out(weights: Path, model: Model) -> HeldOut:
    """The test set beside a weights file (`images`, and `labels` or `masks`); without one, the images of the model.

    Raises `InputError` where they are not of the right types and shapes.
    """
    path = weights.with_name(FILE_NAME)
    if not path.is_file():
        return HeldOut(model.images, model.labels if len(model.labels) else None)
    with open_archive(path, LARGEST_BYTES) as archive:
        arrays = archive.load_all()
    images = arrays.get("images", np.zeros(0))
    if images.dtype != np.uint8 or images.ndim != 4 or not len(images):
        raise InputError(_wrong(str(path), "images", images, "uint8 [images, channels, rows, columns]"))
    return labelled(images, arrays.get("labels", arrays.get("masks")), str(path))


def _wrong(file: str, key: str, array: NDArray[Any], allowed: str) -> Problem:
    return Problem("wrong type or shape", file, key=key, value=f"{array.dtype} {list(array.shape)}", allowed=allowed)
