"""From a trained PyTorch network to accelsim's network of real numbers: exported to ONNX and read."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import nn

from accelsim.interop.onnx import read_onnx
from accelsim.reference.ann import Ann


def to_ann(net: nn.Module, name: str, image_shape: tuple[int, int, int]) -> Ann:
    """The network in inference mode; its layers are called as the modules are, its answers too."""
    with TemporaryDirectory() as directory, warnings.catch_warnings():
        # PyTorch's exporter uses what PyTorch itself deprecates.
        warnings.simplefilter("ignore")
        path = Path(directory) / f"{name}.onnx"
        torch.onnx.export(net.eval(), (torch.zeros(1, *image_shape),), path, dynamo=True, verbose=False)
        return replace(read_onnx(path), name=name)
