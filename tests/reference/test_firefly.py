"""The arithmetic of FireFly v1 and v2: examples worked out on their public RTL, and layers against a slow twin."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from firefly_neurons import lane_v2, layer_by_neuron, neuron_v1, neuron_v2, spikes_v2, sum_v2
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.reference.firefly import outputs_v1, outputs_v2
from accelsim.reference.kernels import firefly as kernels
from accelsim.workload.layer import Layer
from accelsim.workload.workload import Parameters


def pointwise(channels: int, outs: int = 1, timesteps: int = 4, bits: int = 1) -> Layer:
    """A 1 x 1 convolution on a map of two pixels, so that it is no fully connected layer."""
    return Layer(
        "l",
        "conv2d",
        (),
        (channels, 1, 2),
        (outs, 1, 2),
        weight_bits=8,
        timesteps=timesteps,
        bits_per_step=bits,
        word_bits=timesteps * bits,
    )


def parameters(weights: Any, bias: int, theta: int) -> Parameters:
    """Weights [outs, channels] of a 1 x 1 kernel."""
    found = np.asarray(weights, np.int8)[:, :, None, None]
    return Parameters(found, np.full(len(found), bias, np.int64), np.full(len(found), theta, np.int64))


def spikes_of_v1(partials: list[list[int]], bias: int, theta: int, leak: bool = False) -> list[int]:
    """Spikes of a neuron of FireFly v1 whose matrices of each time step give these sums."""
    membrane, spikes = 0, []
    for step in partials:
        for index, partial in enumerate(step):
            membrane = kernels.integrate_v1(membrane, partial, bias, index == len(step) - 1, leak)
        spikes.append(int(membrane > theta))
        membrane = 0 if spikes[-1] else membrane
    return spikes


def test_v1_integrates_over_time_fires_above_the_threshold_and_resets() -> None:
    assert spikes_of_v1([[100, 40], [-20, 153], [5, -5]], bias=10, theta=143) == [1, 0, 1]


def test_leak_of_v1_comes_after_every_matrix() -> None:
    """The same sum fires in one matrix, and not in two."""
    assert kernels.integrate_v1(0, 100, 10, False, True) == 50
    assert kernels.integrate_v1(50, 41, 10, True, True) == 50
    assert kernels.integrate_v1(0, 141, 10, True, True) == 75
    assert spikes_of_v1([[100, 41]], bias=10, theta=50, leak=True) == [0]
    assert spikes_of_v1([[141]], bias=10, theta=50, leak=True) == [1]


def test_membrane_of_v1_wraps() -> None:
    assert kernels.integrate_v1(131_000, 100, 0, True, False) == -131_044


def test_sums_of_v1_wrap_at_16_bits() -> None:
    """288 weights of 127 and one spike each: 36576 reads as -28960; with P = 16 it comes in two halves that fit."""
    layer = replace(pointwise(32, timesteps=1), kernel=(3, 3), padding=(1, 1), in_shape=(32, 3, 3), out_shape=(1, 3, 3))
    ones = np.ones((32, 3, 3), np.int32)
    heavy = Parameters(np.full((1, 32, 3, 3), 127, np.int8), np.zeros(1, np.int64), np.full(1, 30_000, np.int64))
    assert outputs_v1(ones, layer, heavy, channels=32)[0, 1, 1] == 0
    assert outputs_v1(ones, layer, heavy, channels=16)[0, 1, 1] == 1


def test_classifier_of_v1_fires_the_most_excited_and_keeps_its_membranes() -> None:
    """Both maxima fire; with P = 2 each pair has its own."""
    words = np.full((1, 1, 2), 0b11, np.int32)
    found = parameters([[5], [9], [9], [3]], bias=0, theta=1000)
    layer = pointwise(1, outs=4, timesteps=2)
    assert outputs_v1(words, layer, found, channels=4, winners=True)[:, 0, 0].tolist() == [0, 3, 3, 0]
    assert outputs_v1(words, layer, found, channels=2, winners=True)[:, 0, 0].tolist() == [0, 3, 3, 0]
    # 5 + 5 in V after two steps, where a spike in the first had reset it.
    later = np.array([[[0b11, 0]], [[0b01, 0]]], np.int32)
    pair = parameters([[5, 0], [0, 9]], bias=0, theta=1000)
    assert outputs_v1(later, pointwise(2, 2, 2), pair, channels=2, winners=True)[:, 0, 0].tolist() == [0b11, 0]


def test_v2_fires_within_a_pass_and_carries_on() -> None:
    """V 60, 110*, 30, 120*; then 99, 100, 101*, 1."""
    spikes, carry = kernels.fire_v2(np.array([60, 50, 30, 90]), 0, 100, False)
    assert (spikes, carry) == (0b0101, 0)
    assert kernels.fire_v2(np.array([99, 1, 1, 1]), carry, 100, False) == (0b0010, 1)


def test_leaky_neuron_of_v2_halves_what_was_and_what_comes() -> None:
    """V 30, 18, 7, 48*; a carry of 3 enters as 1 and 0, so that V is 2 and 2 where step by step it would be 2 and 3."""
    assert kernels.fire_v2(np.array([61, 7, -3, 90]), 0, 40, True) == (0b0001, 0)
    assert kernels.fire_v2(np.array([61, 7, -3, 90]), 0, 17, True) == (0b1001, 0)
    assert kernels.fire_v2(np.array([2, 4, 0, 0]), 3, 2, True) == (0b0000, 0)
    assert kernels.fire_v2(np.array([2, 4, 0, 0]), 3, 1, True) == (0b1100, 0)


def beats_of(changes: list[int]) -> tuple[Any, Layer, Parameters]:
    """A neuron of one time step to whose lane each beat of 8 channels brings a change."""
    weights, words = [], []
    for change in changes:
        size, sign = abs(change), 1 if change > 0 else -1
        weights += [sign * (size // 8 + (index < size % 8)) for index in range(8)]
        words += [1] * 8
    layer = pointwise(len(weights), timesteps=1)
    return np.array(words, np.int32)[:, None, None].repeat(2, 2), layer, parameters([weights], 0, 0)


@pytest.mark.parametrize(
    ("changes", "held"),
    [
        ([1000, 1000, 1000, -1000], 2047),
        ([1000, 1000, 1000], -1096),
        ([-1000, -1000, -1000, 1000, 0], -2048),
        ([1000, 1000, 1000, -1000, -1000, -1000, -1000, -1000, -1000, 0], 2047),
    ],
)
def test_lane_of_v2_saturates_but_for_its_last_beat(changes: list[int], held: int) -> None:
    """The first direction wins; the flag misses an overflow in the last beat, which wraps."""
    assert lane_v2(changes) == held


@pytest.mark.parametrize(("last", "held"), [(1000, -1096), (0, 2000)])
def test_last_beat_of_a_layer_on_v2_wraps(last: int, held: int) -> None:
    words, layer, found = beats_of([1000, 1000, *[0] * 13, last])
    for theta, fires in ((held - 1, 1), (held, 0)):
        changed = Parameters(found.weights, found.bias, np.array([theta]))
        assert outputs_v2(words, layer, changed)[0, 0, 0] == fires


def test_beat_before_the_last_saturates_on_v2() -> None:
    """Where 3000 is reached before the last beat, 2047 stands, as for a narrow layer that is padded to 16 beats."""
    for changes in ([1000, 1000, *[0] * 12, 1000, -1000], [1000, 1000, 1000]):
        words, layer, found = beats_of(changes)
        for theta, fires in ((2046, 1), (2047, 0)):
            changed = Parameters(found.weights, found.bias, np.array([theta]))
            assert outputs_v2(words, layer, changed)[0, 0, 0] == fires


def test_sums_of_v2_wrap_at_18_bits_and_saturate_at_16() -> None:
    """Digits of 2047 each: 173995 reads as -88149 in 18 bits, and saturates to -32767; -32768 itself passes."""
    lanes = np.full(4, 2047)
    assert kernels.finish_v2(lanes, kernels.DIGITS, 0) == 1
    assert lanes[0] == -32_767
    assert kernels.wrap(173_995, 18) == -88_149
    for total, bias, held in ((-32_768, 0, -32_768), (-32_768, -1, -32_767), (32_767, 1, 32_767), (40, 2, 42)):
        lanes = np.array([total, 0, 0, 0])
        assert kernels.finish_v2(lanes, kernels.TIME_STEPS, bias) == 4
        assert lanes[0] == held == sum_v2(total, bias)


def test_lanes_of_v2_by_mode() -> None:
    for mode, sums in (
        (kernels.TIME_STEPS, [1, 20, 300, -5]),
        (kernels.TWO_BITS, [41, 290]),
        (kernels.FOUR_BITS, [41 + 4 * 290]),
        (kernels.DIGITS, [81 + 16 * 280]),
    ):
        lanes = np.array([1, 20, 300, -5])
        assert lanes[: kernels.finish_v2(lanes, mode, 0)].tolist() == sums


@given(st.lists(st.integers(-32_768, 32_767), min_size=4, max_size=12), st.integers(-32_768, 32_767), st.booleans())
def test_neurons_of_v2_equal_their_twin(sums: list[int], threshold: int, leaky: bool) -> None:
    sums = sums[: len(sums) // 4 * 4]
    carry, word = 0, []
    for first in range(0, len(sums), 4):
        spikes, carry = kernels.fire_v2(np.array(sums[first : first + 4]), carry, threshold, leaky)
        word += [spikes >> place & 1 for place in (3, 2, 1, 0)]
    assert word == spikes_v2(sums, threshold, leaky)


@st.composite
def layers(draw: st.DrawFn, bits: st.SearchStrategy[int]) -> tuple[Any, Layer, Parameters]:
    """Small layers with large weights, so that registers overflow."""
    groups = draw(st.integers(1, 2))
    channels, outs = groups * draw(st.integers(1, 20)), groups * draw(st.integers(1, 3))
    kernel = draw(st.sampled_from([(1, 1), (3, 3), (2, 4), (5, 3)]))
    padding = draw(st.sampled_from([(0, 0), (1, 1)]))
    size = kernel[0] + draw(st.integers(0, 1)), kernel[1] + draw(st.integers(0, 2))
    stride = draw(st.integers(1, 2))
    timesteps, width = draw(st.integers(1, 6)), draw(bits)
    recorded = width if width == 8 else timesteps * width
    layer = Layer(
        "l",
        "conv2d",
        (),
        (channels, *size),
        (outs, *((size[axis] + 2 * padding[axis] - kernel[axis]) // stride + 1 for axis in (0, 1))),
        kernel=kernel,
        stride=(stride, stride),
        padding=padding,
        weight_bits=8,
        timesteps=timesteps,
        bits_per_step=width,
        word_bits=recorded,
        groups=groups,
    )
    random = np.random.default_rng(draw(st.integers(0, 2**16)))
    low = draw(st.sampled_from([-128, 0, 80]))
    weights = random.integers(low, 128, (outs, layer.group_inputs, *kernel)).astype(np.int8)
    words = random.integers(0, 1 << recorded, layer.in_shape).astype(np.int32)
    words[random.random(layer.in_shape) < draw(st.sampled_from([0.0, 0.7]))] = 0
    bias = random.integers(-2048, 2048, outs)
    theta = random.integers(-100, draw(st.sampled_from([200, 5000, 32_767])), outs)
    return words, layer, Parameters(weights, bias, theta)


@given(layers(st.integers(1, 2)), st.sampled_from([2, 16, 32]), st.booleans())
@settings(max_examples=40, deadline=None)
def test_layers_on_v1_equal_their_twin(case: tuple[Any, Layer, Parameters], channels: int, leak: bool) -> None:
    found = outputs_v1(*case, channels=channels, leak=leak)
    assert found.tolist() == layer_by_neuron(*case, neuron_v1(channels, leak))


@given(layers(st.sampled_from([1, 2, 4, 8])), st.booleans())
@settings(max_examples=40, deadline=None)
def test_layers_on_v2_equal_their_twin(case: tuple[Any, Layer, Parameters], leaky: bool) -> None:
    assert outputs_v2(*case, leaky=leaky).tolist() == layer_by_neuron(*case, neuron_v2(leaky))


def test_parameters_that_do_not_fit() -> None:
    words, layer = np.zeros((1, 1, 2), np.int32), pointwise(1)
    for compute, bias, theta, message in (
        (outputs_v1, 1 << 15, 1, "l: a bias has 16 bits, -32768 to 32767, not 32768"),
        (outputs_v1, 0, -(1 << 17) - 1, "l: a threshold has 18 bits, -131072 to 131071, not -131073"),
        (outputs_v2, 2048, 1, "l: a bias has 12 bits, -2048 to 2047, not 2048"),
        (outputs_v2, 0, 1 << 15, "l: a threshold has 16 bits, -32768 to 32767, not 32768"),
    ):
        with pytest.raises(ValueError, match=f"^{message}$"):
            compute(words, layer, parameters([[1]], bias, theta))
    with pytest.raises(ValueError, match=r"^FireFly v2 takes time steps of \[1, 2, 4, 8\] bits, not of 3$"):
        outputs_v2(words, pointwise(1, bits=3), parameters([[1]], 0, 1))
