"""Each step of a conversion, against the floating-point arithmetic that it stands for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.errors import InputError
from accelsim.reference import quantise
from accelsim.reference.neuron import fire


def test_folding_equals_normalising_afterwards() -> None:
    rng = np.random.default_rng(0)
    weights, inputs = rng.normal(size=(4, 3, 1, 1)), rng.normal(size=(3, 5))
    mean, offset, gain, variance = rng.normal(size=4), rng.normal(size=4), rng.normal(size=4), rng.random(4)
    sums = weights[:, :, 0, 0] @ inputs
    expected = (sums - mean[:, None]) / np.sqrt(variance + 1e-5)[:, None] * gain[:, None] + offset[:, None]
    folded, bias = quantise.fold_batch_norm(weights, mean, variance, gain, offset, 1e-5)
    np.testing.assert_allclose(folded[:, :, 0, 0] @ inputs + bias[:, None], expected, rtol=1e-12)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 8))
def test_quantised_weights_are_within_half_a_scale(seed: int, bits: int) -> None:
    real = np.random.default_rng(seed).normal(size=(5, 2, 3, 3))
    for per_channel in (True, False):
        integers, scale = quantise.quantise_weights(real, bits, per_channel)
        assert integers.dtype == np.int8
        assert np.abs(integers).max() == 2 ** (bits - 1) - 1
        assert (np.abs(integers * scale[:, None, None, None] - real).max((1, 2, 3)) <= scale * 0.5000001).all()
        assert per_channel or len(set(scale)) == 1


def test_weak_and_silent_channels_keep_a_bounded_scale() -> None:
    integers, scale = quantise.quantise_weights(np.array([[1.27], [1e-9], [0.0]]))
    assert integers.tolist() == [[127], [0], [0]]
    np.testing.assert_allclose(scale, [0.01, 0.01 / 256, 0.01 / 256])
    assert quantise.quantise_weights(np.zeros((2, 1)))[1].tolist() == [1.0, 1.0]


def test_requantising_keeps_eight_bits_and_fits_a_scale_to_fewer() -> None:
    weights, scale = np.array([[127, -127, 64, -64, 63, 1]], dtype=np.int8), np.array([0.5])
    assert quantise.requantise(weights, scale, 8)[0] is weights
    fewer, coarser = quantise.requantise(weights, scale, 2)
    assert fewer.tolist() == [[1, -1, 1, -1, 1, 0]]
    np.testing.assert_allclose(coarser, [0.5 * (127 + 127 + 64 + 64 + 63) / 5])
    signs, mean = quantise.requantise(weights, scale, 1)
    assert signs.tolist() == [[1, -1, 1, -1, 1, 1]]
    np.testing.assert_allclose(mean, [0.5 * (127 + 127 + 64 + 64 + 63 + 1) / 6])


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 7), st.booleans())
def test_fewer_bits_miss_no_more_than_plain_rounding_does(seed: int, bits: int, per_channel: bool) -> None:
    weights = np.random.default_rng(seed).integers(-127, 128, (4, 3, 3, 3)).astype(np.int8)
    scale = np.full(4, 0.25)
    fewer, coarser = quantise.requantise(weights, scale, bits, per_channel)
    top = max(2 ** (bits - 1) - 1, 1)
    assert np.abs(fewer).max() <= top
    assert per_channel or len(set(coarser)) == 1
    real = weights * 0.25
    factors = np.abs(real).reshape(4, -1).max(1) if per_channel else np.full(4, np.abs(real).max())
    steps = (factors / top)[:, None, None, None]
    plain = np.where(real < 0, -steps, steps) if bits == 1 else np.rint(real / steps) * steps
    missed = ((fewer * coarser[:, None, None, None] - real) ** 2).sum()
    assert missed <= ((plain - real) ** 2).sum() * (1 + 1e-9)


def test_layers_that_only_pick_and_add_keep_two_bits_and_lose_nothing() -> None:
    picks = np.array([[127, 0, 0], [0, -127, 127]], dtype=np.int8)
    assert [quantise.bits_needed(picks, bits) for bits in (1, 2, 4, 8)] == [2, 2, 4, 8]
    assert quantise.bits_needed(np.array([[3, -3]], dtype=np.int8), 1) == 1
    fewer, scale = quantise.requantise(picks, np.full(2, 1 / 127), 2)
    assert fewer.tolist() == [[1, 0, 0], [0, -1, 1]]
    np.testing.assert_allclose(scale, 1.0)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 8))
def test_a_converted_neuron_rounds_its_activation_to_the_nearest_word(seed: int, timesteps: int) -> None:
    rng = np.random.default_rng(seed)
    integers = rng.integers(-127, 128, (3, 20)).astype(np.int8)
    scale, bias, step_in = rng.random(3) * 0.01 + 0.001, rng.normal(size=3) * 10, 0.37
    words = rng.integers(0, 2**timesteps, 20)
    step_out = 6.0 / (2**timesteps - 1)
    activation = scale * (integers @ words) * step_in + bias
    theta = quantise.thresholds(scale, step_in, step_out)
    membrane = integers @ words + quantise.integer_bias(bias, scale, step_in) + theta // 2
    fired = fire(membrane, theta, timesteps) * step_out
    rounding_of_theta = np.abs(theta * scale * step_in / step_out - 1) * 6.0
    error = np.abs(fired - np.clip(activation, 0, 6.0))
    assert (error <= step_out / 2 + 2 * scale * step_in + rounding_of_theta).all()


def test_thresholds_beyond_64_bits_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        quantise.thresholds(np.array([0.5**100]), 1.0, 1.0)
    assert (
        str(caught.value)
        == "thresholds do not fit an integer of 64 bits (got 1.2676506002282294e+30); allowed: below 2^62"
    )
    assert quantise.thresholds(np.array([1e3]), 1.0, 1.0).tolist() == [1]
