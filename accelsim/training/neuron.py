"""The SpikePack neuron as a torch module: one rounding instead of T steps, forwards and backwards.

The neuron of `accelsim.reference.neuron` on real membranes. What it fires stands for the value theta z, with
z = sum_t s_t tau^(T-t); at tau = 2, z is the packed word. Back-propagation takes the rounding for the identity where
it does not clip (straight-through estimator, Shen et al., arXiv 2501.14484) and learns theta as the step of a
quantiser (Esser et al., ICLR 2020, eq. 3), so that neither time nor memory depends on T at tau = 2.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log
from typing import Any, Literal

import torch
from torch import Tensor, nn

from accelsim.reference.neuron import Comparator

Rounding = Literal["down", "nearest"]


class PackedNeuron(nn.Module):
    """Membranes U, real, of any shape, to the values theta z of the same shape and dtype.

    tau = 2: z = clip(floor(x), 0, 2^T - 1) for ">=" and clip(ceil(x) - 1, 0, 2^T - 1) for ">", x = U / theta; any
    other tau >= 1: T steps of greedy decoding. `rounding` "nearest" adds theta / 2 to the membrane first, as a
    converted network has it in its bias. The gradient to U is that of the value where x is within 0 and the first x
    that is clipped, else 0; theta's is z - x there and z elsewhere. theta is kept as its logarithm, which no step of an
    optimiser makes negative; it starts where the largest z stands for `full_scale`.

    Words of integer membranes are those of `reference.neuron.fire`, exactly, while U and theta are below 2^24 in
    float32 and below 2^53 in float64: the correctly rounded quotient of such integers does not cross an integer.
    """

    def __init__(
        self,
        timesteps: int,
        tau: float = 2.0,
        comparator: Comparator = ">=",
        *,
        rounding: Rounding = "nearest",
        full_scale: float = 2.0,
        learnable: bool = True,
    ) -> None:
        super().__init__()
        check_neuron(timesteps, tau, full_scale)
        self.timesteps, self.tau, self.comparator, self.rounding = timesteps, tau, comparator, rounding
        start = log(full_scale / largest_word(timesteps, tau))
        self.log_theta = nn.Parameter(torch.tensor(start), requires_grad=learnable)

    @property
    def theta(self) -> Tensor:
        """The threshold of the last step, which is the value of one unit of z: a scalar."""
        return self.log_theta.exp()

    def forward(self, membrane: Tensor) -> Tensor:
        return self.theta * self.words(membrane)

    def words(self, membrane: Tensor) -> Tensor:
        """z, in the membrane's dtype, with the same gradients."""
        scaled = membrane / self.theta
        if self.rounding == "nearest":
            scaled = scaled + 0.5
        return _straight_through(scaled, self.timesteps, self.tau, self.comparator)

    def extra_repr(self) -> str:
        return f"timesteps={self.timesteps}, tau={self.tau}, comparator={self.comparator!r}, rounding={self.rounding!r}"


def check_neuron(timesteps: int, tau: float, threshold: float) -> None:
    """Raises ValueError for a neuron that cannot be."""
    if timesteps < 1:
        raise ValueError(f"a neuron has at least 1 time step, not {timesteps}")
    if not tau >= 1:
        raise ValueError(f"tau is at least 1, not {tau}")
    if not threshold > 0:
        raise ValueError(f"a threshold is positive, not {threshold}")


def largest_word(timesteps: int, tau: float = 2.0) -> float:
    """z of a neuron that fires in every step: sum_t tau^(T-t)."""
    return float(sum(tau**place for place in range(timesteps)))


def decode(scaled: Tensor, timesteps: int, tau: float = 2.0, comparator: Comparator = ">=") -> Tensor:
    """z of membranes in units of theta, without gradients: the closed form at tau = 2, else T greedy steps."""
    if tau == 2:
        rounded = scaled.floor() if comparator == ">=" else scaled.ceil() - 1
        return rounded.clamp(0, largest_word(timesteps))
    rest, words = scaled.clone(), torch.zeros_like(scaled)
    for place in reversed(range(timesteps)):
        threshold = tau**place
        fired = (rest >= threshold if comparator == ">=" else rest > threshold).to(scaled.dtype)
        rest -= threshold * fired
        words += threshold * fired
    return words


class _StraightThrough(torch.autograd.Function):
    """`decode`, whose derivative is taken to be 1 between 0 and the first membrane that is clipped, and 0 outside."""

    @staticmethod
    def forward(ctx: Any, scaled: Tensor, timesteps: int, tau: float, comparator: Comparator) -> Tensor:
        ctx.save_for_backward((scaled >= 0) & (scaled < largest_word(timesteps, tau) + 1))
        return decode(scaled, timesteps, tau, comparator)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (inside,) = ctx.saved_tensors
        return gradients[0] * inside, None, None, None


_straight_through: Callable[..., Tensor] = _StraightThrough.apply
