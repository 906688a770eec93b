from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.workload.correlation import Pairs, measure
from accelsim.workload.density import Density, draw_words
from accelsim.workload.words import generator


def drawn(density: Density, shape: tuple[int, int, int], images: int, word_bits: int = 4) -> list[np.ndarray]:
    return [draw_words(generator(7, "w", image), shape, word_bits, density) for image in range(images)]


@given(density=st.floats(0.02, 0.98), correlation=st.floats(0, 1))
@settings(max_examples=50, deadline=None)
def test_joint_probabilities_lie_between_chance_and_certainty(density: float, correlation: float) -> None:
    pairs = Pairs(density)
    joint = float(pairs.joint(np.array([correlation]))[0])
    assert density * density - 1e-9 <= joint <= density + 1e-6
    assert float(pairs.joint(np.array([1.0]))[0]) == pytest.approx(density, abs=1e-6)
    assert pairs.correlation(joint) == pytest.approx(correlation, abs=1e-6)


def test_joint_probability_at_the_median_is_sheppards_formula() -> None:
    # W. F. Sheppard, Phil. Trans. R. Soc. A 192, 1899: P(both above the median) = 1/4 + asin(r) / (2 pi).
    correlation = np.linspace(0, 1, 11)
    expected = 0.25 + np.arcsin(correlation) / (2 * np.pi)
    assert Pairs(0.5).joint(correlation) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("threshold", [0.2, 0.6])
def test_joint_probability_is_that_of_normal_pairs(threshold: float) -> None:
    rng = np.random.default_rng(3)
    common, one, other = rng.standard_normal((3, 400_000))
    cut = np.quantile(rng.standard_normal(2_000_000), 1 - threshold)
    share = 0.55
    first, second = (np.sqrt(share) * common + np.sqrt(1 - share) * own > cut for own in (one, other))
    assert float(Pairs(threshold).joint(np.array([share]))[0]) == pytest.approx((first & second).mean(), abs=0.003)


@pytest.mark.parametrize(
    ("spatial", "channel", "neighbour"),
    [(0, 0, 0), (0.3, 0, 0), (0, 0.3, 0), (0, 0, 0.6), (0.15, 0.25, 0.5), (0, 0.1, 0.8), (0.4, 0.5, 0)],
)
@pytest.mark.parametrize("words", [0.15, 0.5])
def test_what_is_drawn_is_measured(words: float, spatial: float, channel: float, neighbour: float) -> None:
    found = measure(drawn(Density(words, None, spatial, channel, neighbour), (96, 16, 16), 12), 4)
    assert found.words == pytest.approx(words, abs=0.01)
    assert found.spatial == pytest.approx(spatial, abs=0.04)
    assert found.channel == pytest.approx(channel, abs=0.04)
    if spatial + channel < 0.9:
        assert found.neighbour == pytest.approx(neighbour, abs=0.04)


def test_values_and_planes_are_measured_exactly() -> None:
    words = np.array([[[0, 1], [5, 5]]], dtype=np.uint8)
    found = measure([words], 3)
    assert (found.words, found.bits) == (0.75, (0.5, 0.0, 0.75))
    assert found.values == (1 / 3, 0, 0, 0, 2 / 3, 0, 0)
    assert measure([words], 9).values is None
    assert measure([words, words * 0], 3).words == 0.375


def test_words_drawn_as_measured_have_the_same_histogram() -> None:
    first = drawn(Density(0.3, (0.05, 0.2, 0.1, 0.25), 0.1, 0.2, 0.5), (64, 16, 16), 4)
    again = drawn(measure(first, 4), (64, 16, 16), 4)
    one, other = (np.bincount(np.concatenate(words).reshape(-1), minlength=16) for words in (first, again))
    assert one[0] == other[0]
    assert other[1:] == pytest.approx(one[1:], abs=5 * np.sqrt(2 * one[1:].max()))


@pytest.mark.parametrize("shape", [(1, 8, 8), (8, 1, 1), (8, 1, 5), (1, 1, 1), (3, 2, 2)])
def test_maps_of_any_size_have_correlations(shape: tuple[int, int, int]) -> None:
    for words in (0.0, 0.4, 1.0):
        found = measure(drawn(Density(words, neighbour=0.3), shape, 3), 4)
        for share in (found.spatial, found.channel, found.neighbour, found.spatial + found.channel):
            assert 0 <= share <= 1 + 1e-9


def test_what_the_model_does_not_have_is_none() -> None:
    board = np.indices((6, 6)).sum(axis=0) % 2
    found = measure([np.stack([board, 1 - board]).astype(np.uint8)], 1)
    assert (found.spatial, found.channel, found.neighbour) == (0.0, 0.0, 0.0)
