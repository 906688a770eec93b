"""Networks of PyTorch as ONNX files: `python examples/export_onnx.py resnet18 -o resnet18.onnx` in the checkout.

The weights are random, the normalisation's statistics are those of random images. `--small` makes a narrow network for
small images; `--record` writes images and the network's own outputs beside the file (.npz, and the images as .npy).
`--golden DIR` writes what tests/golden/onnx holds: every small network by both of PyTorch's exporters.
"""

import argparse
import contextlib
import io
import warnings
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from torch import nn


def named(**modules):
    """Modules one after another, by name."""
    return nn.Sequential(OrderedDict(modules))


def block(inputs, outputs, kernel=3, activation=nn.ReLU, **options):
    """Convolution, normalisation, activation."""
    convolution = nn.Conv2d(inputs, outputs, kernel, bias=False, **{"padding": kernel // 2, **options})
    behind = {"act": activation()} if activation else {}
    return named(conv=convolution, norm=nn.BatchNorm2d(outputs), **behind)


class Residual(nn.Module):
    """Two convolutions and a way around them; the rectifier stands behind the sum, as in He et al. 2016."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.first = block(inputs, outputs, stride=stride)
        self.second = block(outputs, outputs, activation=None)
        around = stride > 1 or inputs != outputs
        self.around = block(inputs, outputs, 1, None, stride=stride) if around else nn.Identity()

    def forward(self, x):
        return torch.relu(self.second(self.first(x)) + self.around(x))


def resnet18(small):
    """ResNet-18 of He et al. 2016; a narrow one for small images."""
    width = 4 if small else 64
    stem = block(3, width) if small else block(3, width, 7, stride=2)
    stages, inputs = {}, width
    for stage in range(4):
        for number, stride in enumerate((1 if stage == 0 else 2, 1)):
            stages[f"stage{stage + 1}_{number}"] = Residual(inputs, width << stage, stride)
            inputs = width << stage
    head = {"mean": nn.AdaptiveAvgPool2d(1), "flat": nn.Flatten(), "fc": nn.Linear(inputs, 10 if small else 1000)}
    return (
        named(stem=stem, pool=nn.MaxPool2d(3, 2, 1), **stages, **head),
        (3, 32, 32) if small else (3, 224, 224),
        ["logits"],
    )


def vgg(small):
    """VGG-11 with normalisation, Simonyan and Zisserman 2015."""
    width = 4 if small else 64
    layers, inputs = {}, 3
    for number, outputs in enumerate((1, "pool", 2, "pool", 4, 4, "pool", 8, 8, "pool", 8, 8, "pool")):
        if outputs == "pool":
            layers[f"pool{number}"] = nn.MaxPool2d(2)
        else:
            layers[f"conv{number}"] = block(inputs, outputs * width)
            inputs = outputs * width
    hidden = 16 if small else 4096
    features = inputs if small else inputs * 49
    head = {"fc1": nn.Linear(features, hidden), "act": nn.ReLU(), "dropout": nn.Dropout()}
    head["fc2"] = nn.Linear(hidden, 10 if small else 1000)
    return named(**layers, flat=nn.Flatten(), **head), (3, 32, 32) if small else (3, 224, 224), ["logits"]


class Inverted(nn.Module):
    """Wide inside, depthwise, linear at its end: MobileNetV2, Sandler et al. 2018."""

    def __init__(self, inputs, outputs, stride, expansion):
        super().__init__()
        wide = inputs * expansion
        widen = {"widen": block(inputs, wide, 1, nn.ReLU6)} if expansion > 1 else {}
        depthwise = block(wide, wide, 3, nn.ReLU6, stride=stride, groups=wide)
        self.body = named(**widen, depthwise=depthwise, narrow=block(wide, outputs, 1, None))
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.body(x) if self.residual else self.body(x)


def mobilenet_v2(small):
    """MobileNetV2; narrow and with fewer stages where small."""
    full = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
    stages = ((1, 4, 1, 1), (4, 6, 2, 2), (4, 8, 2, 2)) if small else full
    inputs, last = (8, 32) if small else (32, 1280)
    layers = {"stem": block(3, inputs, 3, nn.ReLU6, stride=2)}
    for expansion, outputs, repeats, stride in stages:
        for number in range(repeats):
            layers[f"block{len(layers)}"] = Inverted(inputs, outputs, stride if number == 0 else 1, expansion)
            inputs = outputs
    head = {"last": block(inputs, last, 1, nn.ReLU6), "mean": nn.AdaptiveAvgPool2d(1), "flat": nn.Flatten()}
    head["fc"] = nn.Linear(last, 10 if small else 1000)
    return named(**layers, **head), (3, 32, 32) if small else (3, 224, 224), ["logits"]


def pair(inputs, outputs):
    """Two convolutions, normalised and rectified."""
    return named(first=block(inputs, outputs), second=block(outputs, outputs))


class UNet(nn.Module):
    """Down, up by the nearest, and joined to what was there on the way down."""

    def __init__(self, width, classes):
        super().__init__()
        self.down1, self.down2, self.bottom = pair(1, width), pair(width, 2 * width), pair(2 * width, 4 * width)
        self.up2, self.up1 = pair(6 * width, 2 * width), pair(3 * width, width)
        self.pool, self.up = nn.MaxPool2d(2), nn.Upsample(scale_factor=2)
        self.classes = nn.Conv2d(width, classes, 1)

    def forward(self, x):
        first = self.down1(x)
        second = self.down2(self.pool(first))
        x = self.bottom(self.pool(second))
        x = self.up2(torch.cat([self.up(x), second], 1))
        return self.classes(self.up1(torch.cat([self.up(x), first], 1)))


def unet(small):
    """A U-Net of two levels."""
    return UNet(4 if small else 32, 5), (1, 16, 16) if small else (1, 256, 256), ["classes"]


def leaky():
    """The rectifier of YOLO (Redmon et al. 2016)."""
    return nn.LeakyReLU(0.1)


class Detector(nn.Module):
    """Leaky rectifiers, pyramid pooling, and two heads on one map."""

    def __init__(self, width):
        super().__init__()
        self.body = nn.Sequential(
            block(1, width, 3, leaky, stride=2),
            block(width, 2 * width, 3, leaky, stride=2),
            block(2 * width, 2 * width, 3, nn.ReLU, dilation=2, padding=2),
        )
        self.pools = nn.ModuleList(nn.MaxPool2d(size, 1, size // 2) for size in (3, 5))
        self.join = block(6 * width, 4 * width, 1, leaky)
        self.classes = nn.Conv2d(4 * width, 10, 3, padding=1)
        self.boxes = nn.Conv2d(4 * width, 4, 3, padding=1)

    def forward(self, x):
        x = self.body(x)
        x = self.join(torch.cat([x, *(pool(x) for pool in self.pools)], 1))
        return self.classes(x), torch.relu(self.boxes(x))


def detector(small):
    """A detector without anchors at stride 4."""
    return Detector(4 if small else 32), (1, 32, 32) if small else (1, 256, 256), ["classes", "boxes"]


class Attention(nn.Module):
    """Self-attention of rectified values without softmax, as Spikformer has it (Zhou et al. 2023), by linear layers."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.hidden, self.back = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x):
        batch, tokens, width = x.shape
        query, key, value = (
            torch.relu(made(x)).reshape(batch, tokens, self.heads, -1).transpose(1, 2)
            for made in (self.query, self.key, self.value)
        )
        mixed = (query @ key.transpose(-2, -1)) / tokens @ value
        mixed = mixed.transpose(1, 2).reshape(batch, tokens, width)
        x = x + torch.relu(self.out(mixed))
        return x + torch.relu(self.back(torch.relu(self.hidden(x))))


class Former(nn.Module):
    """Patches, attention, and the mean of all tokens."""

    def __init__(self, width, heads, blocks):
        super().__init__()
        self.patches = block(1, width, 4, stride=4, padding=0)
        self.blocks = nn.Sequential(*(Attention(width, heads) for _ in range(blocks)))
        self.classes = nn.Linear(width, 10)

    def forward(self, x):
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        return self.classes(self.blocks(tokens).mean(1))


def former(small):
    """A transformer of rectified attention without softmax."""
    return Former(*((16, 2, 1) if small else (256, 8, 4))), (1, 16, 16) if small else (1, 64, 64), ["logits"]


NETWORKS = {net.__name__: net for net in (resnet18, vgg, mobilenet_v2, unet, detector, former)}


def build(name, small, seed=0):
    """A network with random weights, normalised over random images: (module, image shape, names of its outputs)."""
    torch.manual_seed(seed)
    network, shape, outputs = NETWORKS[name](small)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0.0, 0.2)
            module.momentum = None  # the plain mean over all batches
    with torch.no_grad():
        network.train()(torch.rand(16 if small else 4, *shape))
    return network.eval(), shape, outputs


def export(network, shape, outputs, path, dynamo=True):
    """Write one file that holds everything, with a free batch where the exporter allows it."""
    free = {0: torch.export.Dim.DYNAMIC}
    options = {"dynamic_shapes": (free,)} if dynamo else {"dynamic_axes": {"image": {0: "batch"}}}
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (torch.rand(2, *shape),),
            str(path),
            dynamo=dynamo,
            external_data=False,
            input_names=["image"],
            output_names=outputs,
            **options,
        )


def record(network, shape, outputs, count=2, seed=1):
    """Images and what the network makes of them."""
    images = torch.rand(count, *shape, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        values = network(images)
    values = values if isinstance(values, tuple) else (values,)
    return {"images": images.numpy(), **{name: value.numpy() for name, value in zip(outputs, values, strict=True)}}


def golden(directory):
    """Every small network by both exporters, with its images and outputs."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in NETWORKS:
        network, shape, outputs = build(name, small=True)
        for exporter in ("dynamo", "torchscript"):
            export(network, shape, outputs, directory / f"{name}.{exporter}.onnx", exporter == "dynamo")
        np.savez_compressed(directory / f"{name}.npz", **record(network, shape, outputs))


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", choices=list(NETWORKS), nargs="?")
    parser.add_argument("-o", "--out", type=Path, metavar="MODEL.onnx")
    parser.add_argument("--small", action="store_true", help="a narrow network for small images")
    parser.add_argument("--exporter", choices=["dynamo", "torchscript"], default="dynamo")
    parser.add_argument("--record", action="store_true", help="write images and outputs beside the file")
    parser.add_argument("--golden", type=Path, metavar="DIR", help="write the files of the tests, and nothing else")
    options = parser.parse_args()
    if options.golden:
        return golden(options.golden)
    if not options.network:
        parser.error("needs a network, or --golden DIR")
    path = options.out or Path(f"{options.network}.onnx")
    network, shape, outputs = build(options.network, options.small)
    export(network, shape, outputs, path, options.exporter == "dynamo")
    if options.record:
        recorded = record(network, shape, outputs)
        np.savez_compressed(path.with_suffix(".npz"), **recorded)
        np.save(path.with_suffix(".npy"), recorded["images"])
    print(f"{path}: {path.stat().st_size} bytes, images [n, {', '.join(map(str, shape))}]")
    return None


if __name__ == "__main__":
    main()
