"""The detector: what it is to answer, and boxes from answers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")


@pytest.fixture
def detector(script):
    return script("detector")


def drawn_boxes(random: np.random.Generator, count: int) -> np.ndarray:
    """Boxes (class, x0, y0, x1, y1) whose centres lie in cells far apart."""
    cells = random.choice(9, count, replace=False)
    middle = np.stack([10 + 20 * (cells % 3), 10 + 20 * (cells // 3)], axis=1) + random.integers(-2, 3, (count, 2))
    half = random.integers(4, 9, (count, 2))
    return np.column_stack([random.integers(1, 11, count), middle - half, middle + half])


def test_what_is_to_be_answered_decodes_to_the_boxes(detector) -> None:
    random = np.random.default_rng(0)
    scenes = [drawn_boxes(random, count) for count in (1, 3, 6)]
    heat, distances, weight = detector.targets(scenes, 16, 16)
    assert [(part == 1).sum() for part in heat] == [1, 3, 6]
    assert distances[:, :, :, :][np.broadcast_to(weight[:, None] == 0, distances.shape)].sum() == 0
    logits = np.log(np.clip(heat, 1e-6, 1 - 1e-6)) - np.log1p(-np.clip(heat, 1e-6, 1 - 1e-6))
    for known, scores, sides in zip(scenes, logits, distances, strict=True):
        found = detector.decode(np.where(scores > 10, scores, -20), sides)
        order = np.lexsort(found[:, [2, 3]].T), np.lexsort(known[:, [1, 2]].T)
        assert np.array_equal(found[order[0]][:, [0, 2, 3, 4, 5]], known[order[1]])


def test_an_empty_scene_has_no_targets_and_no_boxes(detector) -> None:
    heat, distances, weight = detector.targets([np.zeros((0, 5), dtype=np.int64)], 4, 4)
    assert (heat.sum(), distances.sum(), weight.sum()) == (0, 0, 0)
    assert detector.decode(np.full((10, 4, 4), -9.0), np.ones((4, 4, 4))).shape == (0, 6)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(0, 12))
def test_of_overlapping_boxes_the_best_of_a_class_remains(seed: int, count: int) -> None:
    detector = __import__("detector")
    random = np.random.default_rng(seed)
    corner, side = random.uniform(0, 20, (count, 2)), random.uniform(5, 20, (count, 2))
    score = np.sort(random.random(count))[::-1]
    found = np.column_stack([random.integers(1, 3, count), score, corner, corner + side])
    kept = set(detector.best_of_overlapping(found).tolist())

    def shared(a: np.ndarray, b: np.ndarray) -> float:
        width, height = np.minimum(a[4:], b[4:]) - np.maximum(a[2:4], b[2:4])
        common = max(width, 0) * max(height, 0)
        return common / (np.prod(a[4:] - a[2:4]) + np.prod(b[4:] - b[2:4]) - common)

    for index in range(count):
        beaten = any(
            found[better, 0] == found[index, 0] and shared(found[better], found[index]) > detector.LARGEST_SHARED
            for better in kept
            if better < index
        )
        assert (index in kept) != beaten


def test_generalised_iou(detector) -> None:
    truth = torch.tensor([[1.0, 2.0, 3.0, 4.0]])[:, :, None]
    assert detector.giou_loss(truth, truth) == pytest.approx(0.0)
    answer = torch.tensor([[3.0, 2.0, 1.0, 4.0]])[:, :, None]
    union, hull = 2 * 24 - 12, 36
    assert detector.giou_loss(answer, truth).item() == pytest.approx(1 - (12 / union - (hull - union) / hull))
    behind = torch.tensor([[-1.0, 2.0, 3.0, 4.0]])[:, :, None]
    assert detector.giou_loss(behind, truth).item() == pytest.approx(1 - 18 / 24 + 1)


def test_the_loss_falls_towards_what_is_to_be_answered(detector) -> None:
    known = detector.targets([drawn_boxes(np.random.default_rng(1), 4)], 16, 16)
    heat, distances, weight = (torch.from_numpy(array) for array in known)
    right = torch.where(heat == 1, 20.0, -20.0)
    losses = [
        detector.loss(share * right, share * distances, heat, distances, weight).item() for share in (0.0, 0.5, 1.0)
    ]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] == pytest.approx(0.0, abs=1e-6)


def test_heads_answer_for_every_cell(detector) -> None:
    with torch.no_grad():
        classes, boxes = detector.Detector().eval()(torch.zeros(2, 1, 64, 64))
    assert (classes.shape, boxes.shape) == ((2, 10, 16, 16), (2, 4, 16, 16))
