"""The SpikePack neuron at tau = 2 with subtractive reset, in its two bit-identical forms.

Integration: u <- 2u + I_t over the input planes, first step first (Horner's rule), which makes U = sum_t 2^(T-t) I_t.
Decoding: for t = 1..T fire iff U >= theta 2^(T-t), or ">", and subtract that threshold (Shen et al., arXiv
2501.14484). Theorem: the packed spikes are clip(floor(U / theta), 0, 2^T - 1) for ">=" and
clip(ceil(U / theta) - 1, 0, 2^T - 1) for ">".
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from accelsim.reference.kernels import neuron as kernels

Comparator = Literal[">=", ">"]
Form = Literal["packed", "serial"]

_FIRE = {"packed": kernels.fire_packed, "serial": kernels.fire_serial}


def fire(
    membrane: NDArray[np.int64],
    theta: NDArray[np.int64],
    timesteps: int,
    comparator: Comparator = ">=",
    form: Form = "packed",
) -> NDArray[np.int64]:
    """The words that neurons fire whose integrated membranes U are `membrane`.

    Membrane and result: [channels, ...]; theta: [channels], positive, theta 2^(T-1) within int64. The closed form
    when `form` is "packed", T decoding steps when it is "serial"; the membrane is left as it was.
    """
    flat = np.array(membrane.reshape(len(theta), -1), dtype=np.int64, order="C")
    words = np.empty_like(flat)
    _FIRE[form](flat, np.ascontiguousarray(theta, dtype=np.int64), int(comparator == ">"), int(timesteps), words)
    return words.reshape(membrane.shape)


def integrate(currents: NDArray[np.int64]) -> NDArray[np.int64]:
    """Membranes U [channels, ...] after all planes of `currents` [planes, channels, ...], first to last."""
    flat = np.ascontiguousarray(currents.reshape(*currents.shape[:2], -1), dtype=np.int64)
    membrane = np.zeros(flat.shape[1:], dtype=np.int64)
    for current in flat:
        kernels.integrate(current, membrane)
    return membrane.reshape(currents.shape[1:])
