"""The SpikePack neuron in plain Python, for any numbers that compare and subtract: ints and fractions."""

from __future__ import annotations

from fractions import Fraction
from typing import TypeVar

Number = TypeVar("Number", int, Fraction)


def decode(membrane: Number, theta: Number, timesteps: int, tau=2, comparator=">=", reset="soft"):
    """Spikes s_1..s_T and the residue."""
    spikes = []
    for step in range(1, timesteps + 1):
        threshold = theta * tau ** (timesteps - step)
        fires = membrane >= threshold if comparator == ">=" else membrane > threshold
        if fires:
            membrane = membrane - threshold if reset == "soft" else 0 * membrane
        spikes.append(int(fires))
    return spikes, membrane


def word(spikes: list[int]) -> int:
    """The first spike as the most significant bit."""
    return int("".join(map(str, spikes)), 2)
