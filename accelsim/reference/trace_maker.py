"""Make the trace of a network: every word that every layer consumes, with the weights to verify them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InputError, Problem
from accelsim.reference.model import Model, integer_network
from accelsim.reference.model_file import find_model, read_model
from accelsim.reference.network import Network, run
from accelsim.workload.layer import ARRAY_OPS, WEIGHTED_OPS
from accelsim.workload.trace_meta import describe_layer

LARGEST_TIMESTEPS = 16


@dataclass(frozen=True)
class TraceData:
    """The `meta` object and the arrays of a trace file, by their names in the file."""

    meta: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


def make_trace(
    name: str, timesteps: int, images: NDArray[np.integer[Any]] | None = None, weight_bits: int = 8
) -> TraceData:
    """Run the named network over images and record its words.

    `name`: see `find_model`. `images`: unsigned integers [image, channels, rows, columns], or one channel without its
    axis; without them the network's own held-out images, whose labels are recorded too. The result depends on the
    arguments and the weights file alone, bit for bit. Raises `InputError` for an unknown network, for images of
    another shape, type or range, and for a number of time steps or weight bits out of range.
    """
    problems = []
    if not 1 <= timesteps <= LARGEST_TIMESTEPS:
        problems.append(
            Problem("time steps out of range", key="timesteps", value=timesteps, allowed=f"1 to {LARGEST_TIMESTEPS}")
        )
    if not 2 <= weight_bits <= 8:
        problems.append(Problem("weight bits out of range", key="weight_bits", value=weight_bits, allowed="2 to 8"))
    model = None
    try:
        model = read_model(find_model(name))
        if images is not None:
            problems += _image_problems(model, images)
    except InputError as error:
        problems += error.problems
    if problems or model is None:
        raise InputError(problems)
    labels = model.labels if images is None else None
    pictures = model.images if images is None else images.reshape(len(images), *model.image_shape)
    return record(integer_network(model, timesteps, weight_bits), pictures, labels, model.dataset)


def record(
    network: Network,
    images: NDArray[np.integer[Any]],
    labels: NDArray[np.integer[Any]] | None = None,
    dataset: str = "",
) -> TraceData:
    """The trace of a network over images [image, channels, rows, columns].

    Operands of a layer of several are recorded as their producers' words; a layer's words stand in `out/` where no
    consumer with one input records them.
    """
    runs = [run(network, image) for image in images]
    arrays: dict[str, NDArray[Any]] = {}
    recorded = set()
    for layer in network.layers:
        if len(layer.inputs) > 1:
            continue
        source = layer.inputs[0] if layer.inputs else None
        words = np.stack([words[source] for words in runs]) if source else images
        arrays[f"in/{layer.name}"] = words.astype(_smallest_unsigned(layer.word_bits))
        recorded.add(source)
    for layer in network.layers:
        if layer.name not in recorded:
            words = np.stack([words[layer.name] for words in runs])
            dtype = _smallest_unsigned(layer.out_word_bits) if not layer.signed else _accumulator_dtype(words)
            arrays[f"out/{layer.name}"] = words.astype(dtype)
        if layer.op in ARRAY_OPS and not layer.computed:
            parameters = network.parameters[layer.name]
            if layer.op in WEIGHTED_OPS:
                arrays[f"weights/{layer.name}"] = parameters.weights
            arrays[f"bias/{layer.name}"] = parameters.bias
            arrays[f"theta/{layer.name}"] = parameters.theta
    if labels is not None:
        arrays["labels"] = labels.astype(np.int64)
    meta = {
        "format": "accelsim-trace",
        "version": 1,
        "network": network.name,
        "dataset": dataset,
        "images": len(images),
        "timesteps": network.timesteps,
        "encoding": {
            "form": "packed",
            "neuron": "spikepack",
            "tau": 2,
            "reset": "subtract",
            "comparator": network.comparator,
        },
        "bit_order": "first step = most significant bit",
        "layers": [describe_layer(layer) for layer in network.layers],
    }
    return TraceData(meta, arrays)


def _smallest_unsigned(bits: int) -> type[np.unsignedinteger[Any]]:
    return np.uint8 if bits <= 8 else np.uint16 if bits <= 16 else np.uint32


def _accumulator_dtype(words: NDArray[np.int64]) -> type[np.signedinteger[Any]]:
    return np.int32 if np.abs(words).max(initial=0) < 1 << 31 else np.int64


def _image_problems(model: Model, images: NDArray[Any]) -> list[Problem]:
    shape = model.image_shape
    shapes = [shape] if shape[0] > 1 else [shape, shape[1:]]
    problems = []
    if images.ndim < 1 or len(images) == 0 or images.shape[1:] not in shapes:
        allowed = " or ".join(f"[image, {', '.join(map(str, form))}]" for form in shapes)
        problems.append(Problem("images of the wrong shape", key="images", value=images.shape, allowed=allowed))
    largest = 2**model.image_bits - 1
    if not np.issubdtype(images.dtype, np.integer):
        problems.append(
            Problem("images are not integers", key="images", value=str(images.dtype), allowed=f"0 to {largest}")
        )
    elif images.size and (images.min() < 0 or images.max() > largest):
        value = f"{images.min()} to {images.max()}"
        problems.append(Problem("pixels out of range", key="images", value=value, allowed=f"0 to {largest}"))
    return problems
