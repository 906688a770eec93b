"""Intervals of reported accuracies."""

import pytest


def test_intervals(script) -> None:
    accuracy = script("accuracy")
    assert accuracy.wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert accuracy.paired("1" * 90 + "0" * 10, "1" * 80 + "0" * 20) == pytest.approx((0.1, 0.03425, 0.16183), abs=1e-4)
