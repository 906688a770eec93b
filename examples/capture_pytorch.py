"""From a PyTorch network to a report, by forward hooks: run `python examples/capture_pytorch.py` in the checkout."""

import json

import numpy as np
from torch import nn, randint, stack

from accelsim.cli import main


def capture(network, frames, path):
    """Write what each conv2d and linear layer consumes, one frame [1, C, H, W] a time step, for `trace import`."""
    keys = {nn.Conv2d: ("out_channels", "kernel_size", "stride", "padding"), nn.Linear: ("out_features",)}
    layers, seen = {}, {}  # seen: in the order of execution, which the import needs
    for name, module in network.named_modules():
        if type(module) in keys:
            layers[name] = {"name": name, "op": type(module).__name__.lower()}
            layers[name] |= {key.removesuffix("_size"): getattr(module, key) for key in keys[type(module)]}
            module.register_forward_pre_hook(lambda _, x, name=name: seen.setdefault(name, []).append(x[0][0].detach()))
    for frame in frames:
        network(frame)
    forms = {name: "spikes" if stack(steps).max() < 16 else "integers, 8 bit" for name, steps in seen.items()}
    np.savez(f"{path}.npz", **{name: stack(steps).numpy() for name, steps in seen.items()})
    with open(f"{path}.layers.yaml", "w") as file:
        json.dump({"layers": [layers[name] | {"input": forms[name]} for name in seen]}, file)  # JSON is YAML


class Fire(nn.Module):  # integrate, fire at 1, subtract 1
    def forward(self, current):
        level = getattr(self, "level", 0.0) + current
        self.level = level - (level >= 1).float()
        return (level >= 1).float()


if __name__ == "__main__":
    body = [nn.Conv2d(1, 16, 3, padding=1), Fire(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), Fire()]
    network = nn.Sequential(*body, nn.Flatten(), nn.Linear(2048, 10))
    capture(network, [randint(256, (1, 1, 16, 16)).float()] * 4, "raw")
    main(["trace", "import", "raw.npz", "--layers", "raw.layers.yaml", "-o", "raw.trace.npz"])
    main(["run", "arch_configs/spikepack.yaml", "raw.trace.npz"])
