"""Scenes for detection and segmentation: several of scikit-learn's handwritten digits on one canvas.

A scene depends on its digits and a seed alone, in integers throughout. Digits of training and test scenes are
disjoint.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, repeat

import numpy as np
from digits import enlarge
from numpy.typing import NDArray

CANVAS = 64
"""Rows and columns of a scene."""

CLASSES = 11
"""Background (0) and the digits 0 to 9 (1 to 10)."""

DIGITS = (1, 6)
"""Fewest and most digits of a scene."""

SIZES = (14, 26)
"""Fewest and most rows and columns to which a digit's 8x8 pixels are enlarged."""

OVERLAP = 0.2
"""Largest share of the smaller of two boxes that the other may cover."""

BRIGHTNESS = (128, 255)
BACKGROUND = (0, 40)
NOISE = 10
"""Largest deviation of a pixel; the deviations are uniform."""

INK = 96
"""A pixel belongs to a digit from this share (of 255) of ink on."""

TEST_DIGITS = 1000
"""How many of the 1797 digits stand in test scenes only."""

ATTEMPTS = 20
"""Places that are tried for a digit before the scene starts afresh."""


@dataclass(frozen=True)
class Scenes:
    """`images` uint8 [n, 1, 64, 64]; `masks` uint8 [n, 64, 64], the class of each pixel, the nearest digit's where
    several lie; `boxes`: per scene int64 [digits, 5], each (class 1 to 10, x0, y0, x1, y1), the pixels of ink
    x0 <= column < x1, y0 <= row < y1, hidden ones included; the nearest digit is the last.
    """

    images: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    boxes: tuple[NDArray[np.int64], ...]


def load(part: str, count: int, seed: int) -> Scenes:
    """`count` scenes of the digits of a part of the data set, "train" (797 digits) or "test" (1000)."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    train, test = train_test_split(
        np.arange(len(digits.target)), test_size=TEST_DIGITS, random_state=0, stratify=digits.target
    )
    chosen = np.sort({"train": train, "test": test}[part])
    return compose(digits.images[chosen].astype(np.int64), digits.target[chosen].astype(np.int64), count, seed)


def compose(digits: NDArray[np.int64], labels: NDArray[np.int64], count: int, seed: int) -> Scenes:
    """`count` scenes of digits [n, 8, 8] with values 0 to 16 and their labels [n], 0 to 9.

    The digits are used in a random order, every one once before any is used again.
    """
    random = np.random.default_rng(seed)
    deck = chain.from_iterable(random.permutation(len(digits)).tolist() for _ in repeat(None))
    drawn = [_scene(digits, labels, deck, random) for _ in range(count)]
    canvas = (CANVAS, CANVAS)
    return Scenes(
        images=np.array([image for image, _, _ in drawn], dtype=np.uint8).reshape(count, 1, *canvas),
        masks=np.array([mask for _, mask, _ in drawn], dtype=np.uint8).reshape(count, *canvas),
        boxes=tuple(boxes for _, _, boxes in drawn),
    )


def _scene(
    digits: NDArray[np.int64], labels: NDArray[np.int64], deck: Iterator[int], random: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.int64]]:
    """Image, mask and boxes of one scene of the next digits of the deck."""
    chosen = [next(deck) for _ in range(random.integers(*DIGITS, endpoint=True))]
    boxes = None
    while boxes is None:
        inks = [_ink(digits[index], int(random.integers(*SIZES, endpoint=True))) for index in chosen]
        boxes = _places(inks, random)
    image = np.full((CANVAS, CANVAS), random.integers(*BACKGROUND, endpoint=True), dtype=np.int64)
    mask = np.zeros((CANVAS, CANVAS), dtype=np.uint8)
    for index, ink, (x0, y0, x1, y1) in zip(chosen, inks, boxes, strict=True):
        top, left, bottom, right = _ink_box(ink)
        window = slice(y0, y1), slice(x0, x1)
        cover = ink[top:bottom, left:right].astype(np.int64)
        brightness = random.integers(*BRIGHTNESS, endpoint=True)
        image[window] = (image[window] * (255 - cover) + brightness * cover + 127) // 255
        mask[window][cover >= INK] = labels[index] + 1
    image += random.integers(-NOISE, NOISE, image.shape, endpoint=True)
    classes = np.array([labels[index] + 1 for index in chosen])
    return np.clip(image, 0, 255).astype(np.uint8), mask, np.column_stack([classes, boxes]).astype(np.int64)


def _places(inks: list[NDArray[np.uint8]], random: np.random.Generator) -> list[tuple[int, int, int, int]] | None:
    """A random place on the canvas for each digit, as its box; none where they do not fit."""
    boxes: list[tuple[int, int, int, int]] = []
    for ink in inks:
        top, left, bottom, right = _ink_box(ink)
        for _ in range(ATTEMPTS):
            x, y = random.integers(0, CANVAS - (right - left) + 1), random.integers(0, CANVAS - (bottom - top) + 1)
            box = (int(x), int(y), int(x) + right - left, int(y) + bottom - top)
            if all(_shared(box, other) <= OVERLAP for other in boxes):
                boxes.append(box)
                break
        else:
            return None
    return boxes


def _ink(digit: NDArray[np.int64], size: int) -> NDArray[np.uint8]:
    """A digit enlarged to `size` rows and columns, each pixel its share (of 255) of ink."""
    enlarged: NDArray[np.uint8] = enlarge(digit[None], size)[0, 0]
    return enlarged


def _ink_box(ink: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Top, left, bottom and right (exclusive) of the pixels that belong to the digit."""
    rows, columns = np.nonzero(ink >= INK)
    return int(rows.min()), int(columns.min()), int(rows.max()) + 1, int(columns.max()) + 1


def _shared(first: tuple[int, int, int, int], second: tuple[int, int, int, int]) -> float:
    """Area that two boxes share, over that of the smaller one."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    return max(width, 0) * max(height, 0) / min(areas)
