"""Weights of 1 to 8 bits during training: rounded in the forward pass, straight through in the backward pass."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

LARGEST_BITS = 8
CLIPS = tuple(tenths / 10 for tenths in range(10, 1, -1))
"""Shares of a channel's largest weight that are tried as the value of the largest integer."""


def quantise(weights: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """Integers v and positive scales [out_channels] with weights [out_channels, ...] ~ scale * v, without gradients.

    v is within +-(2^(bits-1) - 1), of the dtype of the weights; the scale is that of `CLIPS` with the least squared
    error. One bit: v is the sign (0 counts as positive), the scale the mean magnitude, which is the optimum (Rastegari
    et al., ECCV 2016, eq. 6). Raises ValueError for other widths than 1 to 8 bits.
    """
    if not 1 <= bits <= LARGEST_BITS:
        raise ValueError(f"weights have 1 to {LARGEST_BITS} bits, not {bits}")
    with torch.no_grad():
        flat = weights.reshape(len(weights), -1)
        if bits == 1:
            scale, integers = _positive(flat.abs().mean(dim=1)), torch.where(flat < 0, -1.0, 1.0).to(flat.dtype)
            return integers.reshape(weights.shape), scale
        largest = 2 ** (bits - 1) - 1
        widest = _positive(flat.abs().amax(dim=1))
        scales = torch.stack([widest * (clip / largest) for clip in CLIPS])
        rounded = torch.stack([_integers(flat, scale, largest) for scale in scales])
        errors = (rounded * scales[:, :, None] - flat).square().sum(dim=2)
        best = errors.argmin(dim=0)
        channels = torch.arange(len(flat), device=flat.device)
        return rounded[best, channels].reshape(weights.shape), scales[best, channels]


def fake_quantise(weights: Tensor, bits: int) -> Tensor:
    """scale * v of `quantise`, whose gradient goes to the weights as it is."""
    integers, scale = quantise(weights, bits)
    rounded = integers * scale.reshape(-1, *[1] * (weights.ndim - 1))
    return weights + (rounded - weights).detach()


class FakeQuantise(nn.Module):
    """`fake_quantise` as a parametrisation of a module's weights."""

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.bits = bits

    def forward(self, weights: Tensor) -> Tensor:
        return fake_quantise(weights, self.bits)


def quantised(module: nn.Module, bits: int) -> nn.Module:
    """The same convolution or linear layer, whose `weight` reads as rounded to `bits` bits from now on."""
    parametrize.register_parametrization(module, "weight", FakeQuantise(bits))
    return module


def _positive(scale: Tensor) -> Tensor:
    return torch.where(scale > 0, scale, torch.ones_like(scale))


def _integers(weights: Tensor, scale: Tensor, largest: int) -> Tensor:
    return (weights / scale[:, None]).round().clamp(-largest, largest)
