"""The digits as the networks see them."""

import numpy as np


def test_enlarging_is_bilinear_between_pixel_centres(script) -> None:
    image = np.random.default_rng(0).integers(0, 17, (1, 8, 8))
    position = np.clip((np.arange(32) + 0.5) / 4 - 0.5, 0, 7)
    rows = np.array([np.interp(position, np.arange(8), row) for row in image[0]])
    expected = np.array([np.interp(position, np.arange(8), column) for column in rows.T]).T * 255 / 16
    enlarged = script("digits").enlarge(image)
    assert (enlarged.dtype, enlarged.shape) == (np.uint8, (1, 1, 32, 32))
    assert np.abs(enlarged[0, 0] - expected).max() <= 0.5 + 1e-9
    assert script("digits").enlarge(np.full((1, 8, 8), 16)).min() == 255
