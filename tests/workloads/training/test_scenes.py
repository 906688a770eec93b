"""Scenes of digits: what a scene promises about its boxes, its mask and its digits, whatever the seed."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


@pytest.fixture
def scenes(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("scenes")


def bars(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Vertical bars of another brightness each, the label the last digit of their number."""
    digits = np.zeros((count, 8, 8), dtype=np.int64)
    digits[:, :, 2:6] = 16 - np.arange(count).reshape(-1, 1, 1) % 4
    return digits, np.arange(count) % 10


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2**32), st.integers(1, 30))
def test_boxes_masks_and_overlap(scenes: ModuleType, seed: int, count: int) -> None:
    made = scenes.compose(*bars(count), 3, seed)
    assert (made.images.dtype, made.images.shape) == (np.uint8, (3, 1, 64, 64))
    assert (made.masks.dtype, made.masks.shape) == (np.uint8, (3, 64, 64))
    for mask, boxes in zip(made.masks, made.boxes, strict=True):
        assert scenes.DIGITS[0] <= len(boxes) <= scenes.DIGITS[1]
        inside = np.zeros_like(mask)
        for index, (label, x0, y0, x1, y1) in enumerate(boxes):
            assert 0 <= x0 < x1 <= scenes.CANVAS
            assert 0 <= y0 < y1 <= scenes.CANVAS
            inside[y0:y1, x0:x1] = 1
            # Bars fill their boxes, so that overlap can be seen in the mask: at least 1 - OVERLAP of each is left.
            own = mask[y0:y1, x0:x1] == label
            hidden = np.zeros(own.shape, dtype=bool)
            for _, left, top, right, bottom in boxes[index + 1 :]:
                hidden[max(top - y0, 0) : max(bottom - y0, 0), max(left - x0, 0) : max(right - x0, 0)] = True
            assert own[~hidden].all()
        assert not mask[inside == 0].any()
        assert inside.sum() == (mask > 0).sum()
        for index, first in enumerate(boxes):
            for second in boxes[:index]:
                width = min(first[3], second[3]) - max(first[1], second[1])
                height = min(first[4], second[4]) - max(first[2], second[2])
                smaller = min((box[3] - box[1]) * (box[4] - box[2]) for box in (first, second))
                if min(width, height) > 0:
                    assert width * height <= scenes.OVERLAP * smaller


def test_the_seed_alone_decides(scenes: ModuleType) -> None:
    first, again, other = (scenes.compose(*bars(20), 5, seed) for seed in (7, 7, 8))
    assert np.array_equal(first.images, again.images)
    assert np.array_equal(first.masks, again.masks)
    assert not np.array_equal(first.images, other.images)
    fewer = scenes.compose(*bars(20), 2, 7)
    assert np.array_equal(fewer.images, first.images[:2])
    assert [boxes.tolist() for boxes in fewer.boxes] == [boxes.tolist() for boxes in first.boxes[:2]]


def test_every_digit_stands_once_before_any_stands_again(scenes: ModuleType) -> None:
    digits, labels = bars(10)
    made = scenes.compose(digits, labels, 40, 0)
    order = np.concatenate([boxes[:, 0] for boxes in made.boxes])
    for start in range(0, len(order) - 9, 10):
        assert sorted(order[start : start + 10]) == list(range(1, 11))


def test_no_scenes(scenes: ModuleType) -> None:
    made = scenes.compose(*bars(3), 0, 0)
    assert (made.images.shape, made.masks.shape, made.boxes) == ((0, 1, 64, 64), (0, 64, 64), ())


def test_the_nearer_digit_hides_the_farther(scenes: ModuleType) -> None:
    for seed in range(40):
        made = scenes.compose(*bars(20), 1, seed)
        boxes = made.boxes[0]
        if len(boxes) > 1 and (made.masks[0] > 0).sum() < sum((b[3] - b[1]) * (b[4] - b[2]) for b in boxes):
            label, x0, y0, x1, y1 = boxes[-1]
            assert (made.masks[0, y0:y1, x0:x1] == label).all()
            return
    pytest.fail("no scene overlaps")
