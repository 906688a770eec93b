"""The leaky integrate-and-fire neuron that SpikePack is compared with: unrolled over T steps, causal, with a leak."""

from __future__ import annotations

from collections.abc import Callable
from math import pi
from typing import Any, Literal

import torch
from torch import Tensor, nn

from accelsim.reference.neuron import Reset
from accelsim.training.neuron import check_neuron

Surrogate = Literal["arctan", "rectangle"]


class LIF(nn.Module):
    """Currents [T n, ...], all images of a step before those of the next, to the spikes 0 or 1 of the same shape.

    v_t = v_{t-1} / tau + I_t fires at v_t >= theta, and is then reset by subtraction ("soft") or to zero ("hard");
    tau = 1 does not leak. Gradients go back through time, but not through the reset. The derivative of the step at
    x = v - theta is taken to be 1 / (1 + (pi x)^2) ("arctan", Fang et al., ICCV 2021) or 1 for |x| < 1/2 ("rectangle",
    Wu et al., Frontiers in Neuroscience 2018). Raises ValueError like `check_neuron`, and for currents that are not
    T times as many as images.
    """

    def __init__(
        self,
        timesteps: int,
        tau: float = 2.0,
        *,
        threshold: float = 1.0,
        reset: Reset = "soft",
        surrogate: Surrogate = "arctan",
    ) -> None:
        super().__init__()
        check_neuron(timesteps, tau, threshold)
        self.timesteps, self.tau, self.threshold = timesteps, tau, threshold
        self.reset, self.surrogate = reset, surrogate

    def forward(self, currents: Tensor) -> Tensor:
        if len(currents) % self.timesteps:
            raise ValueError(f"{len(currents)} currents are not {self.timesteps} for each image")
        membrane = torch.zeros_like(currents[: len(currents) // self.timesteps])
        spikes = []
        for current in currents.chunk(self.timesteps):
            membrane = membrane / self.tau + current
            fired = _fire(membrane - self.threshold, self.surrogate)
            spikes.append(fired)
            kept = fired.detach()
            membrane = membrane - self.threshold * kept if self.reset == "soft" else membrane * (1 - kept)
        return torch.cat(spikes)

    def extra_repr(self) -> str:
        return f"timesteps={self.timesteps}, tau={self.tau}, reset={self.reset!r}, surrogate={self.surrogate!r}"


class _Step(torch.autograd.Function):
    """1 where the argument is not negative, with the derivative of a surrogate."""

    @staticmethod
    def forward(ctx: Any, above: Tensor, surrogate: Surrogate) -> Tensor:
        ctx.save_for_backward(above)
        ctx.surrogate = surrogate
        return (above >= 0).to(above.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (above,) = ctx.saved_tensors
        slope = 1 / (1 + (pi * above) ** 2) if ctx.surrogate == "arctan" else (above.abs() < 0.5).to(above.dtype)
        return gradients[0] * slope, None


_fire: Callable[..., Tensor] = _Step.apply
