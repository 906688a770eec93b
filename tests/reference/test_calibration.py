"""Streams and full scales, against what they are defined to be."""

import numpy as np

from accelsim.reference import calibration


def test_full_scale_looks_at_positive_activations_of_all_layers() -> None:
    samples = [np.array([[0.0, 1.0], [2.0, -7.0]]), np.array([3.0, 5.0, 4.0])]
    assert calibration.full_scale(samples) == 5.0
    assert calibration.full_scale(samples, 50.0) == 3.0
    assert calibration.full_scale([np.zeros(3)]) == 1.0
