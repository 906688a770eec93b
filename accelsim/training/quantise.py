"""Weights of 1 to 8 bits during training: rounded in the forward pass, straight through in the backward pass."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

LARGEST_BITS = 8
CLIPS = tuple(tenths / 10 for tenths in range(10, 1, -1))
"""Shares of a channel's largest weight that are tried as the value of the largest integer."""


def quantise(weights: Tensor, bits: int, per_channel: bool = True) -> tuple[Tensor, Tensor]:
    """Integers v and positive scales [out_channels] with weights [out_channels, ...] ~ scale * v, without gradients.

    v is within +-(2^(bits-1) - 1), of the dtype of the weights; the scale is that of `CLIPS` with the least squared
    error. One bit: v is the sign (0 counts as positive), the scale the mean magnitude, which is the optimum (Rastegari
    et al., ECCV 2016, eq. 6). All channels have one scale if not `per_channel`, as those that are compared with one
    another need. Raises ValueError for other widths than 1 to 8 bits.
    """
    if not 1 <= bits <= LARGEST_BITS:
        raise ValueError(f"weights have 1 to {LARGEST_BITS} bits, not {bits}")
    with torch.no_grad():
        flat = weights.reshape(len(weights) if per_channel else 1, -1)
        if bits == 1:
            integers, scale = torch.where(flat < 0, -1.0, 1.0).to(flat.dtype), _positive(flat.abs().mean(dim=1))
            return integers.reshape(weights.shape), scale.expand(len(weights))
        largest = 2 ** (bits - 1) - 1
        widest = _positive(flat.abs().amax(dim=1))
        scales = torch.stack([widest * (clip / largest) for clip in CLIPS])
        rounded = torch.stack([_integers(flat, scale, largest) for scale in scales])
        errors = (rounded * scales[:, :, None] - flat).square().sum(dim=2)
        best = errors.argmin(dim=0)
        channels = torch.arange(len(flat), device=flat.device)
        return rounded[best, channels].reshape(weights.shape), scales[best, channels].expand(len(weights))


def fake_quantise(weights: Tensor, bits: int, per_channel: bool = True) -> Tensor:
    """scale * v of `quantise`, whose gradient goes to the weights as it is."""
    integers, scale = quantise(weights, bits, per_channel)
    rounded = integers * scale.reshape(-1, *[1] * (weights.ndim - 1))
    return weights + (rounded - weights).detach()


class FakeQuantise(nn.Module):
    """`fake_quantise` as a parametrisation of a module's weights."""

    def __init__(self, bits: int, per_channel: bool = True) -> None:
        super().__init__()
        self.bits, self.per_channel = bits, per_channel

    def forward(self, weights: Tensor) -> Tensor:
        return fake_quantise(weights, self.bits, self.per_channel)


def quantised(module: nn.Module, bits: int, per_channel: bool = True) -> nn.Module:
    """The same convolution or linear layer, whose `weight` reads as rounded to `bits` bits from now on."""
    parametrize.register_parametrization(module, "weight", FakeQuantise(bits, per_channel))
    return module


def freeze_weights(module: nn.Module) -> None:
    """Make the `quantised` weights in a module plain rounded numbers, for good: inference does not round them anew."""
    for part in module.modules():
        if parametrize.is_parametrized(part, "weight"):
            parametrize.remove_parametrizations(part, "weight")


class Rounded(NamedTuple):
    """What a quantised weight stands for: integers and scales [out_channels] as `quantise` returns them."""

    integers: Tensor
    scale: Tensor
    bits: int


def rounded_weights(module: nn.Module) -> Rounded:
    """What a module's `weight` stands for. Raises ValueError if it is not `quantised`."""
    quantiser, original = _quantiser(module)
    return Rounded(*quantise(original, quantiser.bits, quantiser.per_channel), quantiser.bits)


def write_rounded(module: nn.Module, integers: Tensor, scale: Tensor) -> None:
    """Set the weights of a `quantised` module to scale * integers, as which they are read from then on.

    The integers use their full range, as those of `quantise` do, in each channel that has a scale of its own.
    """
    _, original = _quantiser(module)
    with torch.no_grad():
        original.copy_((integers * scale.reshape(-1, *[1] * (integers.ndim - 1))).reshape(original.shape))


def _quantiser(module: nn.Module) -> tuple[FakeQuantise, Tensor]:
    if parametrize.is_parametrized(module, "weight"):
        of_module = module.parametrizations
        assert isinstance(of_module, nn.ModuleDict)
        chain = of_module["weight"]
        assert isinstance(chain, parametrize.ParametrizationList)
        quantiser, original = chain[0], chain.original
        if len(chain) == 1 and isinstance(quantiser, FakeQuantise) and isinstance(original, Tensor):
            return quantiser, original
    raise ValueError("weights are not quantised")


def _positive(scale: Tensor) -> Tensor:
    return torch.where(scale > 0, scale, torch.ones_like(scale))


def _integers(weights: Tensor, scale: Tensor, largest: int) -> Tensor:
    return (weights / scale[:, None]).round().clamp(-largest, largest)
