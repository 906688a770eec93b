"""Metrics against their definitions, worked by hand or computed the slow way."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest


@pytest.fixture
def metrics(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("metrics")


def test_intervals_of_proportions(metrics: ModuleType) -> None:
    # Newcombe, Statistics in Medicine 17:857, 1998, table I (81 of 263).
    assert metrics.wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert metrics.paired("1" * 90 + "0" * 10, "1" * 80 + "0" * 20) == pytest.approx((0.1, 0.03425, 0.16183), abs=1e-4)


def test_bootstrap_of_means_and_of_their_difference_is_the_normal_interval(metrics: ModuleType) -> None:
    random = np.random.default_rng(1)
    first = random.normal(5, 2, 400)
    second = first + random.normal(1, 0.1, 400)
    values = metrics.bootstrap(lambda cases: (first[cases].mean(), second[cases].mean()), 400)
    assert values.shape == (metrics.RESAMPLES, 2)
    for drawn, sample in ((values[:, 0], first), (values[:, 1] - values[:, 0], second - first)):
        half = 1.96 * sample.std() / 20
        expected = (sample.mean() - half, sample.mean() + half)
        assert metrics.percentile_interval(drawn) == pytest.approx(expected, abs=0.1 * half)


def test_overlap_and_mean_iou(metrics: ModuleType) -> None:
    truth = np.array([[[0, 0], [1, 1]], [[2, 2], [2, 2]]], dtype=np.uint8)
    answers = np.array([[[0, 1], [1, 1]], [[2, 2], [0, 2]]], dtype=np.uint8)
    pixels = metrics.overlap(answers, truth, 4)
    assert pixels.tolist() == [[[1, 2, 0, 0], [2, 3, 0, 0]], [[0, 0, 3, 0], [1, 0, 4, 0]]]
    # Class 0: 1 of 3 pixels, class 1: 2 of 3, class 2: 3 of 4; class 3 does not occur.
    assert metrics.mean_iou(pixels) == pytest.approx((1 / 3 + 2 / 3 + 3 / 4) / 3)


def test_box_iou(metrics: ModuleType) -> None:
    first = np.array([[0, 0, 4, 4], [10, 10, 12, 12]])
    second = np.array([[2, 0, 6, 4], [0, 0, 4, 4], [4, 0, 8, 4]])
    assert metrics.box_iou(first, second).tolist() == [[8 / 24, 1, 0], [0, 0, 0]]
    assert metrics.box_iou(np.zeros((1, 4)), np.zeros((1, 4))).tolist() == [[0]]
    assert metrics.box_iou(np.zeros((0, 4)), second).shape == (0, 3)


TRUTH = np.array([[1, 0, 0, 10, 10], [1, 20, 0, 30, 10], [2, 0, 20, 10, 30]])


def test_match_claims_each_box_once_by_falling_score(metrics: ModuleType) -> None:
    found = np.array(
        [
            [1, 0.6, 0, 0, 10, 9],
            [1, 0.9, 1, 0, 10, 10],
            [2, 0.8, 0, 0, 10, 10],
            [2, 0.7, 0, 20, 10, 25],
            [1, 0.5, 20, 0, 30, 4.9],
        ]
    )
    hits = metrics.match(found, TRUTH)
    assert hits.tolist() == [[1, 0.9, 1], [2, 0.8, 0], [2, 0.7, 1], [1, 0.6, 0], [1, 0.5, 0]]
    assert metrics.match(np.zeros((0, 6)), TRUTH).shape == (0, 3)
    assert metrics.match(found[:1], TRUTH[:0]).tolist() == [[1, 0.6, 0]]


def test_mean_average_precision_by_hand(metrics: ModuleType) -> None:
    # Class 1, four boxes: hit, miss, hit, miss, so precision 1, 1/2, 2/3, 1/2 at recall 1/4, 1/4, 1/2, 1/2.
    scenes = [np.array([[1, 0.9, 1], [1, 0.7, 1]]), np.array([[1, 0.8, 0], [1, 0.1, 0], [2, 0.5, 1]])]
    truth = [TRUTH, TRUTH]
    assert metrics.mean_average_precision(scenes, truth, [1]) == pytest.approx(0.25 * 1 + 0.25 * 2 / 3)
    # Class 2, two boxes, one found; class 3 does not occur.
    assert metrics.mean_average_precision(scenes, truth, [2]) == pytest.approx(0.5)
    assert metrics.mean_average_precision(scenes, truth, [1, 2, 3]) == pytest.approx((0.25 + 1 / 6 + 0.5) / 2)
    assert metrics.mean_average_precision([], [], [1]) == 0
