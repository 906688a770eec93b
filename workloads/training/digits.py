"""Scikit-learn's bundled handwritten digits, enlarged from 8x8 to 32x32 pixels of 8 bits, in integers throughout."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SIZE = 32
FOLDS = 5
SEED = 0


def enlarge(images: NDArray[np.integer[Any]], size: int = SIZE) -> NDArray[np.uint8]:
    """Bilinear enlargement of images [n, rows, columns] with values 0..16 to uint8 [n, 1, size, size], 16 becoming 255.

    The centres of source and target pixels are aligned as in the usual half-pixel convention and edge pixels are
    repeated; weights are integers over 2 * size, so the result is the same on every machine.
    """
    values = np.asarray(images, dtype=np.int64)
    for axis in (1, 2):
        source = values.shape[axis]
        lower, weight = np.divmod((2 * np.arange(size) + 1) * source - size, 2 * size)
        first = np.take(values, np.clip(lower, 0, source - 1), axis)
        second = np.take(values, np.clip(lower + 1, 0, source - 1), axis)
        weight = weight.reshape([-1 if i == axis else 1 for i in range(3)])
        values = first * (2 * size - weight) + second * weight
    full = 16 * (2 * size) ** 2
    return ((values * 255 + full // 2) // full).astype(np.uint8)[:, None]


def load(size: int = SIZE) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """All 1797 digits: images [n, 1, size, size] and labels [n]."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    return enlarge(digits.images.astype(np.int64), size), digits.target.astype(np.int64)


def splits(images: NDArray[np.uint8], labels: NDArray[np.int64]) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Indices (training, held out) of the folds; the first is the one that is shipped."""
    from sklearn.model_selection import StratifiedKFold

    return list(StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(images, labels))


def first_of_each(labels: NDArray[np.int64], indices: NDArray[np.int64]) -> list[np.int64]:
    """Of indices into labels [n], the first that stands for each digit."""
    return [indices[labels[indices] == digit][0] for digit in range(10)]
