"""A workload as a workload file: its layers, and what words like its own have to be drawn with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from accelsim.config import flow
from accelsim.workload.correlation import measure
from accelsim.workload.density import Density
from accelsim.workload.layer import ARRAY_OPS, ATTENTION_OPS, POOL_OPS, WEIGHTED_OPS, Layer
from accelsim.workload.window import describe_window
from accelsim.workload.workload import Workload

_DIGITS = 6
_LISTED_BITS = 4
"""Width of the widest words whose values are listed: fifteen numbers fit on a line."""


CORRELATIONS = ("spatial", "channel", "neighbour")


def measured_workload(workload: Workload, images: int = 1, correlations: Sequence[str] = CORRELATIONS) -> str:
    """The text of a workload file with the layers of a workload, and the densities of their first `images` images.

    Words that only pools and residual adds consume get no density: they are computed from those of their producers.
    `correlations` names those that are written down; all of them are 0 in words drawn without any.
    """
    weight_bits = max((layer.weight_bits for layer in workload.layers), default=0) or 8
    head = {
        "name": workload.name or "measured",
        "timesteps": workload.timesteps,
        "weight_bits": weight_bits,
        "images": max(images, 1),
        "note": f"densities and correlations measured in {Path(workload.source['path']).name}",
    }
    lines = [f"{key}: {flow(value)}" for key, value in head.items()]
    layers = [_layer(workload, layer, weight_bits, images, correlations) for layer in workload.layers]
    return "\n".join([*lines, "layers:", *(f"  - {flow(layer)}" for layer in layers), ""])


def _layer(
    workload: Workload, layer: Layer, weight_bits: int, images: int, correlations: Sequence[str]
) -> dict[str, Any]:
    keys: dict[str, Any] = {"name": layer.name, "op": layer.op, "inputs": list(layer.inputs)}
    if not layer.inputs:
        keys["in_shape"] = list(layer.in_shape)
    if layer.op in WEIGHTED_OPS:
        keys["out_features" if layer.op == "linear" else "out_channels"] = layer.out_shape[0]
        keys |= {"weight_bits": layer.weight_bits} if layer.weight_bits != weight_bits else {}
    keys |= _window(layer)
    keys |= {"fires": False} if layer.op in ARRAY_OPS and not layer.fires else {}
    if layer.kind == "integers" or layer.timesteps != workload.timesteps:
        keys |= {"kind": layer.kind, "timesteps": layer.timesteps}
    keys |= {"bits_per_step": layer.bits_per_step, "word_bits": layer.word_bits}
    if layer.op in ARRAY_OPS or not layer.inputs:
        words = [workload.input_words(layer.name, image) for image in range(images)]
        keys |= _density(measure(words, layer.word_bits), layer.word_bits, correlations)
    if layer.op in ATTENTION_OPS:
        second = [workload.input_words(layer.name, image, 1) for image in range(images)]
        keys["weight_density"] = round(measure(second, layer.operand_bits(1)).words, _DIGITS)
    return keys


def _window(layer: Layer) -> dict[str, Any]:
    """The keys of a layer's window that its operator has."""
    if layer.op == "linear":
        return {"groups": layer.groups} if layer.groups > 1 else {}
    keys = describe_window(layer)
    if layer.op not in ("conv2d", *POOL_OPS):
        return {key: value for key, value in keys.items() if key in ("heads", "factor")}
    return keys


def _density(density: Density, word_bits: int, correlations: Sequence[str]) -> dict[str, Any]:
    keys: dict[str, Any] = {"density": round(density.words, _DIGITS)}
    if not keys["density"]:
        return keys
    if density.values is not None and word_bits <= _LISTED_BITS:
        keys["word_shares"] = [round(share, _DIGITS) for share in density.values]
    else:
        keys["bit_density"] = [round(share, _DIGITS) for share in density.planes(word_bits) or ()]
    for name in correlations:
        if correlation := round(getattr(density, name), _DIGITS):
            keys[f"{name}_correlation"] = correlation
    return keys
