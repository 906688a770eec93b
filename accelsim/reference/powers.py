"""Words of a single spike: levels that are powers of two, so that a synapse shifts instead of multiplying.

Rounded down, z = 2^min(T-1, floor(log2(U / theta))) is what the neuron with hard reset fires: `fire(reset="hard")`.
Rounded to the nearest level in the logarithm, z = 2^min(T-1, round(log2(U / theta))) for U > theta / sqrt(2), it is the
hard reset of sqrt(2) U. Rounded down, U / (z theta) lies in [1, 2); to nearest, between 1 / sqrt(2) and sqrt(2), for U
below the end of the range: a bounded relative error, where words of all levels have a bounded absolute one.
"""

from __future__ import annotations

from math import isqrt

import numpy as np

from accelsim.reference.kernels import neuron as kernels
from accelsim.reference.neuron import Form, Integers, fire, thresholds


def fire_powers(membrane: Integers, theta: Integers, timesteps: int, form: Form = "packed") -> Integers:
    """Powers of two, or 0, nearest to U / theta in the logarithm. Arguments as those of `fire`.

    2^k theta / sqrt(2) is never an integer, so that both comparators agree; the least U above it is
    isqrt(2^(2k-1) theta^2) + 1. "serial" decodes with these thresholds and hard reset.
    """
    midpoints = least_membranes(theta, timesteps)
    flat = np.array(membrane.reshape(len(theta), -1), dtype=np.int64, order="C")
    if form == "serial":
        words = np.empty_like(flat)
        kernels.fire_serial(flat, midpoints, 0, 1, words)
    else:
        words = fire(flat, theta, timesteps, form=form, reset="hard")
        kernels.round_up_in_log(flat, midpoints, words)
    return words.reshape(membrane.shape)


def least_membranes(theta: Integers, timesteps: int) -> Integers:
    """The least integers U that are worth 2^(T-1), 2^(T-2), .. 1 in the logarithm: int64 [T, channels]."""
    table = [[isqrt(int(each) ** 2 // 2) + 1 for each in row] for row in thresholds(theta, timesteps)]
    return np.array(table, dtype=np.int64)
