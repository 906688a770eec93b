"""Signed words: every form against its closed form on every membrane, and the ways back to numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.reference.neuron import fire, integrate
from accelsim.reference.signed import (
    fire_offset,
    fire_ternary,
    fire_twos_complement,
    integrate_twos_complement,
    twos_complement_value,
    unpack_ternary,
)
from accelsim.reference.spikes import pack, unpack

THETAS = (1, 2, 3, 7)


def every_membrane(theta: int, timesteps: int) -> np.ndarray:
    reach = theta * (2**timesteps + 1)
    return np.arange(-reach, reach + 1)[None]


def rounded(membranes: np.ndarray, theta: int, comparator: str) -> np.ndarray:
    return membranes // theta if comparator == ">=" else -(-membranes // theta) - 1


@pytest.mark.parametrize("form", ["packed", "serial"])
@pytest.mark.parametrize("comparator", [">=", ">"])
@pytest.mark.parametrize("timesteps", range(1, 9))
def test_offset_and_twos_complement_on_every_membrane(timesteps: int, comparator, form) -> None:
    half = 2 ** (timesteps - 1)
    for theta in THETAS:
        membranes = every_membrane(theta, timesteps)
        expected = np.clip(rounded(membranes, theta, comparator), -half, half - 1)
        words = fire_twos_complement(membranes, np.array([theta]), timesteps, comparator, form)
        assert 0 <= words.min() <= words.max() < 2**timesteps
        assert twos_complement_value(words, timesteps).tolist() == expected.tolist()
        offset = fire_offset(membranes, np.array([theta]), timesteps, comparator, form)
        assert (offset - half).tolist() == expected.tolist()


@pytest.mark.parametrize("form", ["packed", "serial"])
@pytest.mark.parametrize("comparator", [">=", ">"])
@pytest.mark.parametrize("timesteps", range(1, 9))
def test_ternary_on_every_membrane(timesteps: int, comparator, form) -> None:
    for theta in THETAS:
        membranes = every_membrane(theta, timesteps)
        words = fire_ternary(membranes, np.array([theta]), timesteps, comparator, form)
        magnitude = np.clip(rounded(np.abs(membranes), theta, comparator), 0, 2**timesteps - 1)
        assert words.tolist() == (np.sign(membranes) * magnitude).tolist()
        assert (np.abs(membranes - theta * words)[np.abs(membranes) < theta * 2**timesteps] <= theta).all()
        positive, negative = (fire(sign * membranes, np.array([theta]), timesteps, comparator) for sign in (1, -1))
        assert words.tolist() == (positive - negative).tolist()
        assert not (positive * negative).any()


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 8))
def test_planes_of_signed_words_add_up(seed: int, timesteps: int) -> None:
    """A synapse gets from planes, one after another, what it gets from the numbers."""
    rng = np.random.default_rng(seed)
    weights, half = rng.integers(-127, 128, (3, 5)), 2 ** (timesteps - 1)
    values = rng.integers(-half, half, (5, 4))
    planes = unpack(values % (2 * half), timesteps)
    currents = np.stack([weights @ plane for plane in planes])
    assert integrate_twos_complement(currents).tolist() == (weights @ values).tolist()
    ternary = unpack_ternary(values, timesteps + 1)
    assert set(np.unique(ternary).tolist()) <= {-1, 0, 1}
    assert pack(ternary).tolist() == values.tolist()
    assert integrate(np.stack([weights @ plane for plane in ternary])).tolist() == (weights @ values).tolist()


def test_an_offset_needs_its_correction_in_sums() -> None:
    weights, values = np.array([[3, -5, 7]]), np.array([-8, 0, 5])
    words = values + 8
    assert (weights @ words - 8 * weights.sum(axis=1)).tolist() == (weights @ values).tolist()


def test_membranes_keep_their_shape_and_their_numbers() -> None:
    membrane = np.arange(-12, 12).reshape(2, 3, 4)
    before = membrane.copy()
    for neuron in (fire_offset, fire_twos_complement, fire_ternary):
        for form in ("packed", "serial"):
            words = neuron(membrane, np.array([2, 3]), 3, form=form)
            assert words.shape == membrane.shape
            assert membrane.tolist() == before.tolist()
            assert words[1].tolist() == neuron(membrane[1:], np.array([3]), 3)[0].tolist()
