from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.workload.density import Density, _highest, bit_probabilities, density_of, draw_levels, draw_words
from accelsim.workload.words import generator

SHAPE = (32, 40, 40)


def drawn(word_bits: int, density: Density, name: str = "a", shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    return draw_words(generator(0, name, 0), shape, word_bits, density)


def within(found: float, expected: float, deviation: float) -> bool:
    """Five standard deviations: one in a million tests fails by chance, and seeds are fixed."""
    return abs(found - expected) <= 5 * deviation + 1e-9


@given(word_bits=st.integers(1, 20), words=st.floats(0, 1), share=st.floats(0, 1))
@settings(max_examples=25, deadline=None)
def test_words_have_the_density_asked_for(word_bits: int, words: float, share: float) -> None:
    bits = words / word_bits + share * (words - words / word_bits)
    found = drawn(word_bits, Density(words, bits))
    assert found.max(initial=0) < 1 << word_bits
    assert within(np.count_nonzero(found) / found.size, words, math.sqrt(words * (1 - words) / found.size))
    # A word's share of ones has at most the variance of its mean, being between 0 and 1.
    ones = sum(np.count_nonzero(found >> bit & 1) for bit in range(word_bits))
    assert within(ones / found.size / word_bits, bits, math.sqrt(bits * (1 - bits) / found.size))


@given(data=st.data(), word_bits=st.integers(1, 8), words=st.floats(0.05, 1))
@settings(max_examples=25, deadline=None)
def test_planes_have_the_densities_asked_for(data: st.DataObject, word_bits: int, words: float) -> None:
    shares = data.draw(st.lists(st.floats(0, 1), min_size=word_bits, max_size=word_bits).filter(lambda s: sum(s) >= 1))
    planes = tuple(words * share for share in shares)
    found = drawn(word_bits, Density(words, planes))
    assert within(np.count_nonzero(found) / found.size, words, math.sqrt(words * (1 - words) / found.size))
    for plane, expected in enumerate(planes):
        ones = np.count_nonzero(found >> (word_bits - 1 - plane) & 1) / found.size
        assert within(ones, expected, math.sqrt(expected * (1 - expected) / found.size))


@given(shares=st.lists(st.floats(0, 1), min_size=1, max_size=6).filter(lambda shares: sum(shares) >= 1))
def test_bits_are_independent_but_for_the_word_being_nonzero(shares: list[float]) -> None:
    first, later = bit_probabilities(shares)
    probability = {}
    for word in itertools.product((0, 1), repeat=len(shares)):
        chance = 1.0
        for plane, bit in enumerate(word):
            one = later[plane] if any(word[:plane]) else first[plane]
            chance *= one if bit else 1 - one
        probability[word] = chance
    assert probability[(0,) * len(shares)] == pytest.approx(0, abs=1e-9)
    for plane, share in enumerate(shares):
        assert sum(chance for word, chance in probability.items() if word[plane]) == pytest.approx(share, abs=1e-6)
    # Most entropy: the logarithm is a sum over planes, so that two words may swap a bit without changing it.
    for one, other in itertools.combinations([word for word in probability if sum(word) > 1], 2):
        swapped = ((other[0], *one[1:]), (one[0], *other[1:]))
        if all(sum(word) for word in swapped):
            product = probability[swapped[0]] * probability[swapped[1]]
            assert probability[one] * probability[other] == pytest.approx(product, abs=1e-9)


def test_a_single_bit_is_the_least_that_words_can_have() -> None:
    assert bit_probabilities([0.5, 0.25, 0.25]) == ([0.5, 0.5, 1.0], [0.0, 0.0, 0.0])
    found = drawn(4, Density(0.4, 0.1))
    assert set(np.unique(found)) == {0, 1, 2, 4, 8}


def test_without_a_density_of_bits_nonzero_words_are_uniform() -> None:
    counts = np.bincount(drawn(3, Density(0.8)).reshape(-1), minlength=8)
    assert counts[0] / counts.sum() == pytest.approx(0.2, abs=0.01)
    assert counts[1:] / counts.sum() == pytest.approx([0.8 / 7] * 7, abs=0.01)


@pytest.mark.parametrize("neighbour", [0.0, 0.6])
def test_values_have_the_shares_asked_for(neighbour: float) -> None:
    shares = (0.1, 0.0, 0.3, 0.05, 0.15, 0.0, 0.4)
    counts = np.bincount(drawn(3, Density(0.5, neighbour=neighbour, values=shares)).reshape(-1), minlength=8)
    nonzero = counts[1:].sum()
    possible = np.array(shares) > 0
    assert not counts[1:][~possible].any()
    expected = nonzero * np.array(shares)[possible]
    # Chi square of 4 degrees of freedom exceeds 18.5 once in a thousand.
    assert (((counts[1:][possible] - expected) ** 2) / expected).sum() < 18.5


def test_silence_and_full_activity_are_exact() -> None:
    assert not drawn(4, Density(0.0, 0.0)).any()
    assert not drawn(4, Density(0.0, neighbour=0.5)).any()
    assert drawn(4, Density(1.0)).all()
    assert (drawn(4, Density(1.0, 1.0, spatial=0.5)) == 15).all()


def test_the_same_name_image_and_seed_give_the_same_words() -> None:
    for density in (Density(0.5), Density(0.5, 0.2, 0.1, 0.2, 0.3)):
        assert np.array_equal(drawn(4, density), drawn(4, density))
        assert not np.array_equal(drawn(4, density), drawn(4, density, "b"))
        one = draw_words(generator(0, "a", 1), SHAPE, 4, density)
        assert not np.array_equal(one, drawn(4, density))


def test_levels_correlate_as_asked() -> None:
    density = Density(0.5, None, 0.2, 0.3, 0.7)
    fields = np.stack(
        [draw_levels(generator(1, "levels", image), (16, 12, 12), density) for image in range(400)], dtype=np.float64
    )

    def mean(products: np.ndarray) -> tuple[float, float]:
        """Mean over images of the mean of each, and the standard deviation of that mean."""
        each = products.reshape(len(products), -1).mean(axis=1)
        return float(each.mean()), float(each.std()) / math.sqrt(len(each))

    def agrees(products: np.ndarray, expected: float) -> bool:
        found, deviation = mean(products)
        return within(found, expected, deviation) and deviation < 0.02

    assert agrees(fields, 0)
    assert agrees(fields**2, 1)
    one, other = fields[:, :8], fields[:, 8:]
    assert agrees(one * other, 0.2)
    for rows, columns in ((0, 1), (1, 0), (1, 1), (0, 3), (2, 4)):
        apart = 0.7 ** (rows + columns)
        near, far = (slice(None, 12 - rows), slice(None, 12 - columns)), (slice(rows, None), slice(columns, None))
        assert agrees(fields[:, :, near[0], near[1]] * fields[:, :, far[0], far[1]], 0.3 + 0.7 * apart)
        assert agrees(one[:, :, near[0], near[1]] * other[:, :, far[0], far[1]], 0.2 * apart)


@given(levels=st.lists(st.floats(-4, 4, width=32), max_size=40), data=st.data())
def test_the_highest_levels_are_those_of_a_stable_sort(levels: list[float], data: st.DataObject) -> None:
    array = np.array(levels, dtype=np.float32)
    count = data.draw(st.integers(0, len(levels)))
    order = sorted(range(len(levels)), key=lambda place: (levels[place], math.copysign(1, levels[place])))
    assert _highest(array, count).tolist() == order[len(levels) - count :]


@pytest.mark.parametrize("words", [0.1, 0.3333, 0.9])
def test_correlated_words_meet_the_density_to_the_word(words: float) -> None:
    for density in (Density(words, spatial=0.5), Density(words, channel=0.9), Density(words, neighbour=0.9)):
        assert np.count_nonzero(drawn(4, density)) == round(words * math.prod(SHAPE))


def test_each_correlation_spreads_something_else() -> None:
    plain, spatial, channel, neighbour = (
        drawn(4, Density(0.3, **{name: 0.5} if name else {})) != 0 for name in ("", "spatial", "channel", "neighbour")
    )
    assert spatial.mean(axis=0).std() > 2 * plain.mean(axis=0).std()
    assert channel.mean(axis=(1, 2)).std() > 5 * plain.mean(axis=(1, 2)).std()
    assert spatial.mean(axis=(1, 2)).std() < 5 * plain.mean(axis=(1, 2)).std()
    assert (neighbour[..., 1:] & neighbour[..., :-1]).mean() > 1.5 * (plain[..., 1:] & plain[..., :-1]).mean()
    assert neighbour.mean(axis=0).std() == pytest.approx(plain.mean(axis=0).std(), rel=0.1)


def test_words_of_more_ones_lie_where_more_words_fire() -> None:
    found = drawn(4, Density(0.3, 0.2, neighbour=0.8))
    ones = sum((found >> bit & 1).astype(int) for bit in range(4))
    inner = ones[:, 1:-1, 1:-1]
    around = (ones[:, :-2, 1:-1] > 0) * 1 + (ones[:, 2:, 1:-1] > 0) + (ones[:, 1:-1, :-2] > 0) + (ones[:, 1:-1, 2:] > 0)
    means = [inner[(inner > 0) & (around == count)].mean() for count in range(5)]
    assert means == sorted(means)
    assert means[4] > means[0] + 0.5


def test_density_of_words_for_another_width() -> None:
    full = np.full((1, 4, 4), 15, dtype=np.uint8)
    assert density_of(full, 4, 8) == Density(1.0, 1.0)
    single = np.full((1, 4, 4), 1, dtype=np.uint8)
    assert density_of(single, 8, 2) == Density(1.0, 0.5)
