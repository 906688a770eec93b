from fractions import Fraction

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.reference.neuron import fire
from accelsim.training.neuron import PackedNeuron, decode, largest_word


def neuron(theta: float, *arguments, **options):
    made = PackedNeuron(*arguments, **options)
    with torch.no_grad():
        made.log_theta.fill_(np.log(theta))
    return made


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 16), st.sampled_from([">=", ">"]))
def test_words_of_integers_are_those_of_the_reference(seed: int, timesteps: int, comparator) -> None:
    rng = np.random.default_rng(seed)
    theta = int(rng.integers(1, 2 ** (24 - timesteps)))
    near = theta * rng.integers(-2, 2**timesteps + 2, 500) + rng.integers(-1, 2, 500)
    membrane = np.concatenate([near, rng.integers(-(2**24), 2**24, 500)])[None]
    membrane = membrane[np.abs(membrane) < 2**24][None]
    expected = fire(membrane, np.array([theta]), timesteps, comparator)
    scaled = torch.from_numpy(membrane).float() / theta
    assert decode(scaled, timesteps, 2, comparator).long().tolist() == expected.tolist()


def test_words_of_wide_integers_are_exact_in_float64() -> None:
    rng = np.random.default_rng(0)
    theta = int(rng.integers(2**36, 2**37))
    membrane = theta * rng.integers(0, 2**16, (1, 2000)) + rng.integers(-1, 2, (1, 2000))
    scaled = torch.from_numpy(membrane).double() / theta
    assert decode(scaled, 16).long().tolist() == fire(membrane, np.array([theta]), 16).tolist()


@pytest.mark.parametrize(("comparator", "words"), [(">=", [0, 0, 1, 1, 3, 3]), (">", [0, 0, 0, 1, 2, 3])])
def test_comparators(comparator, words) -> None:
    membrane = torch.tensor([-1.0, 0.0, 1.0, 1.5, 3.0, 99.0])
    assert neuron(1.0, 2, 2, comparator, rounding="down").words(membrane).tolist() == words


def test_rounding_to_nearest_is_half_a_threshold_more() -> None:
    membrane = torch.linspace(-2, 12, 400)
    nearest, down = neuron(0.5, 4), neuron(0.5, 4, rounding="down")
    assert torch.equal(nearest.words(membrane), down.words(membrane + 0.25))
    inside = (membrane >= 0) & (membrane <= 7.5)
    assert (nearest(membrane) - membrane)[inside].abs().max() <= 0.25 + 1e-6


@pytest.mark.parametrize("tau", [1.0, 1.5, 3.0])
@pytest.mark.parametrize("comparator", [">=", ">"])
def test_other_taus_are_decoded_step_by_step(tau: float, comparator) -> None:
    """Membranes are multiples of 1/8, thresholds of 1/32: floating point is exact here."""
    steps, exact = 6, Fraction(tau)
    membrane = np.arange(-8, 8 * int(largest_word(steps, tau)) + 80) / 8
    expected = []
    for value in membrane:
        rest, word = Fraction(value), Fraction(0)
        for place in reversed(range(steps)):
            threshold = exact**place
            if rest > threshold or (comparator == ">=" and rest == threshold):
                rest, word = rest - threshold, word + threshold
        expected.append(float(word))
    assert decode(torch.from_numpy(membrane), steps, tau, comparator).tolist() == expected


@pytest.mark.parametrize("rounding", ["down", "nearest"])
def test_gradients_are_those_of_a_quantiser_with_a_learnt_step(rounding) -> None:
    theta, steps = 0.25, 3
    made = neuron(theta, steps, rounding=rounding)
    membrane = torch.tensor([-1.0, 0.06, 0.6, 1.3, 5.0], requires_grad=True)
    values = made(membrane)
    gradient = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])
    values.backward(gradient)
    inside = torch.tensor([0.0, 1.0, 1.0, 1.0, 0.0])
    assert membrane.grad.tolist() == pytest.approx((gradient * inside).tolist())
    scaled = membrane.detach() / theta
    slope = torch.where(inside > 0, values.detach() / theta - scaled, values.detach() / theta)
    assert made.log_theta.grad.item() == pytest.approx(theta * float((gradient * slope).sum()), rel=1e-5)


def test_theta_stays_when_it_is_not_to_be_learnt() -> None:
    made = PackedNeuron(4, learnable=False)
    assert not [parameter for parameter in made.parameters() if parameter.requires_grad]
    assert made.theta.item() * 15 == pytest.approx(2)


@pytest.mark.parametrize("timesteps", [1, 8])
def test_what_is_kept_for_the_backward_pass_does_not_grow_with_time(timesteps: int) -> None:
    kept = []

    def keep(tensor):
        kept.append(tensor.numel() * tensor.element_size())
        return tensor

    membrane = torch.zeros(1000, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        PackedNeuron(timesteps)(membrane)
    assert sum(kept) <= 1000 * 4 + 100


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"timesteps": 0}, "a neuron has at least 1 time step, not 0"),
        ({"timesteps": 4, "tau": 0.5}, "tau is at least 1, not 0.5"),
        ({"timesteps": 4, "full_scale": 0.0}, "a threshold is positive, not 0.0"),
    ],
)
def test_neurons_that_cannot_be(arguments, message) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        PackedNeuron(**arguments)
