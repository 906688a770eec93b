"""Spikes of several bits against a plain loop, and how gradients pass through them."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from accelsim.training.bit_spike import BitSpike

currents_in_quarters = st.lists(st.lists(st.integers(-40, 80), min_size=3, max_size=3), min_size=1, max_size=9)


def plain(currents: list[Fraction], bits: int, threshold: Fraction) -> tuple[list[int], Fraction]:
    """One neuron's spikes and its last membrane, in exact arithmetic."""
    membrane, spikes = Fraction(0), []
    for current in currents:
        membrane += current
        spike = min(max(math.floor(membrane / threshold), 0), 2**bits - 1)
        membrane -= threshold * spike
        spikes.append(spike)
    return spikes, membrane


@given(quarters=currents_in_quarters, bits=st.integers(1, 8))
def test_it_is_the_plain_loop(quarters: list[list[int]], bits: int) -> None:
    spikes = BitSpike(bits, 1.0)(torch.tensor(quarters) / 4)
    for neuron, train in enumerate(zip(*quarters, strict=True)):
        expected, _ = plain([Fraction(number, 4) for number in train], bits, Fraction(1))
        assert spikes[:, neuron].tolist() == expected


@given(quarters=st.lists(st.integers(0, 3), min_size=1, max_size=16), bits=st.integers(1, 4))
def test_currents_within_range_are_counted_to_a_threshold(quarters: list[int], bits: int) -> None:
    """Currents below theta (2^b - 1) are never lost: what was not fired is less than theta."""
    spikes = BitSpike(bits, 1.0)(torch.tensor(quarters)[:, None] / 4)
    assert spikes.sum().item() == sum(quarters) // 4


def test_one_step_is_a_quantised_activation() -> None:
    membrane = torch.linspace(-3, 20, 200)[None]
    assert torch.equal(BitSpike(4, 1.0)(membrane), membrane.floor().clamp(0, 15))


def test_a_budget_of_one_step_tells_more_rates_apart_than_one_of_one_bit() -> None:
    """Under constant currents: 2^4 words of a step of 4 bits, 5 counts of 4 steps of a bit."""
    constant = torch.linspace(0, 1, 500)
    wide = BitSpike(4, 1 / 15)(constant[None]).unique()
    long = BitSpike(1, 1.0)(constant.expand(4, -1)).sum(dim=0).unique()
    assert (len(wide), len(long)) == (16, 5)


def test_gradients_pass_in_range_and_nowhere_else() -> None:
    currents = torch.tensor([[-1.0, 0.5, 2.5, 5.0]], requires_grad=True)
    neuron = BitSpike(2, 1.0)
    neuron(currents).sum().backward()
    assert currents.grad is not None
    assert currents.grad.tolist() == [[0, 1, 1, 0]]
    # Straight through, s = v / theta: ds / d(log theta) = -v / theta in range.
    assert neuron.log_threshold.grad.item() == pytest.approx(-(0.5 + 2.5))


def test_gradients_go_back_in_time_through_what_is_kept() -> None:
    """What a silent first step leaves in the membrane counts in the second; what a spike took away does not."""
    for first, gradient in ((-0.5, 1), (0.5, 0)):
        currents = torch.tensor([[first], [1.0]], requires_grad=True)
        BitSpike(1, 1.0)(currents)[1].sum().backward()
        assert currents.grad is not None
        assert currents.grad.flatten().tolist() == [gradient, 1]


@pytest.mark.parametrize(
    ("bits", "threshold", "message"),
    [(0, None, "a spike has at least 1 bit, not 0"), (1, 0.0, "a threshold is positive, not 0.0")],
)
def test_senseless_neurons_are_refused(bits: int, threshold: float | None, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        BitSpike(bits, threshold)
    assert str(caught.value) == message
