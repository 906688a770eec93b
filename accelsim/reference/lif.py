"""Conventional neurons, for comparison: integrate-and-fire with or without a leak, which fire while they integrate.

Step t of a neuron with decay tau and threshold theta, in integers (division rounds down, as a shift does):

    V <- V / tau + I_t;  s_t = [V >= theta];  V <- V - theta s_t   (soft reset; hard: V <- 0 where s_t = 1)

It is causal: s_t depends on the inputs up to step t alone, and with a leak the last input is the heaviest. The
SpikePack neuron is neither (`accelsim.reference.neuron`). Without a leak, with soft reset and membranes that begin
at V_0, theta sum_t s_t = V_0 + sum_t I_t - V_T: where V_T ends in [0, theta) the count is
floor((V_0 + sum_t I_t) / theta), the count of the SpikePack neuron at tau = 1; a constant current in [0, theta]
always ends there.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InputError, Problem
from accelsim.reference.kernels import causal as kernels
from accelsim.reference.neuron import Comparator

Reset = Literal["soft", "hard"]
Leak = Literal["before", "after", "each"]

_LEAK = {"before": kernels.BEFORE, "after": kernels.AFTER, "each": kernels.EACH}


@dataclass(frozen=True, slots=True)
class CausalNeuron:
    """A neuron that integrates and fires in every step. `tau` 1 keeps the membrane (IF), larger ones leak (LIF).

    `leak` says where the division by tau stands: `before` V / tau + I, the textbook's LIF with unscaled input;
    `after` (V + I) / tau, as FireFly v1 shifts; `each` V / tau + I / tau with both rounded down, as FireFly v2 does
    within four steps. `initial` is the membrane at the start as a share of theta: one half turns the floor of a count
    into rounding to nearest, the usual amendment of conversions (Bu et al., arXiv 2202.01440).
    Raises `InputError` for a tau below 1 and an initial membrane outside [0, 1).
    """

    tau: Fraction = Fraction(1)
    reset: Reset = "soft"
    comparator: Comparator = ">="
    leak: Leak = "before"
    initial: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        problems = []
        if self.tau < 1:
            problems.append(Problem("a membrane cannot grow", key="tau", value=str(self.tau), allowed="at least 1"))
        if not 0 <= self.initial < 1:
            problems.append(
                Problem(
                    "a neuron cannot begin at its threshold",
                    key="initial",
                    value=str(self.initial),
                    allowed="a share of theta from 0 up to below 1",
                )
            )
        if problems:
            raise InputError(problems)


HALF = Fraction(1, 2)
IF = CausalNeuron()
LIF = CausalNeuron(tau=Fraction(2))


def fire_causal(
    currents: NDArray[np.int64], theta: NDArray[np.int64], timesteps: int, neuron: CausalNeuron = IF
) -> NDArray[np.uint8]:
    """Spikes s_1..s_T, uint8 [T, channels, ...], of neurons whose currents are I_1..I_T.

    currents: [T, channels, ...], or [1, channels, ...] for a current that is the same in all steps; theta: [channels],
    positive. The sum of all |I_t|, times the numerator and the denominator of tau, has to fit an int64.
    """
    shape = currents.shape[1:]
    flat = np.ascontiguousarray(currents.reshape(len(currents), len(theta), -1), dtype=np.int64)
    thresholds = np.ascontiguousarray(theta, dtype=np.int64)
    begin = thresholds * neuron.initial.numerator // neuron.initial.denominator
    membrane = np.repeat(begin[:, None], flat.shape[2], axis=1)
    spikes = np.empty((timesteps, *membrane.shape), dtype=np.uint8)
    over, kept = neuron.tau.numerator, neuron.tau.denominator
    kernels.fire_causal(
        flat,
        thresholds,
        kept,
        over,
        over.bit_length() - 1 if over & (over - 1) == 0 else -1,
        _LEAK[neuron.leak],
        int(neuron.comparator == ">"),
        int(neuron.reset == "hard"),
        membrane,
        spikes,
    )
    return spikes.reshape(timesteps, *shape)
