import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.training.lif import LIF


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.sampled_from([1.0, 2.0]), st.sampled_from(["soft", "hard"]))
def test_spikes_are_those_of_a_plain_loop(seed: int, steps: int, tau: float, reset) -> None:
    """Currents are multiples of 1/16 and at most 8 halvings follow: floating point is exact."""
    currents = np.random.default_rng(seed).integers(-16, 32, (steps, 3, 2)) / 16
    expected = np.zeros_like(currents)
    for place in np.ndindex(3, 2):
        membrane = 0.0
        for step in range(steps):
            membrane = membrane / tau + currents[step, *place]
            if membrane >= 1:
                expected[step, *place] = 1
                membrane = membrane - 1 if reset == "soft" else 0.0
    spikes = LIF(steps, tau, reset=reset)(torch.from_numpy(currents.reshape(-1, 2)))
    assert spikes.reshape(steps, 3, 2).tolist() == expected.tolist()


@pytest.mark.parametrize("surrogate", ["arctan", "rectangle"])
def test_gradients_go_back_through_time(surrogate) -> None:
    """Two steps: dL/dI_1 = g(v_1 - 1) + g(v_2 - 1) / tau, dL/dI_2 = g(v_2 - 1)."""
    currents = torch.tensor([[0.8], [1.1]], requires_grad=True)
    LIF(2, surrogate=surrogate)(currents).sum().backward()
    first, second = -0.2, 0.4 + 1.1 - 1
    arctan = surrogate == "arctan"
    slopes = [1 / (1 + (math.pi * x) ** 2) if arctan else float(abs(x) < 0.5) for x in (first, second)]
    expected = [slopes[0] + slopes[1] / 2, slopes[1]]
    assert currents.grad.ravel().tolist() == pytest.approx(expected, rel=1e-5)


def test_what_is_kept_for_the_backward_pass_grows_with_time() -> None:
    def kept(steps: int) -> int:
        sizes = []

        def keep(tensor):
            sizes.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            LIF(steps)(torch.zeros(steps * 100, requires_grad=True))
        return sum(sizes)

    assert kept(8) == 8 * kept(1)


def test_currents_of_half_an_image() -> None:
    with pytest.raises(ValueError, match=r"^9 currents are not 4 for each image$"):
        LIF(4)(torch.zeros(9, 3))
