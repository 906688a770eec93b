"""Train a network of workloads/ and convert it to SpikePack; the README.md of its directory shows what came of it.

`train.py ship NAME` writes the files of workloads/NAME/ that a trace is made from. `train.py validate NAME` judges the
network on data that it has not seen and writes accuracy.json there.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

import torch

NETWORKS = ("resnet18_digits", "vgg_digits", "detector_scenes", "unet_scenes")
"""Each a module of this directory, with functions `ship` and `validate` that take the network's directory."""

WORKLOADS = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=("ship", "validate"))
    parser.add_argument("network", choices=NETWORKS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    getattr(import_module(arguments.network), arguments.task)(WORKLOADS / arguments.network)


if __name__ == "__main__":
    main()
