import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.reference.neuron import fire, integrate
from accelsim.reference.spikes import pack, unpack


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.sampled_from([">=", ">"]))
def test_both_forms_give_the_same_words_and_keep_the_membrane(seed: int, timesteps: int, comparator) -> None:
    rng = np.random.default_rng(seed)
    theta = rng.integers(1, 100, 3)
    membrane = rng.integers(-200, 30000, (3, 2, 4))
    before = membrane.copy()
    serial = fire(membrane, theta, timesteps, comparator, "serial")
    assert serial.tolist() == fire(membrane, theta, timesteps, comparator, "packed").tolist()
    assert membrane.tolist() == before.tolist()


@pytest.mark.parametrize(("comparator", "words"), [(">=", [0, 1, 1, 2, 3, 3]), (">", [0, 0, 1, 1, 2, 3])])
def test_comparators_differ_at_multiples_of_theta(comparator, words) -> None:
    membrane = np.array([[-5, 10, 11, 20, 30, 1000]])
    assert fire(membrane, np.array([10]), 2, comparator).tolist() == [words]


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 8))
def test_integrating_bit_planes_is_the_sum_over_words(seed: int, planes: int) -> None:
    rng = np.random.default_rng(seed)
    words = rng.integers(0, 2**planes, (6, 4))
    weights = rng.integers(-127, 128, (3, 6))
    currents = np.stack([weights @ plane for plane in unpack(words, planes)])
    assert integrate(currents).tolist() == (weights @ words).tolist()
    assert pack(unpack(words, planes)).tolist() == words.tolist()
