"""Small torch modules with packed neurons, with normalisations as training leaves them."""

from __future__ import annotations

import torch
from torch import nn

from accelsim.training.neuron import PackedNeuron
from accelsim.training.quantise import quantised


class Residual(nn.Module):
    """Two convolutions beside a shortcut; all that is added is fired by one neuron."""

    def __init__(self, timesteps: int, bits: int, **options) -> None:
        super().__init__()
        self.stem = quantised(nn.Conv2d(2, 4, 3, padding=1, bias=False), bits)
        self.norm0 = nn.BatchNorm2d(4)
        self.shared = PackedNeuron(timesteps, **options)
        self.inner = quantised(nn.Conv2d(4, 6, 3, stride=2, padding=1), bits)
        self.norm1 = nn.BatchNorm2d(6)
        self.within = PackedNeuron(timesteps, **options)
        self.outer = quantised(nn.Conv2d(6, 4, 1), bits)
        self.pool = nn.MaxPool2d(2)
        self.head = nn.Sequential(nn.AvgPool2d(2), nn.Flatten(), quantised(nn.Linear(16, 5), bits, per_channel=False))

    def forward(self, images):
        first = self.shared(self.norm0(self.stem(images)))
        second = self.shared(self.outer(self.within(self.norm1(self.inner(first)))))
        return self.head(second + self.pool(first))


class Joined(nn.Module):
    """A map beside what was made of it at half the size, in a U; a mask and a class are its two answers."""

    def __init__(self, timesteps: int, bits: int, **options) -> None:
        super().__init__()
        self.down = quantised(nn.Conv2d(2, 4, 3, padding=1, groups=2), bits)
        self.low = quantised(nn.Conv2d(4, 6, 3, padding=2, dilation=2, bias=False), bits)
        self.norm = nn.BatchNorm2d(6)
        self.fire = PackedNeuron(timesteps, **options)
        self.pool = nn.MaxPool2d(2)
        self.up = nn.Upsample(scale_factor=2)
        self.mask = quantised(nn.Conv2d(10, 3, 1), bits, per_channel=False)
        self.kind = quantised(nn.Linear(6 * 2 * 2, 4), bits, per_channel=False)

    def forward(self, images):
        first = self.fire(self.down(images))
        low = self.fire(self.norm(self.low(self.pool(first))))
        mask = self.mask(torch.cat([first, self.up(low)], dim=1))
        return mask, self.kind(torch.flatten(self.pool(low), 1))


def residual(seed: int, timesteps: int = 4, bits: int = 8, **options) -> nn.Module:
    torch.manual_seed(seed)
    return _as_trained(Residual(timesteps, bits, **options))


def joined(seed: int, timesteps: int = 4, bits: int = 8, **options) -> nn.Module:
    torch.manual_seed(seed)
    return _as_trained(Joined(timesteps, bits, **options))


def _as_trained(net: nn.Module) -> nn.Module:
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            # As a pass over images leaves them; one channel's gain is negative.
            nn.init.normal_(module.weight, 1, 0.2)
            module.weight.data[0] *= -1
            nn.init.normal_(module.bias, 0, 0.2)
    with torch.no_grad():
        net(torch.rand(32, 2, 8, 8))
        net(torch.rand(32, 2, 8, 8))
    return net.eval()
