"""Words of a single spike against the logarithm in exact integers."""

from __future__ import annotations

from math import isqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.reference.neuron import fire
from accelsim.reference.powers import fire_powers


def nearest_power(membrane: int, theta: int, timesteps: int) -> int:
    """The largest level whose geometric mean with the one below, theta z / sqrt(2), is below U; 0 without one."""
    levels = [1 << k for k in range(timesteps) if membrane > 0 and 2 * membrane**2 > (theta << k) ** 2]
    return max(levels, default=0)


@pytest.mark.parametrize("form", ["packed", "serial"])
@pytest.mark.parametrize("timesteps", range(1, 9))
def test_every_membrane(timesteps: int, form) -> None:
    for theta in (1, 2, 3, 5, 8, 12):
        membranes = np.arange(-2 * theta, theta * (2**timesteps + 2) + 1)
        expected = [nearest_power(int(u), theta, timesteps) for u in membranes]
        assert fire_powers(membranes[None], np.array([theta]), timesteps, form)[0].tolist() == expected


@settings(deadline=None)
@given(st.integers(1, 2**28), st.integers(1, 14), st.lists(st.integers(-(2**20), 2**44), min_size=1, max_size=8))
def test_wide_membranes(theta: int, timesteps: int, values: list[int]) -> None:
    expected = [[nearest_power(u, theta, timesteps) for u in values]]
    for form in ("packed", "serial"):
        assert fire_powers(np.array([values]), np.array([theta]), timesteps, form).tolist() == expected


def test_hard_reset_rounds_down_where_powers_round_to_nearest() -> None:
    """r = U / (z theta) in range: 1 <= r < 2 rounded down; 1/2 < r^2 < 2 to nearest, the hard reset of sqrt(2) U."""
    theta, timesteps = 1000, 6
    membranes = np.arange(theta, theta << timesteps)[None]
    down = fire(membranes, np.array([theta]), timesteps, reset="hard") * theta
    assert ((down <= membranes) & (membranes < 2 * down)).all()
    words = fire_powers(membranes, np.array([theta]), timesteps)
    inside = membranes < isqrt(2 * (theta << (timesteps - 1)) ** 2)
    near = words * theta
    assert ((2 * membranes**2 > near**2) & (membranes**2 < 2 * near**2))[inside].all()
    raised = np.array([[isqrt(2 * int(u) ** 2) for u in membranes[0]]])
    assert words.tolist() == fire(raised, np.array([theta]), timesteps, reset="hard").tolist()
