"""A neuron whose spikes have several bits: each time step it fires one of 0 .. 2^b - 1, with subtractive reset.

v_t = v_{t-1} + I_t;  s_t = clip(floor(v_t / theta), 0, 2^b - 1);  v_t <- v_t - theta s_t.

b = 1 is the integrate-and-fire neuron with soft reset; T = 1 a quantised activation of b bits. Spikes of b bits are the
b_s of the Bit Budget (Shen, Zhao, Li, Li, Zeng, CVPR 2024, arXiv 2311.10802); this neuron is ours. All time steps
weigh the same, unlike SpikePack's, so that T steps of b bits tell at most T (2^b - 1) + 1 rates apart.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class BitSpike(nn.Module):
    """Spikes of `bits` bits from currents, causal in time, with one threshold that is learnt.

    The rounding passes gradients straight through where 0 <= v_t / theta <= 2^b, and none elsewhere; through the
    membrane they go back in time. `threshold`: its first value; by default 2 / (2^b - 1), or 1 for b = 1, so that
    currents of unit variance, as batch normalisation gives them, use the range.
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
        threshold = self.threshold
        membrane = torch.zeros_like(currents[0])
        spikes = []
        for current in currents:
            membrane = membrane + current
            spike = self._round(membrane / threshold)
            membrane = membrane - threshold * spike
            spikes.append(spike)
        return torch.stack(spikes)

    def _round(self, ratio: Tensor) -> Tensor:
        # Exact in floating point: a number and its floor differ by less than the number's last digit can hold.
        through = ratio.clamp(0, self.largest + 1)
        return through + (through.detach().floor().clamp(max=self.largest) - through.detach())
