"""ResNet-18 in the CIFAR form, with the residual form of spiking networks: both branches fire, then their words add."""

from __future__ import annotations

from convolution import Convolution
from torch import Tensor, nn

WIDTHS = (16, 32, 64, 128)


class Block(nn.Module):
    """Two convolutions and a shortcut; the shortcut has a convolution of its own where the shape changes."""

    def __init__(self, channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = Convolution(channels, out_channels, 3, stride)
        self.conv2 = Convolution(out_channels, out_channels, 3)
        changes = stride != 1 or channels != out_channels
        self.downsample = Convolution(channels, out_channels, 1, stride) if changes else None

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        return self.conv2(self.conv1(x)) + shortcut


class ResNet18(nn.Module):
    """Stem, four stages of two blocks, average over the picture, classifier. Input: [n, 1, 32, 32] in 0..1."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.stem = Convolution(1, WIDTHS[0], 3)
        stages = []
        channels = WIDTHS[0]
        for number, width in enumerate(WIDTHS):
            stages.append(nn.Sequential(Block(channels, width, 1 if number == 0 else 2), Block(width, width, 1)))
            channels = width
        self.stages = nn.ModuleList(stages)
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for stage in self.stages:
            x = stage(x)
        return self.classifier(x.mean(dim=(2, 3)))
