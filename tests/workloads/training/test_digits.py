"""The digits as the networks see them."""

import numpy as np
import pytest


@pytest.mark.parametrize("size", [8, 14, 19, 32])
def test_enlarging_is_bilinear_between_pixel_centres(script, size) -> None:
    image = np.random.default_rng(0).integers(0, 17, (1, 8, 8))
    position = np.clip((np.arange(size) + 0.5) * 8 / size - 0.5, 0, 7)
    rows = np.array([np.interp(position, np.arange(8), row) for row in image[0]])
    expected = np.array([np.interp(position, np.arange(8), column) for column in rows.T]).T * 255 / 16
    enlarged = script("digits").enlarge(image, size)
    assert (enlarged.dtype, enlarged.shape) == (np.uint8, (1, 1, size, size))
    assert np.abs(enlarged[0, 0] - expected).max() <= 0.5 + 1e-9
    assert script("digits").enlarge(np.full((1, 8, 8), 16), size).min() == 255


def test_the_classifiers_see_32_rows_and_columns(script) -> None:
    assert script("digits").enlarge(np.zeros((2, 8, 8), dtype=np.int64)).shape == (2, 1, 32, 32)
