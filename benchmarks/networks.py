"""ResNets of any image size and density, as the text of a workload file."""

from __future__ import annotations

STAGES = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
"""Residual blocks of each stage (He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, CVPR 2016)."""

IMAGE_DENSITY = 0.98
"""Share of nonzero bytes of an image."""


def resnet(depth: int, size: int, density: float, timesteps: int = 4) -> str:
    """A ResNet of that depth on size x size images of 3 bytes; every layer but the first reads words of one density."""
    layers: list[str] = []
    share = f"density: {density}"

    def conv(name: str, source: str, channels: int, kernel: int, stride: int = 1) -> str:
        shape = f"out_channels: {channels}, kernel: {kernel}, stride: {stride}, padding: {kernel // 2}"
        layers.append(f"{{name: {name}, op: conv2d, inputs: [{source}], {shape}, {share}}}")
        return name

    first = f"in_shape: [3, {size}, {size}], out_channels: 64, kernel: 7, stride: 2, padding: 3"
    layers.append(f"{{name: conv1, op: conv2d, {first}, kind: integers, density: {IMAGE_DENSITY}}}")
    layers.append("{name: pool1, op: maxpool2d, inputs: [conv1], kernel: 3, stride: 2, padding: 1}")
    source, channels = "pool1", 64
    bottleneck = depth >= 50
    for stage, blocks in enumerate(STAGES[depth]):
        width = 64 << stage
        made = 4 * width if bottleneck else width
        for number in range(blocks):
            name = f"s{stage + 1}b{number + 1}"
            stride = 2 if stage > 0 and number == 0 else 1
            if bottleneck:
                inner = conv(f"{name}a", source, width, 1)
                inner = conv(f"{name}b", inner, width, 3, stride)
                inner = conv(f"{name}c", inner, made, 1)
            else:
                inner = conv(f"{name}a", source, width, 3, stride)
                inner = conv(f"{name}b", inner, made, 3)
            short = conv(f"{name}s", source, made, 1, stride) if made != channels or stride > 1 else source
            layers.append(f"{{name: {name}, op: add, inputs: [{inner}, {short}]}}")
            source, channels = name, made
    layers.append(f"{{name: pool, op: avgpool2d, inputs: [{source}], kernel: {size // 32}}}")
    layers.append("{name: fc, op: linear, inputs: [pool], out_features: 1000, density: 0.9, fires: false}")
    head = f"name: resnet{depth}_{size}\ntimesteps: {timesteps}\nweight_bits: 8\nimages: 1\nlayers:\n"
    return head + "".join(f"  - {layer}\n" for layer in layers)
