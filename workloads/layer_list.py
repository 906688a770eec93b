"""Lists of layers as text: what the networks of make.py are written with."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from accelsim.config import flow


@dataclass(frozen=True)
class Spikes:
    """How the words that a layer consumes are distributed, as keys of a workload file say it."""

    density: float
    bit_density: float | tuple[float, ...]
    channel_correlation: float = 0.0
    neighbour_correlation: float = 0.0

    def keys(self) -> dict[str, Any]:
        return {key: value for key, value in vars(self).items() if value}

    def before_pooling(self) -> Spikes:
        """Of the map that 2x2 or 3x3 max pooling makes these words of: an estimate, half as many."""
        bits = self.bit_density if isinstance(self.bit_density, tuple) else (self.bit_density,)
        halves = tuple(round(share / 2, 4) for share in bits)
        scalar = halves if isinstance(self.bit_density, tuple) else halves[0]
        return Spikes(round(self.density / 2, 4), scalar, self.channel_correlation, self.neighbour_correlation)


VGG16 = [
    Spikes(0.211, (0.143, 0.197, 0.155, 0.2), 0.47, 0.77),
    Spikes(0.21, (0.158, 0.172, 0.156, 0.169), 0.173, 0.537),
    Spikes(0.291, (0.205, 0.232, 0.206, 0.229), 0.062, 0.657),
    Spikes(0.219, (0.15, 0.172, 0.152, 0.167), 0.019, 0.584),
    Spikes(0.229, (0.156, 0.174, 0.156, 0.171), 0, 0.614),
    Spikes(0.221, (0.15, 0.165, 0.151, 0.165), 0.022, 0.619),
    Spikes(0.205, (0.13, 0.155, 0.135, 0.155), 0.016, 0.46),
    Spikes(0.257, (0.183, 0.198, 0.189, 0.197), 0.192, 0.531),
    Spikes(0.612, (0.533, 0.55, 0.536, 0.552), 0.457, 0.494),
    Spikes(0.394, (0.261, 0.346, 0.259, 0.343), 0, 0.56),
    Spikes(0.469, (0.365, 0.412, 0.369, 0.406), 0, 0.157),
    Spikes(0.604, (0.549, 0.574, 0.551, 0.575), 0.08, 0.199),
    Spikes(0.371, (0.282, 0.297, 0.279, 0.301)),
]
"""What conv1 to conv12 and fc0 of a trained VGG-16 consumed for one CIFAR-10 image, T = 4 (`MEASURED`)."""

MEASURED = (
    "Densities and correlations are measured: spikes of a trained VGG-16 for one CIFAR-10 image at T = 4, from the "
    "data of LoAS (Yin et al., MICRO 2024) as Prosperity publishes them (github.com/dubcyfor3/Prosperity, MIT "
    "licence). Those of maps before pooling are estimates: half of what is behind it."
)

CHAIN = Spikes(0.23, 0.16, 0.05, 0.6)
CHAIN_NOTE = (
    "Densities are estimates: 0.23 nonzero words, 0.16 set bits and the correlations of the middle layers of "
    "vgg16_cifar.yaml, which are measured, half of it before pooling."
)

RESIDUAL = Spikes(0.42, 0.14, 0.05, 0.6)
RESIDUAL_NOTE = (
    "Densities are estimates: those of the words between the convolutions of a block were measured at 0.35 to 0.51 "
    "nonzero words and 0.12 to 0.17 set bits in traces/resnet18_digits.npz, a ResNet-18 of width 16; all such words "
    "get 0.42 and 0.14 here. Words behind a residual add are the sums of what its branches draw, so denser and wider. "
    "Correlations are those of the middle layers of vgg16_cifar.yaml."
)

IMAGE_NOTE = "The image is 8-bit noise."


@dataclass
class Layers:
    """A list of layers under way; methods append a layer and return its name.

    Layers with weights consume words distributed as `spikes`, unless they consume what pools, sums and joins compute.
    """

    image: tuple[int, int, int]
    spikes: Spikes
    lines: list[str] = field(default_factory=list)
    _computed: set[str] = field(default_factory=set)

    def add(self, name: str, op: str, inputs: Sequence[str], **keys: Any) -> str:
        self.lines.append(f"  - {flow({'name': name, 'op': op, 'inputs': list(inputs), **keys})}")
        return name

    def gap(self, title: str) -> None:
        self.lines += ["", f"  # {title}"]

    def conv(
        self, name: str, source: str | None, channels: int, kernel: int, spikes: Spikes | None = None, **keys: Any
    ) -> str:
        keys = {"out_channels": channels, "kernel": kernel, **keys}
        if kernel > 1:
            keys.setdefault("padding", kernel // 2)
        if source is None:
            drawn = {"kind": "integers", "density": 1.0}
            self.lines.append(f"  - {flow({'name': name, 'op': 'conv2d', 'in_shape': self.image, **keys, **drawn})}")
            return name
        return self.add(name, "conv2d", [source], **keys, **self._drawn(source, spikes))

    def linear(self, name: str, source: str, features: int, spikes: Spikes | None = None, **keys: Any) -> str:
        return self.add(name, "linear", [source], out_features=features, **keys, **self._drawn(source, spikes))

    def maxpool(self, name: str, source: str, kernel: int = 2, stride: int = 2, spikes: Spikes | None = None) -> str:
        window = (
            {"kernel": kernel} if kernel == stride else {"kernel": kernel, "stride": stride, "padding": kernel // 2}
        )
        return self.add(name, "maxpool2d", [source], **window, **(spikes or self.spikes).before_pooling().keys())

    def computed(self, name: str, op: str, *inputs: str, **keys: Any) -> str:
        """A layer whose words follow from what it consumes, which is drawn like all spikes where it must be."""
        self._computed.add(name)
        drawn = {} if self._computed.issuperset(inputs) else self.spikes.keys()
        return self.add(name, op, inputs, **keys, **drawn)

    def attention(self, name: str, op: str, first: str, second: str, heads: int, **keys: Any) -> str:
        """A product of attention; that of queries and keys has no neurons, so that its words are computed."""
        if not keys.get("fires", True):
            self._computed.add(name)
        drawn = {} if first in self._computed else self.spikes.keys()
        return self.add(name, op, [first, second], heads=heads, weight_density=self.spikes.density, **keys, **drawn)

    def _drawn(self, source: str, spikes: Spikes | None) -> dict[str, Any]:
        return {} if source in self._computed else (spikes or self.spikes).keys()


@dataclass(frozen=True)
class Network:
    """A workload file: `about` becomes the comment at its head."""

    about: str
    note: str
    layers: Layers

    def text(self, name: str) -> str:
        paragraphs = [f"{self.about} Written by workloads/make.py.", f"{self.note} {IMAGE_NOTE}"]
        comments = [textwrap.fill(text, 118, initial_indent="# ", subsequent_indent="# ") for text in paragraphs]
        measured = "measured" if self.note == MEASURED else "estimates"
        head = [f"name: {name}", "timesteps: 4", "weight_bits: 8", f"note: densities are {measured}", "layers:"]
        lines = self.layers.lines[0 if self.layers.lines[0] else 1 :]
        return "\n#\n".join(comments) + "\n\n" + "\n".join([*head, *lines]) + "\n"
