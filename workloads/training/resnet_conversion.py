"""From the trained ResNet-18 to accelsim's quantised model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from convolution import Convolution
from numpy.typing import NDArray
from resnet import WIDTHS, Block, ResNet18

from accelsim.reference.calibration import full_scale
from accelsim.reference.model import Model, integer_network
from accelsim.reference.network import Network, run
from accelsim.reference.node import Node
from accelsim.reference.quantise import fold_batch_norm, quantise_weights

LARGEST_TIMESTEPS = 8
PERCENTILES = (100.0, 99.9, 99.5, 99.0, 98.0, 96.0, 93.0, 90.0)


def layers(net: ResNet18) -> Iterator[tuple[Node, Convolution | None]]:
    """The graph in execution order, with the torch module behind each node that has neurons.

    All words that meet in a residual add share the stream of their stage.
    """

    def fires(name: str, module: Convolution, inputs: tuple[str, ...], stream: str) -> tuple[Node, Convolution]:
        conv = module.conv
        return Node(name, "conv2d", inputs, conv.kernel_size, conv.stride, conv.padding, stream), module

    yield fires("conv1", net.stem, (), "layer1")
    last = "conv1"
    for number, stage in enumerate(net.stages, start=1):
        for index, block in enumerate(stage):
            assert isinstance(block, Block)
            name = f"layer{number}.{index}"
            shortcut = last
            yield fires(f"{name}.conv1", block.conv1, (last,), f"{name}.conv1")
            yield fires(f"{name}.conv2", block.conv2, (f"{name}.conv1",), f"layer{number}")
            if block.downsample is not None:
                shortcut = f"{name}.downsample"
                yield fires(shortcut, block.downsample, (last,), f"layer{number}")
            last = f"{name}.add"
            yield Node(last, "add", (f"{name}.conv2", shortcut)), None
    rows = 32 >> (len(WIDTHS) - 1)
    yield Node("avgpool", "avgpool2d", (last,), kernel=(rows, rows), stride=(rows, rows)), None
    yield Node("fc", "linear", ("avgpool",)), None


def convert(
    net: ResNet18, calibration: NDArray[np.uint8], images: NDArray[np.uint8], labels: NDArray[np.int64]
) -> Model:
    """Fold, quantise, and calibrate on the images of `calibration`.

    The full scale of a stream is a percentile of the ANN's activations. Few time steps need a lower one (finer steps,
    more clipping): for each T that one is taken with which the SNN's outputs correlate best with the ANN's.
    """
    graph = list(layers(net))
    activations, outputs = _activations(net, [module for _, module in graph if module is not None], calibration)
    weights, scale, bias = {}, {}, {}
    samples: dict[str, list[NDArray[np.float64]]] = {}
    for node, module in graph:
        if module is None:
            continue
        conv, norm = module.conv, module.norm
        real, bias[node.name] = fold_batch_norm(
            *(_array(t) for t in (conv.weight, norm.running_mean, norm.running_var, norm.weight, norm.bias)), norm.eps
        )
        weights[node.name], scale[node.name] = quantise_weights(real)
        samples.setdefault(node.stream, []).append(activations[module])
    last = _array(net.classifier.weight)
    weights["fc"], scale["fc"] = quantise_weights(last[:, :, None, None], per_channel=False)
    bias["fc"] = _array(net.classifier.bias)
    model = Model(
        name="resnet18_digits",
        dataset="scikit-learn digits, 8x8 enlarged to 32x32",
        image_shape=(1, 32, 32),
        image_bits=8,
        image_step=1 / 255,
        nodes=tuple(node for node, _ in graph),
        weights=weights,
        scale=scale,
        bias=bias,
        full_scale={},
        images=images,
        labels=labels,
    )
    candidates = [
        replace(model, full_scale={stream: np.array([full_scale(v, percentile)]) for stream, v in samples.items()})
        for percentile in PERCENTILES
    ]
    best = [
        max(candidates, key=lambda candidate: _likeness(integer_network(candidate, t), calibration, outputs))
        for t in range(1, LARGEST_TIMESTEPS + 1)
    ]
    tables = {stream: np.array([model.full_scale[stream][0] for model in best]) for stream in samples}
    return replace(model, full_scale=tables)


def _likeness(network: Network, images: NDArray[np.uint8], outputs: NDArray[np.float64]) -> float:
    """Correlation of the network's accumulators with the ANN's outputs [n, classes]."""
    last = network.layers[-1].name
    accumulators = np.stack([run(network, image)[last] for image in images])
    if not accumulators.std():
        return -1.0
    return float(np.corrcoef(accumulators.reshape(-1), outputs.reshape(-1))[0, 1])


def _array(tensor: torch.Tensor | None) -> NDArray[np.float64]:
    assert tensor is not None
    return tensor.detach().numpy().astype(np.float64)


def _activations(
    net: ResNet18, modules: list[Convolution], images: NDArray[np.uint8]
) -> tuple[dict[Convolution, NDArray[np.float64]], NDArray[np.float64]]:
    recorded: dict[Convolution, NDArray[np.float64]] = {}

    def record(module: torch.nn.Module, _: object, output: torch.Tensor) -> None:
        assert isinstance(module, Convolution)
        recorded[module] = _array(output)

    hooks = [module.register_forward_hook(record) for module in modules]
    net.eval()
    with torch.no_grad():
        outputs = _array(net(torch.from_numpy(images).float() / 255))
    for hook in hooks:
        hook.remove()
    return recorded, outputs
