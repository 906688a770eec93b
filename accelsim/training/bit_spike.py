"""A neuron whose spikes have several bits: each time step it fires one of 0 .. 2^b - 1, with subtractive reset.

v_t = v_{t-1} + I_t;  s_t = clip(floor(v_t / theta), 0, 2^b - 1);  v_t <- v_t - theta s_t.

b = 1 is the integrate-and-fire neuron with soft reset; T = 1 a quantised activation of b bits. Spikes of b bits are the
b_s of the Bit Budget (Shen, Zhao, Li, Li, Zeng, CVPR 2024, arXiv 2311.10802); this neuron is ours. All time steps
weigh the same, unlike SpikePack's, so that T steps of b bits tell at most T (2^b - 1) + 1 rates apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class BitSpike(nn.Module):
    """Spikes of `bits` bits from currents, causal in time, with one threshold that is learnt.

    `threshold`: its first value; by default 2 / (2^b - 1), or 1 for b = 1, so that currents of unit variance, as batch
    normalisation gives them, use the range.
    """

    def __init__(self, bits: int, threshold: float | None = None) -> None:
        """Raises ValueError for less than a bit or a threshold that is not positive."""
        super().__init__()
        if bits < 1:
            raise ValueError(f"a spike has at least 1 bit, not {bits}")
        self.largest = 2**bits - 1
        if threshold is None:
            threshold = 2 / self.largest if bits > 1 else 1.0
        if threshold <= 0:
            raise ValueError(f"a threshold is positive, not {threshold}")
        self.log_threshold = nn.Parameter(torch.tensor(math.log(threshold)))

    @property
    def threshold(self) -> Tensor:
        """theta; its logarithm is what is learnt, so that it stays positive."""
        return self.log_threshold.exp()

    def forward(self, currents: Tensor) -> Tensor:
        """Spikes [T, ...], whole numbers from 0 to 2^b - 1, of the currents [T, ...] of T time steps."""
        return _train(currents / self.threshold, self.largest)


class _Train(torch.autograd.Function):
    """Spikes of currents in units of the threshold: x += r_t; s_t = clip(floor(x)); x -= s_t.

    The rounding passes gradients straight through where 0 <= x <= 2^b, ds_t / dx = 1, and none elsewhere. As what is
    fired is subtracted, x keeps none of it: with g_t the gradient of s_t, that of r_t is that of x, which is g_t in
    range and what comes from the next step out of it.
    """

    @staticmethod
    def forward(ctx: Any, ratios: Tensor, largest: int) -> Tensor:
        membrane = torch.zeros_like(ratios[0])
        spikes, in_range = torch.empty_like(ratios), torch.empty_like(ratios, dtype=torch.bool)
        for step, ratio in enumerate(ratios):
            membrane += ratio
            torch.eq(membrane, membrane.clamp(0, largest + 1), out=in_range[step])
            torch.floor(membrane, out=spikes[step]).clamp_(0, largest)
            membrane -= spikes[step]
        ctx.save_for_backward(in_range)
        return spikes

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (of_spikes,) = gradients
        (in_range,) = ctx.saved_tensors
        of_ratios = torch.empty_like(of_spikes)
        later = torch.zeros_like(of_spikes[0])
        for step in reversed(range(len(of_spikes))):
            later = torch.where(in_range[step], of_spikes[step], later, out=of_ratios[step])
        return of_ratios, None


_train: Callable[..., Tensor] = _Train.apply
