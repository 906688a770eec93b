"""A VGG of eight layers (Simonyan and Zisserman, arXiv 1409.1556), narrow, with batch normalisation."""

from __future__ import annotations

import torch
from convolution import Convolution
from torch import Tensor, nn

WIDTHS = (16, 32, 64)
HIDDEN = 64


class VGG8(nn.Module):
    """Three stages of two 3x3 convolutions and a 2x2 max pool, two linear layers. Input: [n, 1, 32, 32] in 0..1."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        stages: list[nn.Module] = []
        channels = 1
        for width in WIDTHS:
            stages += [Convolution(channels, width), Convolution(width, width), nn.MaxPool2d(2)]
            channels = width
        side = 32 >> len(WIDTHS)
        self.stages = nn.Sequential(*stages)
        self.hidden = nn.Linear(channels * side * side, HIDDEN)
        self.classifier = nn.Linear(HIDDEN, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stages(x).flatten(1)
        return self.classifier(torch.relu(self.hidden(x)))
