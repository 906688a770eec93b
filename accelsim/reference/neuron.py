"""The SpikePack neuron: it integrates all input planes first, and decodes its membrane into spikes afterwards.

Integration, first step first (Horner's rule): u <- tau u + I_t, which makes U = sum_t tau^(T-t) I_t, the first step the
heaviest. Decoding: for t = 1..T the neuron fires iff U >= theta_t = theta tau^(T-t), or ">", and subtracts theta_t
(soft reset) or is set to 0 (hard). A word's bits are its spikes, the first the most significant (Shen et al., arXiv
2501.14484).

| tau, reset | word z | residue U - sum_t s_t theta_t | for U in |
|---|---|---|---|
| 2, soft | clip(floor(U / theta), 0, 2^T - 1) | [0, theta) | [0, 2^T theta) |
| 2, soft, ">" | clip(ceil(U / theta) - 1, 0, 2^T - 1) | (0, theta] | (0, 2^T theta] |
| 2, soft, `nearest` | clip(round(U / theta), 0, 2^T - 1) | [-theta/2, theta/2] | [-theta/2, (2^T - 1/2) theta) |
| 2, hard | 2^min(T - 1, floor(log2(U / theta))), 0 below theta | [0, U / 2) | [theta, 2^T theta) |
| 1, soft | min(T, floor(U / theta)) ones, first | [0, theta) | [0, (T + 1) theta) |
| 1 to 2, soft | greedy; several codes have nearly its value | [0, theta) | [0, (1 + sum_t tau^(T-t)) theta) |
| above 2, soft | greedy; theta (tau^(T-1) - (tau^(T-1) - 1) / (tau - 1)) apart | below that gap | as above |

All hold for theta > 0, and where nothing rounds or saturates before decoding begins. A tau of p / q is exact:
membranes count units of q^-(T-1), so that they and all thresholds theta p^(T-t) q^(t-1) are integers.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InputError, Problem
from accelsim.reference.kernels import neuron as kernels

Comparator = Literal[">=", ">"]
Form = Literal["packed", "serial", "doubling"]
Reset = Literal["soft", "hard"]
Integers = NDArray[np.int64]

TWO = Fraction(2)
LARGEST_BITS = 63
"""Membranes and thresholds stay below 2 to this."""
LARGEST_TABLE_STEPS = 16
LARGEST_PACKED_STEPS = 32
"""Up to here the floating-point guess of a quotient is off by one at most."""


def integrate(currents: Integers, tau: Fraction = TWO) -> Integers:
    """Membranes U [channels, ...] after all planes of `currents` [T, channels, ...], first to last.

    In units of q^-(T-1) for tau = p / q, that is M <- p M + q^(t-1) I_t.
    """
    flat = np.ascontiguousarray(currents.reshape(*currents.shape[:2], -1), dtype=np.int64)
    membrane = np.zeros(flat.shape[1:], dtype=np.int64)
    for step, current in enumerate(flat):
        kernels.integrate(current, tau.numerator, tau.denominator**step, membrane)
    return membrane.reshape(currents.shape[1:])


def nearest(membrane: Integers, theta: Integers, comparator: Comparator = ">=") -> Integers:
    """U + theta / 2, its half rounded down for ">=" and up for ">": words at tau = 2 are then U / theta to nearest.

    A half goes up with ">=", down with ">"; where theta is odd there is none, so that nothing is lost in integers.
    """
    half = (theta + int(comparator == ">")) // 2
    return membrane + half.reshape(-1, *[1] * (membrane.ndim - 1))


def thresholds(theta: Integers, timesteps: int, tau: Fraction = TWO) -> Integers:
    """theta_1..theta_T, int64 [T, channels], in units of q^-(T-1). Raises `InputError` where one does not fit."""
    factors = _factors(timesteps, tau)
    _check_fit(theta, max(factors), "the largest threshold", timesteps, tau)
    return np.array(factors, dtype=np.int64)[:, None] * theta


def fire(
    membrane: Integers,
    theta: Integers,
    timesteps: int,
    comparator: Comparator = ">=",
    form: Form = "packed",
    *,
    tau: Fraction = TWO,
    reset: Reset = "soft",
) -> Integers:
    """The words, int64 like `membrane`, that neurons fire whose membranes, as `integrate` gives them, are `membrane`.

    membrane: [channels, ...], left as it was; theta: [channels], positive. `form`: "serial" takes T decoding steps;
    "packed" is the closed form at tau = 2, O(1) in T (up to 32), and a look-up among the codes that greedy decoding can
    reach at other taus (T up to 16); "doubling" keeps the threshold of the first step and multiplies the membrane by 2
    after each (tau = 2, soft reset). All give the same words. Raises `InputError` where a form does not know tau, reset
    or T, or where a number does not fit its integer.
    """
    flat = np.array(membrane.reshape(len(theta), -1), dtype=np.int64, order="C")
    theta = np.ascontiguousarray(theta, dtype=np.int64)
    words, strict, hard = np.empty_like(flat), int(comparator == ">"), reset == "hard"
    if form == "serial":
        kernels.fire_serial(flat, thresholds(theta, timesteps, tau), strict, int(hard), words)
    elif form == "doubling":
        _check_doubling(flat, theta, timesteps, tau, reset)
        kernels.fire_doubling(flat, theta, strict, int(timesteps), words)
    elif tau == TWO:
        _check_steps(timesteps, LARGEST_PACKED_STEPS)
        _check_fit(theta, (1 << timesteps) - 1, "the largest word", timesteps, tau)
        kernels.fire_packed(flat, theta, strict, int(timesteps), words)
        if hard:
            kernels.keep_leading(words)
    else:
        _check_fit(theta, sum(_factors(timesteps, tau)), "the largest word", timesteps, tau)
        starts, codes = codes_of(tau, timesteps, reset)
        kernels.fire_table(flat, theta, strict, starts, codes, words)
    return words.reshape(membrane.shape)


@cache
def codes_of(tau: Fraction, timesteps: int, reset: Reset = "soft") -> tuple[Integers, Integers]:
    """The codes that decoding can reach and the least membranes that reach them at theta = 1, both int64, ascending.

    A code c begins at its own value v(c) = sum_t s_t tau^(T-t), the tightest of the conditions of its spikes; so it can
    be reached where decoding v(c) gives c. Membranes in units of q^-(T-1).
    """
    _check_steps(timesteps, LARGEST_TABLE_STEPS)
    codes = np.arange(1 << timesteps, dtype=np.int64)
    values = value_of(codes, timesteps, tau)
    reached = codes == fire(values[None], np.ones(1, dtype=np.int64), timesteps, form="serial", tau=tau, reset=reset)[0]
    order = np.argsort(values[reached], kind="stable")
    return values[reached][order], codes[reached][order]


def value_of(words: Integers, timesteps: int, tau: Fraction = TWO) -> Integers:
    """sum_t s_t tau^(T-t) of words, int64 like them, in units of q^-(T-1): what they stand for, in thetas."""
    values = np.zeros_like(words)
    for step, factor in enumerate(_factors(timesteps, tau)):
        values += factor * ((words >> (timesteps - 1 - step)) & 1)
    return values


def _check_steps(timesteps: int, largest: int) -> None:
    if not 1 <= timesteps <= largest:
        raise InputError(
            Problem("time steps out of range", key="timesteps", value=timesteps, allowed=f"1 to {largest}")
        )


def _factors(timesteps: int, tau: Fraction) -> list[int]:
    if tau <= 0:
        raise InputError(Problem("tau out of range", key="tau", value=str(tau), allowed="above 0"))
    return [tau.numerator ** (timesteps - 1 - step) * tau.denominator**step for step in range(timesteps)]


def _check_fit(theta: Integers, factor: int, what: str, timesteps: int, tau: Fraction) -> None:
    largest = int(theta.max(initial=0)) * factor
    if largest >> LARGEST_BITS:
        rule = f"{what} at tau = {tau} over {timesteps} steps does not fit"
        raise InputError(Problem(rule, key="theta", value=largest, allowed=f"below 2^{LARGEST_BITS}"))


def _check_doubling(membrane: Integers, theta: Integers, timesteps: int, tau: Fraction, reset: Reset) -> None:
    problems = []
    if (tau, reset) != (TWO, "soft"):
        value = f"tau = {tau}, {reset} reset"
        problems.append(Problem("a membrane doubles", key="form", value=value, allowed="tau = 2, soft reset"))
    largest = max(abs(int(membrane.max(initial=0))), abs(int(membrane.min(initial=0))), int(theta.max(initial=0)))
    if largest.bit_length() + timesteps >= LARGEST_BITS:
        allowed = f"below 2^{LARGEST_BITS - 1 - timesteps}"
        problems.append(Problem("a doubled membrane does not fit", key="membrane", value=largest, allowed=allowed))
    if problems:
        raise InputError(problems)
