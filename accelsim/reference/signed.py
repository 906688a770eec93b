"""Signed activations and signed spikes of the SpikePack neuron at tau = 2.

| form | word | value | range |
|---|---|---|---|
| offset | z = clip(floor(U / theta) + 2^(T-1), 0, 2^T - 1) | z - 2^(T-1) | -2^(T-1) to 2^(T-1) - 1 |
| negative top bit | the same with its top bit flipped: two's complement | z, or z - 2^T from 2^(T-1) on | the same |
| ternary | sign(U) clip(floor(abs(U) / theta), 0, 2^T - 1) | z | -(2^T - 1) to 2^T - 1 |

With ">" floor(x) reads ceil(x) - 1, so that U = 0 becomes -1 in the first two. The first two are in error by less than
theta in range, on one side; a ternary word by less than theta towards 0. An offset makes silence a number, so that
padding has to carry it and sums a correction of -2^(T-1) sum(W); the other two leave 0 to be 0. The two halves of a
ternary word are what the two rails of a signed layer carry as words of their own.
"""

from __future__ import annotations

import numpy as np

from accelsim.jit import Kernel
from accelsim.reference.kernels import neuron as kernels
from accelsim.reference.neuron import Comparator, Form, Integers, fire, integrate, thresholds
from accelsim.reference.spikes import unpack


def fire_offset(
    membrane: Integers, theta: Integers, timesteps: int, comparator: Comparator = ">=", form: Form = "packed"
) -> Integers:
    """Words whose value is z - 2^(T-1): theta 2^(T-1) is added to the membrane. Arguments as in `fire`."""
    offset = thresholds(theta, timesteps)[0].reshape(-1, *[1] * (membrane.ndim - 1))
    return fire(membrane + offset, theta, timesteps, comparator, form)


def fire_twos_complement(
    membrane: Integers, theta: Integers, timesteps: int, comparator: Comparator = ">=", form: Form = "packed"
) -> Integers:
    """Words in two's complement of T bits, as unsigned integers: the spike of the first step counts -2^(T-1).

    Arguments as those of `fire`; "serial" decides the first step by the sign and adds theta 2^(T-1) where it fires.
    """
    if form != "serial":
        return fire_offset(membrane, theta, timesteps, comparator, form) ^ (1 << (timesteps - 1))
    return _decode(kernels.fire_negative_top, membrane, theta, timesteps, comparator)


def fire_ternary(
    membrane: Integers, theta: Integers, timesteps: int, comparator: Comparator = ">=", form: Form = "packed"
) -> Integers:
    """Signed words of spikes -1, 0 and 1. Arguments as those of `fire`.

    The residue keeps the sign of U, so that all spikes of a train have one sign.
    """
    if form != "serial":
        return np.sign(membrane) * fire(np.abs(membrane), theta, timesteps, comparator, form)
    return _decode(kernels.fire_ternary, membrane, theta, timesteps, comparator)


def twos_complement_value(words: Integers, timesteps: int) -> Integers:
    """What words in two's complement of T bits stand for, int64 like them."""
    return words - ((words >> (timesteps - 1)) & 1) * (1 << timesteps)


def unpack_ternary(words: Integers, timesteps: int) -> Integers:
    """Planes of -1, 0 and 1 [T, ...] of signed words; `pack` and `integrate` take them as they are."""
    return np.sign(words) * unpack(np.abs(words), timesteps)


def integrate_twos_complement(currents: Integers) -> Integers:
    """U [channels, ...] of currents [T, channels, ...] of the planes of such words: the first plane is subtracted."""
    return integrate(np.concatenate([-currents[:1], currents[1:]]))


def _decode(kernel: Kernel, membrane: Integers, theta: Integers, timesteps: int, comparator: Comparator) -> Integers:
    thresholds(theta, timesteps)
    flat = np.array(membrane.reshape(len(theta), -1), dtype=np.int64, order="C")
    words = np.empty_like(flat)
    kernel(flat, np.ascontiguousarray(theta, dtype=np.int64), int(comparator == ">"), int(timesteps), words)
    return words.reshape(membrane.shape)
