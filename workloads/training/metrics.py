"""How good answers are and how surely so: proportions, mean intersection over union, mean average precision.

Intervals are 95 % ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.floating[Any]] | NDArray[np.integer[Any]]
Integers = NDArray[np.integer[Any]]

Z = 1.959964
"""Two-sided 95 % quantile of the normal distribution."""

RESAMPLES = 1000
"""Of a bootstrap."""


def as_digits(right: NDArray[np.bool_] | Sequence[bool]) -> str:
    """One character a case, "1" where it was answered right: as accuracy.json keeps what `paired` compares."""
    return "".join("01"[int(hit)] for hit in right)


def wilson(hits: int, count: int) -> tuple[float, float]:
    """Wilson's score interval of a proportion."""
    centre = hits + Z * Z / 2
    half = Z * sqrt(hits * (count - hits) / count + Z * Z / 4)
    return (centre - half) / (count + Z * Z), (centre + half) / (count + Z * Z)


def paired(first: str, second: str) -> tuple[float, float, float]:
    """Difference of two proportions on the same cases ("1": a hit), with Bonett and Price's interval."""
    count = len(first)
    gained = sum(a > b for a, b in zip(first, second, strict=True))
    lost = sum(a < b for a, b in zip(first, second, strict=True))
    up, down = (gained + 1) / (count + 2), (lost + 1) / (count + 2)
    half = Z * sqrt((up + down - (up - down) ** 2) / (count + 2))
    return (gained - lost) / count, up - down - half, up - down + half


def bootstrap(
    measures: Callable[[NDArray[np.int64]], Sequence[float]], count: int, seed: int = 0
) -> NDArray[np.float64]:
    """Values of `measures` over `RESAMPLES` draws of `count` cases (scenes) with replacement: [draws, measures].

    `measures` takes the indices of the cases. All measures see the same draws, so that the difference of two columns
    is the paired one.
    """
    random = np.random.default_rng(seed)
    return np.array([measures(random.integers(0, count, count)) for _ in range(RESAMPLES)], dtype=np.float64)


def percentile_interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """The interval in which 95 % of the bootstrap's values [draws] lie."""
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def overlap(answers: Integers, truth: Integers, classes: int) -> NDArray[np.int64]:
    """Pixels of each class in both the answer and the truth, and in either: int64 [n, 2, classes] of n scenes."""
    joint = (truth.astype(np.int64) * classes + answers).reshape(len(truth), -1)
    counts = np.array([np.bincount(pixels, minlength=classes * classes) for pixels in joint], dtype=np.int64)
    counts = counts.reshape(-1, classes, classes)
    both = np.diagonal(counts, axis1=1, axis2=2)
    return np.stack([both, counts.sum(axis=1) + counts.sum(axis=2) - both], axis=1)


def mean_iou(pixels: NDArray[np.int64]) -> float:
    """Mean over classes of intersection over union, as PASCAL VOC counts it: pixels of all scenes together.

    `pixels` [n, 2, classes]: see `overlap`. A class that neither occurs nor is answered does not count.
    """
    both, either = pixels.sum(axis=0)
    return float((both[either > 0] / either[either > 0]).mean())


def box_iou(first: Reals, second: Reals) -> NDArray[np.float64]:
    """Intersection over union of boxes (x0, y0, x1, y1): float64 [n, m] of [n, 4] and [m, 4]."""
    first, second = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    sides = np.minimum(first[:, None, 2:], second[None, :, 2:]) - np.maximum(first[:, None, :2], second[None, :, :2])
    shared = np.prod(np.maximum(sides, 0), axis=2)
    areas = [np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1) for boxes in (first, second)]
    return np.asarray(shared / np.maximum(areas[0][:, None] + areas[1][None] - shared, np.finfo(np.float64).tiny))


def match(found: Reals, truth: Integers, overlap: float = 0.5) -> NDArray[np.float64]:
    """Which detections of one scene are hits: float64 [found, 3] of (class, score, 1 or 0).

    `found` [n, 6]: (class, score, x0, y0, x1, y1); `truth` [m, 5]: (class, x0, y0, x1, y1). As in PASCAL VOC:
    detections of a class claim boxes by falling score, each its box of largest overlap, which must reach `overlap` and
    be unclaimed.
    """
    found = np.asarray(found, dtype=np.float64)
    order = np.argsort(-found[:, 1], kind="stable")
    hits = np.column_stack([found[order, :2], np.zeros(len(found))])
    shared = box_iou(found[order, 2:], truth[:, 1:])
    shared[hits[:, :1] != truth[None, :, 0]] = 0
    claimed = np.zeros(len(truth), dtype=bool)
    for row in range(len(hits)):
        best = int(np.argmax(shared[row])) if len(truth) else -1
        if best >= 0 and shared[row, best] >= overlap and not claimed[best]:
            claimed[best] = True
            hits[row, 2] = 1
    return hits


def mean_average_precision(
    hits: Sequence[NDArray[np.float64]], truth: Sequence[Integers], classes: Sequence[int]
) -> float:
    """Mean over the classes that occur of the area under the precision-recall curve, all points, made monotonic.

    `hits`: per scene what `match` gives; `truth`: its boxes. Detections of all scenes are ranked together.
    """
    pooled = np.concatenate([*hits, np.zeros((0, 3))])
    pooled = pooled[np.argsort(-pooled[:, 1], kind="stable")]
    labels = np.concatenate([*(boxes[:, 0] for boxes in truth), np.zeros(0)])
    precisions = []
    for label in classes:
        count = int((labels == label).sum())
        if not count:
            continue
        right = np.cumsum(pooled[pooled[:, 0] == label, 2])
        precision = right / np.arange(1, len(right) + 1)
        best = np.maximum.accumulate(precision[::-1])[::-1]
        precisions.append(float((best * np.diff(right, prepend=0.0)).sum()) / count)
    return float(np.mean(precisions)) if precisions else 0.0
