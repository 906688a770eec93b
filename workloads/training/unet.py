"""A small U-Net (Ronneberger et al., arXiv 1505.04597) with batch normalisation, padding and nearest upsampling."""

from __future__ import annotations

from itertools import pairwise

import torch
from convolution import Convolution
from scenes import CLASSES
from torch import Tensor, nn
from torch.nn import functional

WIDTHS = (12, 24, 48, 64)

BACKGROUND_LOGIT = 4.0
"""At first: most pixels are background, which then need not be learnt."""


class UNet(nn.Module):
    """Two convolutions a stage down to an eighth of the picture, one a stage up, where what was pooled away joins in.

    Input [n, 1, rows, columns] in 0..1; answers the classes' logits [n, 11, rows, columns].
    """

    def __init__(self) -> None:
        super().__init__()
        channels = (1, *WIDTHS[:-1])
        self.down = nn.ModuleList(
            nn.Sequential(Convolution(before, width), Convolution(width, width))
            for before, width in zip(channels, WIDTHS, strict=True)
        )
        self.up = nn.ModuleList(Convolution(below + beside, beside) for beside, below in pairwise(WIDTHS))
        self.classes = nn.Conv2d(WIDTHS[0], CLASSES, 1)
        nn.init.zeros_(self.classes.bias)
        with torch.no_grad():
            self.classes.bias[0] = BACKGROUND_LOGIT

    def forward(self, x: Tensor) -> Tensor:
        beside = [self.down[0](x)]
        for stage in self.down[1:]:
            beside.append(stage(functional.max_pool2d(beside[-1], 2)))
        x = beside.pop()
        for stage in reversed(self.up):
            x = stage(torch.cat([functional.interpolate(x, scale_factor=2.0, mode="nearest"), beside.pop()], dim=1))
        return self.classes(x)
