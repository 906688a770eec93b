"""Writes the layer lists of workloads/: networks of the literature, with densities to draw their spikes at.

    python workloads/make.py                 # writes all of them
    python workloads/make.py vgg16_cifar     # writes some

tests/workloads/test_make.py compares their weights and multiply-accumulates with published figures.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from layer_list import CHAIN, CHAIN_NOTE, MEASURED, RESIDUAL, RESIDUAL_NOTE, VGG16, Layers, Network, Spikes

DIRECTORY = Path(__file__).parent


def classify(layers: Layers, source: str, classes: int) -> None:
    """The mean over the map, then one linear layer."""
    layers.gap("head")
    pooled = layers.computed("avgpool", "avgpool2d", source, kernel="global")
    layers.linear("fc", pooled, classes, fires=False)


VGG_STAGES = {11: (1, 1, 2, 2, 2), 16: (2, 2, 3, 3, 3)}


def vgg(depth: int, size: int) -> Network:
    layers = Layers((3, size, size), CHAIN)
    measured = depth == 16 and size == 32
    consumed: Iterator[Spikes | None] = iter(VGG16 if measured else [None] * 16)
    source: str | None = None
    number = 0
    following: Spikes | None = None
    for stage, convolutions in enumerate(VGG_STAGES[depth]):
        layers.gap(f"stage {stage + 1}")
        channels = min(512, 64 << stage)
        for _ in range(convolutions):
            source = layers.conv(f"conv{number}", source, channels, 3, following)
            following = next(consumed)
            number += 1
        source = layers.maxpool(f"pool{stage}", source, spikes=following)
    assert source is not None
    layers.gap("head")
    if size == 32:
        layers.linear("fc", source, 10, following, fires=False)
    else:
        layers.linear("fc2", layers.linear("fc1", layers.linear("fc0", source, 4096), 4096), 1000, fires=False)
    form = "in its CIFAR form, with one linear layer" if size == 32 else "for ImageNet, with three linear layers"
    about = f"VGG-{depth} (Simonyan and Zisserman, ICLR 2015, arXiv 1409.1556) {form}."
    return Network(about, MEASURED if measured else CHAIN_NOTE, layers)


def vgg9() -> Network:
    layers = Layers((3, 32, 32), CHAIN)
    source: str | None = None
    number = 0
    for stage, (channels, convolutions) in enumerate(((64, 2), (128, 2), (256, 3))):
        layers.gap(f"stage {stage + 1}")
        for _ in range(convolutions):
            source = layers.conv(f"conv{number}", source, channels, 3)
            number += 1
        assert source is not None
        source = layers.maxpool(f"pool{stage}", source)
    assert source is not None
    layers.gap("head")
    layers.linear("fc1", layers.linear("fc0", source, 1024), 10, fires=False)
    about = (
        "VGG-9 as spiking networks for CIFAR-10 use it (Lee et al., Frontiers in Neuroscience 14:119, 2020, arXiv "
        "1903.06379: 64C3-64C3-P2-128C3-128C3-P2-256C3-256C3-256C3-P2-1024FC-10), with max in place of average pools."
    )
    return Network(about, CHAIN_NOTE, layers)


def alexnet_cifar() -> Network:
    layers = Layers((3, 32, 32), CHAIN)
    source = layers.conv("conv0", None, 64, 11, stride=4)
    source = layers.maxpool("pool0", source)
    source = layers.conv("conv1", source, 192, 5)
    source = layers.maxpool("pool1", source)
    for number, channels in ((2, 384), (3, 256), (4, 256)):
        source = layers.conv(f"conv{number}", source, channels, 3)
    source = layers.maxpool("pool2", source)
    layers.linear("fc", source, 10, fires=False)
    about = (
        "AlexNet (Krizhevsky, arXiv 1404.5997, the form of one column) cut down to CIFAR as "
        "github.com/bearpaw/pytorch-classification does it."
    )
    return Network(about, CHAIN_NOTE, layers)


def alexnet_imagenet() -> Network:
    layers = Layers((3, 224, 224), CHAIN)
    source = layers.conv("conv0", None, 64, 11, stride=4, padding=2)
    source = layers.add("pool0", "maxpool2d", [source], kernel=3, stride=2, **CHAIN.before_pooling().keys())
    source = layers.conv("conv1", source, 192, 5)
    source = layers.add("pool1", "maxpool2d", [source], kernel=3, stride=2, **CHAIN.before_pooling().keys())
    for number, channels in ((2, 384), (3, 256), (4, 256)):
        source = layers.conv(f"conv{number}", source, channels, 3)
    source = layers.add("pool2", "maxpool2d", [source], kernel=3, stride=2, **CHAIN.before_pooling().keys())
    layers.linear("fc2", layers.linear("fc1", layers.linear("fc0", source, 4096), 4096), 1000, fires=False)
    about = "AlexNet for ImageNet (Krizhevsky, arXiv 1404.5997, the form of one column, as torchvision has it)."
    return Network(about, CHAIN_NOTE, layers)


RESNET_BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}


def resnet(depth: int, size: int) -> Network:
    layers = Layers((3, size, size), RESIDUAL)
    if size == 32:
        source = layers.conv("conv1", None, 64, 3)
    else:
        source = layers.conv("conv1", None, 64, 7, stride=2)
        source = layers.maxpool("maxpool", source, 3, 2)
    block = bottleneck if depth == 50 else basic_block
    for stage, blocks in enumerate(RESNET_BLOCKS[depth]):
        layers.gap(f"stage {stage + 1}")
        for number in range(blocks):
            stride = 2 if stage and not number else 1
            changes = stride == 2 or (block is bottleneck and not number)
            source = block(layers, f"layer{stage + 1}.{number}", source, 64 << stage, stride, changes)
    classify(layers, source, 10 if size == 32 else 1000)
    form = "in its CIFAR form (3x3 stem without pooling)" if size == 32 else "for ImageNet"
    kind = (
        "bottlenecks that stride in their 3x3 convolution, as torchvision has them" if depth == 50 else "basic blocks"
    )
    about = f"ResNet-{depth} {form}: {kind} (He et al., CVPR 2016, arXiv 1512.03385), projection shortcuts."
    return Network(about, RESIDUAL_NOTE, layers)


def resnet19() -> Network:
    layers = Layers((3, 32, 32), RESIDUAL)
    source = layers.conv("conv1", None, 128, 3)
    for stage, (channels, blocks) in enumerate(((128, 3), (256, 3), (512, 2))):
        layers.gap(f"stage {stage + 1}")
        for number in range(blocks):
            stride = 2 if stage and not number else 1
            source = basic_block(layers, f"layer{stage + 1}.{number}", source, channels, stride, stride == 2)
    layers.gap("head")
    pooled = layers.computed("avgpool", "avgpool2d", source, kernel="global")
    layers.linear("fc2", layers.linear("fc1", pooled, 256), 10, fires=False)
    about = "ResNet-19 for CIFAR, a ResNet made for spiking networks (Zheng et al., AAAI 2021, arXiv 2011.05280)."
    return Network(about, RESIDUAL_NOTE, layers)


def basic_block(layers: Layers, name: str, source: str, channels: int, stride: int, changes: bool) -> str:
    first = layers.conv(f"{name}.conv1", source, channels, 3, stride=stride)
    second = layers.conv(f"{name}.conv2", first, channels, 3)
    shortcut = layers.conv(f"{name}.downsample", source, channels, 1, stride=stride) if changes else source
    return layers.computed(f"{name}.add", "add", second, shortcut)


def bottleneck(layers: Layers, name: str, source: str, channels: int, stride: int, changes: bool) -> str:
    first = layers.conv(f"{name}.conv1", source, channels, 1)
    second = layers.conv(f"{name}.conv2", first, channels, 3, stride=stride)
    third = layers.conv(f"{name}.conv3", second, 4 * channels, 1)
    shortcut = layers.conv(f"{name}.downsample", source, 4 * channels, 1, stride=stride) if changes else source
    return layers.computed(f"{name}.add", "add", third, shortcut)


MOBILENET = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Expansion, channels, blocks and stride of the first block of each stage: table 2 of the paper."""


def mobilenetv2(size: int) -> Network:
    layers = Layers((3, size, size), CHAIN)
    small = size == 32
    source, channels = layers.conv("conv0", None, 32, 3, stride=1 if small else 2), 32
    for stage, (expansion, wide, blocks, first_stride) in enumerate(MOBILENET):
        layers.gap(f"stage {stage + 1}")
        for number in range(blocks):
            name = f"block{stage + 1}.{number}"
            stride = first_stride if not number and not (small and stage == 1) else 1
            inner = layers.conv(f"{name}.expand", source, expansion * channels, 1) if expansion > 1 else source
            depthwise = {"groups": expansion * channels, "stride": stride}
            inner = layers.conv(f"{name}.depthwise", inner, expansion * channels, 3, **depthwise)
            made = layers.conv(f"{name}.project", inner, wide, 1)
            source = layers.computed(f"{name}.add", "add", made, source) if number else made
            channels = wide
    source = layers.conv("conv1", source, 1280, 1)
    classify(layers, source, 10 if small else 1000)
    form = "in its CIFAR form (no stride in the stem and in stage 2)" if small else "for ImageNet"
    about = f"MobileNetV2 (Sandler et al., CVPR 2018, arXiv 1801.04381) {form}; neurons behind projections fire too."
    return Network(about, CHAIN_NOTE, layers)


def spikformer(blocks: int, width: int, heads: int, size: int) -> Network:
    layers = Layers((3, size, size), CHAIN)
    layers.gap("spiking patch splitting and relative position embedding")
    source: str | None = None
    for number in range(4):
        source = layers.conv(f"sps.conv{number}", source, width >> (3 - number), 3)
        if size > 32 or number > 1:
            source = layers.maxpool(f"sps.pool{number}", source, 3, 2)
    assert source is not None
    source = layers.computed("rpe.add", "add", layers.conv("rpe.conv", source, width, 3), source)
    for number in range(blocks):
        name = f"block{number}"
        layers.gap(f"block {number}")
        query, key, value = (layers.conv(f"{name}.{part}", source, width, 1) for part in "qkv")
        scores = layers.attention(f"{name}.scores", "attention_scores", query, key, heads, fires=False)
        mixed = layers.attention(f"{name}.values", "attention_values", scores, value, heads)
        source = layers.computed(f"{name}.add1", "add", layers.conv(f"{name}.proj", mixed, width, 1), source)
        hidden = layers.conv(f"{name}.fc1", source, 4 * width, 1)
        source = layers.computed(f"{name}.add2", "add", layers.conv(f"{name}.fc2", hidden, width, 1), source)
    classify(layers, source, 10 if size == 32 else 1000)
    about = (
        f"Spikformer-{blocks}-{width} for {'CIFAR' if size == 32 else 'ImageNet'} (Zhou et al., ICLR 2023, arXiv "
        f"2209.15425): {blocks} encoder blocks, {width} channels, {heads} heads, linear layers written as 1x1 "
        "convolutions over the map of tokens. Scores are sums of products, without neurons, as in the paper."
    )
    return Network(about, CHAIN_NOTE, layers)


def unet() -> Network:
    layers = Layers((3, 256, 256), CHAIN)

    def double(name: str, source: str | None, middle: int, channels: int) -> str:
        return layers.conv(f"{name}.conv2", layers.conv(f"{name}.conv1", source, middle, 3), channels, 3)

    layers.gap("way down")
    skips = [double("down0", None, 64, 64)]
    for number, channels in enumerate((128, 256, 512, 512), 1):
        pooled = layers.maxpool(f"down{number}.pool", skips[-1])
        skips.append(double(f"down{number}", pooled, channels, channels))
    source = skips.pop()
    layers.gap("way up")
    for number, (middle, channels) in enumerate(((512, 256), (256, 128), (128, 64), (64, 64)), 1):
        larger = layers.computed(f"up{number}.upsample", "upsample", source, factor=2)
        joined = layers.computed(f"up{number}.concat", "concat", skips.pop(), larger)
        source = double(f"up{number}", joined, middle, channels)
    layers.conv("out", source, 2, 1, fires=False)
    about = (
        "U-Net (Ronneberger et al., MICCAI 2015, arXiv 1505.04597) with padding, and with upsampling in place of "
        "transposed convolutions, as github.com/milesial/Pytorch-UNet has it with bilinear=True; spikes are repeated, "
        "not interpolated. Images of 256 x 256."
    )
    return Network(about, CHAIN_NOTE, layers)


def yolov3_tiny() -> Network:
    layers = Layers((3, 416, 416), CHAIN)
    source: str | None = None
    route = ""
    for number, channels in enumerate((16, 32, 64, 128, 256, 512)):
        source = layers.conv(f"conv{number}", source, channels, 3)
        if channels == 256:
            route = source
        source = layers.maxpool(f"pool{number}", source) if number < 5 else layers.maxpool("pool5", source, 3, 1)
    assert source is not None
    source = layers.conv("conv6", source, 1024, 3)
    neck = layers.conv("conv7", source, 256, 1)
    layers.gap("large objects, 13 x 13")
    layers.conv("out1", layers.conv("conv8", neck, 512, 3), 255, 1, fires=False)
    layers.gap("small objects, 26 x 26")
    larger = layers.computed("upsample", "upsample", layers.conv("conv9", neck, 128, 1), factor=2)
    joined = layers.computed("concat", "concat", larger, route)
    layers.conv("out2", layers.conv("conv10", joined, 256, 3), 255, 1, fires=False)
    about = (
        "YOLOv3-tiny (Redmon and Farhadi, arXiv 1804.02767; cfg/yolov3-tiny.cfg of github.com/pjreddie/darknet), a "
        "detector for images of 416 x 416. Its pool of stride 1 is 3x3 here and 2x2 there, where it pads on one side "
        "only."
    )
    return Network(about, CHAIN_NOTE, layers)


NETWORKS: dict[str, Callable[[], Network]] = {
    "alexnet_cifar": alexnet_cifar,
    "alexnet_imagenet": alexnet_imagenet,
    "mobilenetv2_cifar": lambda: mobilenetv2(32),
    "mobilenetv2_imagenet": lambda: mobilenetv2(224),
    "resnet18_cifar_w64": lambda: resnet(18, 32),
    "resnet18_imagenet": lambda: resnet(18, 224),
    "resnet19_cifar": resnet19,
    "resnet34_cifar": lambda: resnet(34, 32),
    "resnet34_imagenet": lambda: resnet(34, 224),
    "resnet50_cifar": lambda: resnet(50, 32),
    "resnet50_imagenet": lambda: resnet(50, 224),
    "spikformer_cifar": lambda: spikformer(4, 384, 12, 32),
    "spikformer_imagenet": lambda: spikformer(8, 512, 8, 224),
    "unet_256": unet,
    "vgg9_cifar": vgg9,
    "vgg11_cifar": lambda: vgg(11, 32),
    "vgg11_imagenet": lambda: vgg(11, 224),
    "vgg16_cifar": lambda: vgg(16, 32),
    "vgg16_imagenet": lambda: vgg(16, 224),
    "yolov3_tiny_416": yolov3_tiny,
}


def main(names: Sequence[str]) -> None:
    unknown = [name for name in names if name not in NETWORKS]
    if unknown:
        raise SystemExit(f"no such network: {', '.join(unknown)} (networks: {', '.join(NETWORKS)})")
    for name in names or NETWORKS:
        (DIRECTORY / f"{name}.yaml").write_text(NETWORKS[name]().text(name), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
