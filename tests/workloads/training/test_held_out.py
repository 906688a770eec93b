"""Test sets are what the data set and a seed give, and nobody trained on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")

WORKLOADS = Path(__file__).resolve().parents[3] / "workloads"


@pytest.mark.parametrize("network", ["resnet18_digits", "vgg_digits"])
def test_digits_of_the_first_fold(script, network: str) -> None:
    digits = script("digits")
    images, labels = digits.load()
    seen, held_out = digits.splits(images, labels)[0]
    assert not set(seen) & set(held_out)
    with np.load(WORKLOADS / network / "test.npz", allow_pickle=False) as file:
        assert np.array_equal(file["images"], images[held_out])
        assert np.array_equal(file["labels"], labels[held_out])
