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
        options = self.timesteps, self.tau, self.comparator, self.rounding
        return _straight_through(membrane, self.theta, *options)

    def words(self, membrane: Tensor) -> Tensor:
        """z, in the membrane's dtype, without gradients."""
        with torch.no_grad():
            scaled = _scaled(membrane, self.theta, self.rounding)
            return decode(scaled, self.timesteps, self.tau, self.comparator)

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
    """z of membranes in units of theta, without gradients: the closed form at tau = 2, else T greedy steps.

    For integers U and theta, decode(U / theta) gives the words of `reference.neuron.fire`, exactly, while both are
    below 2^24 in float32 and below 2^53 in float64: their correctly rounded quotient does not reach an integer that
    the exact one does not.
    """
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


def _scaled(membrane: Tensor, theta: Tensor, rounding: Rounding) -> Tensor:
    """The membrane in units of theta, as `decode` takes it."""
    scaled = membrane / theta
    return scaled + 0.5 if rounding == "nearest" else scaled


class _StraightThrough(torch.autograd.Function):
    """theta z, with z's derivative by U / theta taken to be 1 where z is not clipped, and 0 elsewhere.

    Keeps the membrane alone for the backward pass, and decodes again there.
    """

    @staticmethod
    def forward(
        ctx: Any,
        membrane: Tensor,
        theta: Tensor,
        timesteps: int,
        tau: float,
        comparator: Comparator,
        rounding: Rounding,
    ) -> Tensor:
        ctx.save_for_backward(membrane, theta)
        ctx.options = timesteps, tau, comparator, rounding
        return theta * decode(_scaled(membrane, theta, rounding), timesteps, tau, comparator)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        membrane, theta = ctx.saved_tensors
        timesteps, tau, comparator, rounding = ctx.options
        scaled = _scaled(membrane, theta, rounding)
        to_membrane = gradients[0] * ((scaled >= 0) & (scaled < largest_word(timesteps, tau) + 1))
        to_theta = None
        if ctx.needs_input_grad[1]:
            values = gradients[0] * decode(scaled, timesteps, tau, comparator)
            to_theta = (values - to_membrane * (membrane / theta)).sum()
        return to_membrane, to_theta, None, None, None, None


_straight_through: Callable[..., Tensor] = _StraightThrough.apply
