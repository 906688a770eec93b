"""Trains of spikes and the packed words that stand for them (SpikePack, Shen et al., arXiv 2501.14484)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.reference.kernels import neuron as kernels

LARGEST_WORD_BITS = 31
"""Words travel through the operators as int32."""


def pack(planes: NDArray[np.integer[Any]], bits_per_step: int = 1) -> NDArray[np.int64]:
    """Words z = sum_t s_t 2^(b(T-t)) of shape [...] from planes s_1..s_T of shape [T, ...], below 2^b.

    Planes of -1, 0 and 1 make signed words.
    """
    flat = np.ascontiguousarray(planes.reshape(len(planes), -1), dtype=np.int64)
    words = np.empty(flat.shape[1], dtype=np.int64)
    kernels.pack(flat, int(bits_per_step), words)
    return words.reshape(planes.shape[1:])


def unpack(words: NDArray[np.integer[Any]], timesteps: int, bits_per_step: int = 1) -> NDArray[np.int64]:
    """Planes s_1..s_T of shape [T, ...], the first the most significant, from words of shape [...]."""
    planes = np.empty((timesteps, words.size), dtype=np.int64)
    kernels.unpack(np.ascontiguousarray(words.reshape(-1), dtype=np.int64), int(bits_per_step), planes)
    return planes.reshape(timesteps, *words.shape)
