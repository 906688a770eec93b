"""A workload as a workload file: its layers, and what words like its own have to be drawn with."""

from __future__ import annotations

import json
import re
from typing import Any

from accelsim.workload.correlation import measure
from accelsim.workload.density import Density
from accelsim.workload.layer import ARRAY_OPS, Layer
from accelsim.workload.workload import Workload

_DIGITS = 6
_LISTED_BITS = 4
"""Width of the widest words whose values are listed: fifteen numbers fit on a line."""

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.]*")
_WORDS = ("true", "false", "yes", "no", "on", "off", "y", "n", "null")
"""What would not be read back as text without quotation marks."""


def measured_workload(workload: Workload, images: int = 1) -> str:
    """The text of a workload file with the layers of a workload, and the densities of their first `images` images.

    Words that only pools and residual adds consume get no density: they are computed from those of their producers.
    """
    weight_bits = max((layer.weight_bits for layer in workload.layers), default=0) or 8
    head = {
        "name": workload.name or "measured",
        "timesteps": workload.timesteps,
        "weight_bits": weight_bits,
        "images": max(images, 1),
        "note": f"densities and correlations measured in {workload.source.get('path', workload.name)}",
    }
    lines = [f"{key}: {_flow(value)}" for key, value in head.items()]
    layers = [_layer(workload, layer, weight_bits, images) for layer in workload.layers]
    return "\n".join([*lines, "layers:", *(f"  - {_flow(layer)}" for layer in layers), ""])


def _layer(workload: Workload, layer: Layer, weight_bits: int, images: int) -> dict[str, Any]:
    weighted = layer.op in ARRAY_OPS
    keys: dict[str, Any] = {"name": layer.name, "op": layer.op}
    keys["inputs"] = list(layer.inputs)
    keys["in_shape"] = list(layer.in_shape)
    if weighted:
        keys["out_features" if layer.op == "linear" else "out_channels"] = layer.out_shape[0]
    if layer.op not in ("linear", "add"):
        keys |= {"kernel": list(layer.kernel), "stride": list(layer.stride), "padding": list(layer.padding)}
    if weighted and layer.weight_bits != weight_bits:
        keys["weight_bits"] = layer.weight_bits
    if not layer.fires:
        keys["fires"] = False
    keys |= {"kind": layer.kind, "timesteps": layer.timesteps, "bits_per_step": layer.bits_per_step}
    keys["word_bits"] = layer.word_bits
    if weighted or not layer.inputs:
        words = [workload.input_words(layer.name, image) for image in range(images)]
        keys |= _density(measure(words, layer.word_bits), layer.word_bits)
    return keys


def _density(density: Density, word_bits: int) -> dict[str, Any]:
    keys: dict[str, Any] = {"density": round(density.words, _DIGITS)}
    if not keys["density"]:
        return keys
    if density.values is not None and word_bits <= _LISTED_BITS:
        keys["word_shares"] = [round(share, _DIGITS) for share in density.values]
    else:
        keys["bit_density"] = [round(share, _DIGITS) for share in density.planes(word_bits) or ()]
    for name in ("spatial", "channel", "neighbour"):
        if correlation := round(getattr(density, name), _DIGITS):
            keys[f"{name}_correlation"] = correlation
    return keys


def _flow(value: Any) -> str:
    """A value on one line of YAML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value)
