"""Conventional neurons against plain Python, their conservation law, and FireFly's arithmetic."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.errors import InputError
from accelsim.reference.kernels import firefly
from accelsim.reference.lif import HALF, IF, LIF, CausalNeuron, fire_causal

neurons = st.builds(
    CausalNeuron,
    tau=st.sampled_from([Fraction(1), Fraction(2), Fraction(4), Fraction(3), Fraction(3, 2), Fraction(5, 4)]),
    reset=st.sampled_from(["soft", "hard"]),
    comparator=st.sampled_from([">=", ">"]),
    leak=st.sampled_from(["before", "after", "each"]),
    initial=st.sampled_from([Fraction(0), HALF, Fraction(2, 3)]),
)


def plain(currents: list[int], theta: int, neuron: CausalNeuron) -> list[int]:
    """Spikes of one neuron, in Python's integers."""

    def decay(value: int) -> int:
        return int(value / neuron.tau // 1)

    membrane, spikes = int(theta * neuron.initial // 1), []
    for current in currents:
        if neuron.leak == "before":
            membrane = decay(membrane) + current
        elif neuron.leak == "after":
            membrane = decay(membrane + current)
        else:
            membrane = decay(membrane) + decay(current)
        fires = membrane >= theta if neuron.comparator == ">=" else membrane > theta
        spikes.append(int(fires))
        if fires:
            membrane = membrane - theta if neuron.reset == "soft" else 0
    return spikes


@settings(deadline=None)
@given(neurons, st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_every_neuron_equals_plain_python(neuron, seed: int, timesteps: int) -> None:
    rng = np.random.default_rng(seed)
    theta = rng.integers(1, 60, 3)
    currents = rng.integers(-40, 80, (timesteps, 3, 2, 2))
    spikes = fire_causal(currents, theta, timesteps, neuron)
    assert spikes.shape == currents.shape
    for place in np.ndindex(3, 2, 2):
        expected = plain(currents[(slice(None), *place)].tolist(), int(theta[place[0]]), neuron)
        assert spikes[(slice(None), *place)].tolist() == expected


@settings(deadline=None)
@given(neurons, st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_a_constant_current_may_be_given_once(neuron, seed: int, timesteps: int) -> None:
    rng = np.random.default_rng(seed)
    theta, current = rng.integers(1, 60, 3), rng.integers(-40, 80, (1, 3, 4))
    once = fire_causal(current, theta, timesteps, neuron)
    assert once.tolist() == fire_causal(np.repeat(current, timesteps, 0), theta, timesteps, neuron).tolist()


def test_a_train_by_hand() -> None:
    """10, 10, 10, 10 at theta = 15: 10, 20*, 15*, 10; with tau = 2: 10, 15*, 10, 15*, and from theta / 2: 13, 16*."""
    currents = np.full((4, 1, 1), 10)
    assert fire_causal(currents, np.array([15]), 4, IF).ravel().tolist() == [0, 1, 1, 0]
    assert fire_causal(currents, np.array([15]), 4, LIF).ravel().tolist() == [0, 1, 0, 1]
    assert fire_causal(currents, np.array([15]), 4, CausalNeuron(reset="hard")).ravel().tolist() == [0, 1, 0, 1]
    late = CausalNeuron(tau=Fraction(2), leak="after")
    assert fire_causal(currents, np.array([9]), 4, late).ravel().tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize("theta", [1, 7, 64])
@pytest.mark.parametrize("initial", [Fraction(0), HALF])
def test_without_a_leak_a_constant_current_counts(theta: int, initial: Fraction) -> None:
    """The count is floor((V_0 + T I) / theta) for every I in [0, theta], and T above."""
    currents = np.arange(2 * theta + 1)[None, None]
    for timesteps in range(1, 9):
        spikes = fire_causal(currents, np.array([theta]), timesteps, CausalNeuron(initial=initial))
        begin = theta * initial.numerator // initial.denominator
        expected = np.minimum((begin + timesteps * currents[0, 0]) // theta, timesteps)
        assert spikes.sum(axis=0)[0].tolist() == expected.tolist()


@pytest.mark.parametrize("tau", [Fraction(2), Fraction(4), Fraction(3, 2)], ids=str)
def test_with_a_leak_small_constant_currents_never_fire(tau: Fraction) -> None:
    """V stays below I / (1 - 1 / tau), so that currents below (1 - 1 / tau) theta are lost, however long they last."""
    theta = 600
    currents = np.arange(2 * theta)[None, None]
    fires = fire_causal(currents, np.array([theta]), 200, CausalNeuron(tau=tau)).any(axis=0)[0]
    lost = int((1 - 1 / tau) * theta)
    assert not fires[:lost].any()
    assert fires[lost + 10 :].all()


@settings(deadline=None)
@given(st.lists(st.integers(-5000, 5000), min_size=1, max_size=8), st.integers(1, 4000))
def test_leak_after_with_hard_reset_is_firefly_v1(currents: list[int], theta: int) -> None:
    """Where nothing wraps: V1's `integrate_v1` with one matrix a time step, its comparator and its reset."""
    membrane, spikes = 0, []
    for current in currents:
        membrane = firefly.integrate_v1(membrane, current, 0, True, True)
        spikes.append(int(membrane > theta))
        membrane = 0 if spikes[-1] else membrane
    v1 = CausalNeuron(tau=Fraction(2), reset="hard", comparator=">", leak="after")
    given_currents = np.array(currents)[:, None, None]
    assert fire_causal(given_currents, np.array([theta]), len(currents), v1).ravel().tolist() == spikes


@settings(deadline=None)
@given(st.lists(st.integers(-3000, 3000), min_size=4, max_size=4), st.integers(1, 4000), st.booleans())
def test_leak_of_each_with_hard_reset_is_four_steps_of_firefly_v2(sums: list[int], theta: int, leaky: bool) -> None:
    word, _ = firefly.fire_v2(np.array(sums), 0, theta, leaky)
    v2 = CausalNeuron(tau=Fraction(1 + leaky), reset="hard", comparator=">", leak="each")
    spikes = fire_causal(np.array(sums)[:, None, None], np.array([theta]), 4, v2)
    assert [int(bit) for bit in f"{word:04b}"] == spikes.ravel().tolist()


def test_what_a_neuron_may_not_be() -> None:
    with pytest.raises(InputError) as caught:
        CausalNeuron(tau=HALF, initial=Fraction(1))
    assert str(caught.value) == (
        "tau: a membrane cannot grow (got '1/2'); allowed: at least 1\n"
        "initial: a neuron cannot begin at its threshold (got '1'); allowed: a share of theta from 0 up to below 1"
    )
