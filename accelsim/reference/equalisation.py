"""Every channel of a layer brought to the same range, so that each uses all words that its layer can fire.

A channel divided by f and weights that read it multiplied by f compute what they did, for a ReLU passes positive
factors (Nagel et al., Data-free quantization through weight equalization, ICCV 2019, section 4.1). Here f is the
range of the channel's activations in parts of its layer's, so the widest channel stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from accelsim.reference.ann import Ann, batches, walk
from accelsim.workload.layer import ATTENTION_OPS, POOL_OPS, WEIGHTED_OPS

Floats = NDArray[np.float64]

SMALLEST = 2.0**-6
"""Channels narrower than this part of their layer are treated as if they had this range: theta stays bounded."""


def equalise(ann: Ann, images: NDArray[np.floating]) -> Ann:
    """A network without negative values (`rails`) whose channels have equal ranges over `images`, where they may.

    Its outputs are what they were; a ceiling of a ReLU cuts a narrow channel off at the range that it had. Layers
    stay as they are that are outputs, operands of attention or of an `add`, or are read by a layer that only adds and
    picks channels (weights of 0 and +-1).
    """
    carried = _carried(ann)
    fixed = {name for output in ann.answers for name in carried[output]}
    for node in ann.nodes:
        read = {name for source in node.inputs for name in carried[source]}
        picks = node.name in ann.weights and _only_picks(ann.weights[node.name])
        if picks or node.op in (*ATTENTION_OPS, "add"):
            fixed |= read
    fired = {node.name for node in ann.nodes if node.op in WEIGHTED_OPS and node.name in ann.activation}
    ranges = channel_ranges(ann, images, fired - fixed)
    factors = {name: np.maximum(values / (values.max() or 1.0), SMALLEST) for name, values in ranges.items()}
    channels = {name: np.ones(shape[0]) for name, shape in ann.shapes().items()} | factors
    weights, bias = dict(ann.weights), dict(ann.bias)
    for node in ann.nodes:
        if node.op not in WEIGHTED_OPS:
            continue
        sources = carried[node.inputs[0]] if node.inputs else ("",)
        taken = np.concatenate([channels[name] for name in sources]).reshape(node.groups, 1, -1, 1, 1)
        own = weights[node.name].reshape(node.groups, -1, *weights[node.name].shape[1:])
        made = channels[node.name][:, None, None, None]
        weights[node.name] = ((own * taken).reshape(weights[node.name].shape) / made).astype(np.float32)
        bias[node.name] = bias[node.name] / channels[node.name]
    return replace(ann, weights=weights, bias=bias)


def channel_ranges(ann: Ann, images: NDArray[np.floating], names: set[str]) -> dict[str, Floats]:
    """The largest value of each channel of the named layers, float64 [channels]."""
    ranges: dict[str, Floats] = {}
    for batch in batches(ann, images):
        for name, values in walk(ann, batch, names):
            largest = values.max(axis=(0, 2, 3)).astype(np.float64)
            ranges[name] = np.maximum(ranges[name], largest) if name in ranges else largest
    return ranges


def _carried(ann: Ann) -> Mapping[str, tuple[str, ...]]:
    """The layers whose channels each node's value consists of, one after another; no name stands for the image."""
    carried: dict[str, tuple[str, ...]] = {"": ("",)}
    for node in ann.nodes:
        sources = [carried[name] for name in node.inputs or ("",)]
        if node.op == "concat":
            carried[node.name] = tuple(name for source in sources for name in source)
        elif node.op in (*POOL_OPS, "upsample", "add"):
            carried[node.name] = sources[0]
        else:
            carried[node.name] = (node.name,)
    return carried


def _only_picks(weights: NDArray[np.float32]) -> bool:
    return bool(np.isin(np.abs(weights), (0.0, 1.0)).all())
