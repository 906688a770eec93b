"""A network of integers on whatever torch computes with, a graphics processor for instance: many images at a time."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from accelsim.reference.network import Network
from accelsim.reference.operators import largest_accumulator
from accelsim.training.neuron import decode
from accelsim.workload.layer import ATTENTION_OPS, WEIGHTED_OPS, Layer

EXACT = {torch.float32: 1 << 24, torch.float64: 1 << 53}
"""Below it, every integer, every sum of them in any order, and the floor of every quotient are exact."""


class TorchNetwork(nn.Module):
    """`reference.network.run` over a batch: the same integers, held in floating point where that is exact.

    Takes images [n, channels, rows, columns] of integers and returns the words of the last layer; `words` returns
    those of all layers. Attention products are not supported. Raises ValueError for a network whose sums outgrow
    float64.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        self._dtype = {layer.name: _dtype(network, layer) for layer in network.layers}
        for number, layer in enumerate(network.layers):
            if layer.op in WEIGHTED_OPS:
                dtype, parameters = self._dtype[layer.name], network.parameters[layer.name]
                self.register_buffer(f"weights{number}", torch.from_numpy(parameters.weights).to(dtype))
                self.register_buffer(f"bias{number}", torch.from_numpy(parameters.bias).to(dtype))
                self.register_buffer(f"theta{number}", torch.from_numpy(parameters.theta).to(dtype)[:, None, None])

    def forward(self, images: Tensor) -> Tensor:
        return self.words(images)[self.network.layers[-1].name]

    def words(self, images: Tensor) -> dict[str, Tensor]:
        """The words of every layer by its name, [n, *out_shape], in float32 or float64."""
        words: dict[str, Tensor] = {}
        with torch.inference_mode():
            for number, layer in enumerate(self.network.layers):
                operands = [words[producer] for producer in layer.inputs] or [images]
                words[layer.name] = self._produce(
                    number, layer, [each.to(self._dtype[layer.name]) for each in operands]
                )
        return words

    def _produce(self, number: int, layer: Layer, operands: list[Tensor]) -> Tensor:
        first = operands[0]
        if layer.op in WEIGHTED_OPS:
            weights, bias, theta = (self.get_buffer(f"{name}{number}") for name in ("weights", "bias", "theta"))
            sums = functional.conv2d(first, weights, bias, layer.stride, layer.padding, layer.dilation, layer.groups)
            return decode(sums / theta, self.network.timesteps, 2, self.network.comparator) if layer.fires else sums
        if layer.op == "maxpool2d":
            return functional.max_pool2d(first, layer.kernel, layer.stride, layer.padding)
        if layer.op == "avgpool2d":
            return functional.avg_pool2d(first, layer.kernel, layer.stride, layer.padding, divisor_override=1)
        if layer.op == "upsample":
            return first.repeat_interleave(layer.factor[0], 2).repeat_interleave(layer.factor[1], 3)
        return torch.cat(operands, 1) if layer.op == "concat" else operands[0] + operands[1]


def _dtype(network: Network, layer: Layer) -> torch.dtype:
    largest = 1 << layer.word_bits
    if layer.op in WEIGHTED_OPS:
        parameters = network.parameters[layer.name]
        largest = max(largest_accumulator(parameters, layer.word_bits), int(parameters.theta.max()))
    elif layer.op == "avgpool2d":
        largest *= layer.kernel[0] * layer.kernel[1]
    elif layer.op in ATTENTION_OPS:
        raise ValueError(f"{layer.name}: attention products are not supported")
    for dtype, limit in EXACT.items():
        if largest < limit:
            return dtype
    raise ValueError(f"{layer.name}: sums of up to {largest} are not exact in float64")
