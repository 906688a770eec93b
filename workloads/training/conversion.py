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


def to_ann(net: nn.Module, name: str, image_shape: tuple[int, int, int], outputs: tuple[str, ...]) -> Ann:
    """The network in inference mode; its answers are called `outputs`, in their order."""
    with TemporaryDirectory() as directory:
        path = Path(directory) / f"{name}.onnx"
        example = torch.zeros(1, *image_shape)
        with warnings.catch_warnings():
            # PyTorch's exporter warns of calls that it makes itself.
            for category in (DeprecationWarning, FutureWarning):
                warnings.simplefilter("ignore", category)
            torch.onnx.export(net.eval(), (example,), path, output_names=list(outputs), dynamo=True, verbose=False)
        return replace(read_onnx(path), name=name)
