"""Kernels of packed spikes and of the neuron, against plain Python and against each other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.reference.kernels import neuron as kernels


def slow_spikes(membrane: int, theta: int, timesteps: int, comparator: str) -> list[int]:
    spikes = []
    for t in range(1, timesteps + 1):
        threshold = theta * 2 ** (timesteps - t)
        spike = membrane >= threshold if comparator == ">=" else membrane > threshold
        membrane -= threshold * spike
        spikes.append(int(spike))
    return spikes


def slow_word(spikes: list[int], bits_per_step: int = 1) -> int:
    last = len(spikes) - 1
    return sum(spike * 2 ** (bits_per_step * (last - t)) for t, spike in enumerate(spikes))


def slow_closed_form(membrane: int, theta: int, timesteps: int, comparator: str) -> int:
    rounded = membrane // theta if comparator == ">=" else -(-membrane // theta) - 1
    return min(max(rounded, 0), 2**timesteps - 1)


def serial(membrane, theta, timesteps, comparator):
    words, ladder = np.empty_like(membrane), np.array([[theta << step] for step in reversed(range(timesteps))])
    kernels.fire_serial(membrane.copy(), ladder, int(comparator == ">"), 0, words)
    return words


def packed(membrane, theta, timesteps, comparator):
    words = np.empty_like(membrane)
    kernels.fire_packed(membrane, np.array([theta]), int(comparator == ">"), timesteps, words)
    return words


@pytest.mark.parametrize("comparator", [">=", ">"])
@pytest.mark.parametrize("timesteps", range(1, 9))
def test_serial_and_packed_neurons_agree_on_every_membrane(timesteps: int, comparator: str) -> None:
    for theta in (1, 2, 3, 5, 8, 11):
        membranes = np.arange(-2 * theta, theta * (2**timesteps + 2) + 1)
        slow = [slow_word(slow_spikes(int(u), theta, timesteps, comparator)) for u in membranes]
        closed = [slow_closed_form(int(u), theta, timesteps, comparator) for u in membranes]
        assert slow == closed
        for form in (serial, packed):
            assert form(membranes[None], theta, timesteps, comparator)[0].tolist() == slow


@settings(deadline=None)
@given(
    st.integers(1, 16),
    st.integers(1, 2**40),
    st.lists(st.integers(-(2**60), 2**60), min_size=1, max_size=8),
    st.sampled_from([">=", ">"]),
)
def test_neurons_agree_on_wide_membranes(timesteps: int, theta: int, values: list[int], comparator: str) -> None:
    membrane = np.array([values])
    expected = [[slow_closed_form(u, theta, timesteps, comparator) for u in values]]
    for form in (serial, packed):
        assert form(membrane, theta, timesteps, comparator).tolist() == expected


def test_the_residue_stays_in_the_membrane() -> None:
    membrane = np.array([[0, 7, 23, 41, -3]])
    words = np.empty_like(membrane)
    kernels.fire_serial(membrane, np.array([[20], [10]]), 0, 0, words)
    assert (words.tolist(), membrane.tolist()) == ([[0, 0, 2, 3, 0]], [[0, 7, 3, 11, -3]])
    kernels.fire_serial(membrane, np.array([[20], [10]]), 0, 1, words)
    assert (words.tolist(), membrane.tolist()) == ([[0, 0, 0, 1, 0]], [[0, 7, 3, 0, -3]])


def test_words_of_signed_planes_keep_their_sign() -> None:
    words = np.empty(3, dtype=np.int64)
    kernels.pack(np.array([[-1, 0, 1], [0, -1, 0], [-1, -1, 0]]), 1, words)
    assert words.tolist() == [-5, -3, 4]


@settings(deadline=None)
@given(st.integers(1, 8), st.integers(1, 4), st.data())
def test_pack_and_unpack_are_inverse_with_the_first_step_most_significant(steps: int, bits: int, data) -> None:
    count = data.draw(st.integers(1, 6))
    planes = np.array(
        data.draw(
            st.lists(
                st.lists(st.integers(0, 2**bits - 1), min_size=count, max_size=count), min_size=steps, max_size=steps
            )
        )
    )
    words = np.empty(count, dtype=np.int64)
    kernels.pack(planes, bits, words)
    assert words.tolist() == [slow_word(planes[:, i].tolist(), bits) for i in range(count)]
    unpacked = np.empty_like(planes)
    kernels.unpack(words, bits, unpacked)
    assert unpacked.tolist() == planes.tolist()


def test_integration_weighs_the_first_plane_heaviest() -> None:
    membrane = np.zeros((2, 3), dtype=np.int64)
    currents = np.arange(-9, 9).reshape(3, 2, 3)
    for current in currents:
        kernels.integrate(current, 2, 1, membrane)
    assert membrane.tolist() == (4 * currents[0] + 2 * currents[1] + currents[2]).tolist()
    kernels.integrate(currents[0], 3, 5, membrane)
    assert membrane.tolist() == (17 * currents[0] + 6 * currents[1] + 3 * currents[2]).tolist()


def test_each_channel_has_its_own_threshold() -> None:
    words = np.empty((2, 2), dtype=np.int64)
    kernels.fire_packed(np.array([[10, 11], [10, 11]]), np.array([5, 11]), 0, 4, words)
    assert words.tolist() == [[2, 2], [0, 1]]
