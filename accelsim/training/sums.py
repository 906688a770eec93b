"""A layer of a module as it trains, and as the integers that it becomes: weights, thresholds and offsets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from accelsim.reference.node import Node
from accelsim.reference.quantise import fold_batch_norm, thresholds
from accelsim.training.neuron import PackedNeuron
from accelsim.training.quantise import rounded_weights, write_rounded
from accelsim.workload.layer import Shape

Floats = NDArray[np.float64]
Norm: TypeAlias = nn.BatchNorm1d | nn.BatchNorm2d

WEAKEST_CHANNEL = 2.0**-20
"""Floor of a channel's scale relative to the strongest: one that normalisation switched off has no threshold."""


@dataclass(frozen=True)
class Sums:
    """y = scale * step * (integers * words) + bias of a layer, and the modules that it was read from.

    `scale` and `bias` [out_channels] include the normalisation `norm`; the scale is positive: where a normalisation
    turns the sign of a channel, its integers do. `step` is what a unit of the words is worth. `neuron` fires on y.
    """

    node: Node
    shape: Shape
    step: float
    weights: nn.Conv2d | nn.Linear
    integers: Floats
    scale: Floats
    bias: Floats
    weight_bits: int
    norm: Norm | None = None
    neuron: PackedNeuron | None = None

    def normalised(self, norm: Norm) -> Sums:
        """With a normalisation, by the statistics that it has gathered, behind the weights."""
        mean, variance, gain, offset = map(array, (norm.running_mean, norm.running_var, norm.weight, norm.bias))
        scale, bias = fold_batch_norm(self.scale, mean - self.bias, variance, gain, offset, norm.eps)
        sign = np.where(gain < 0, -1.0, 1.0)
        floor = WEAKEST_CHANNEL * np.abs(scale).max() or 1.0
        integers = self.integers * sign.reshape(-1, *[1] * (self.integers.ndim - 1))
        return replace(self, integers=integers, scale=np.maximum(np.abs(scale), floor), bias=bias, norm=norm)

    @property
    def theta(self) -> Floats:
        """Thresholds in units of the membrane: integers; 1 without a neuron."""
        if self.neuron is None:
            return np.ones_like(self.scale)
        return thresholds(self.scale, self.step, self._theta).astype(np.float64)

    @property
    def offset(self) -> Floats:
        """What is added to a membrane before it is compared with multiples of theta: integers."""
        return np.rint((self.bias + self._half) / (self.scale * self.step))

    @property
    def model_bias(self) -> Floats:
        """The bias of a model, whose integer network adds half a threshold, rounded down."""
        half = self.theta // 2 if self.neuron else 0
        return (self.offset - half) * self.scale * self.step

    @property
    def _theta(self) -> float:
        assert self.neuron is not None
        return float(self.neuron.theta.detach())

    @property
    def _half(self) -> float:
        return self._theta / 2 if self.neuron and self.neuron.rounding == "nearest" else 0.0

    def settle(self) -> None:
        """Write gain and bias so that real sums and thresholds are multiples of the unit of the membrane."""
        scale, offset = self.scale, self.offset
        if self.neuron is not None:
            scale = self._theta / (self.theta * self.step)
            # Where an integer meets a multiple of theta exactly, floating point must not decide.
            offset = offset + (0.25 if self.neuron.comparator == ">=" else -0.25)
        bias = offset * scale * self.step - self._half
        with torch.no_grad():
            if self.norm is None:
                write_rounded(self.weights, torch.from_numpy(self.integers), torch.from_numpy(scale))
                self.weights.bias = nn.Parameter(torch.from_numpy(bias).to(self.weights.weight))
            else:
                spread = np.sqrt(array(self.norm.running_var) + self.norm.eps)
                sign = np.where(array(self.norm.weight) < 0, -1.0, 1.0)
                gain = sign * scale * spread / array(rounded_weights(self.weights).scale)
                before = 0.0 if self.weights.bias is None else array(self.weights.bias)
                self.norm.weight.copy_(torch.from_numpy(gain))
                self.norm.bias.copy_(torch.from_numpy(bias - gain / spread * (before - array(self.norm.running_mean))))


def array(tensor: Tensor | None) -> Floats:
    """A tensor that is there, in float64, without gradients, in the processor's memory."""
    assert tensor is not None
    return np.asarray(tensor.detach().cpu().numpy(), dtype=np.float64)
