"""Make the trace of a network: every word that every layer consumes, with the weights to verify them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InputError, Problem
from accelsim.reference.image_words import image_problems, image_words
from accelsim.reference.model import Model, integer_network
from accelsim.reference.network import Network, run
from accelsim.workload.layer import ARRAY_OPS, WEIGHTED_OPS
from accelsim.workload.trace_meta import describe_layer
from accelsim.workload.words import smallest_unsigned

LARGEST_TIMESTEPS = 16


@dataclass(frozen=True)
class TraceData:
    """The `meta` object and the arrays of a trace file, by their names in the file."""

    meta: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


def make_trace(model: Model, timesteps: int, images: NDArray[Any] | None = None, weight_bits: int = 8) -> TraceData:
    """Run a network over images and record its words.

    `images`: words as `Model.encode` makes them, or real numbers as the network eats them, [image, channels, rows,
    columns], or one channel without its axis; without them the model's own held-out images, whose labels are recorded
    too. The result depends on the arguments alone, bit for bit. Raises `InputError` for images of another shape, type
    or range, and for a number of time steps or weight bits out of range.
    """
    problems = []
    if not 1 <= timesteps <= LARGEST_TIMESTEPS:
        problems.append(
            Problem("time steps out of range", key="timesteps", value=timesteps, allowed=f"1 to {LARGEST_TIMESTEPS}")
        )
    if not 1 <= weight_bits <= 8:
        problems.append(Problem("weight bits out of range", key="weight_bits", value=weight_bits, allowed="1 to 8"))
    if images is not None:
        problems += image_problems(model, images)
    elif not len(model.images):
        problems.append(Problem("the network brings no images of its own", key="images", allowed="images of yours"))
    if problems:
        raise InputError(problems)
    network = integer_network(model, timesteps, weight_bits)
    if images is None:
        labels = model.labels if len(model.labels) else None
        return record(network, model.encode(model.images), labels, model.dataset)
    return record(network, image_words(model, images), None, model.dataset)


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
    arrays: dict[str, NDArray[Any]] = {}
    sources: dict[str, str] = {}
    recorded = set()
    for layer in network.layers:
        if len(layer.inputs) < 2:
            source = layer.inputs[0] if layer.inputs else ""
            dtype = smallest_unsigned(layer.word_bits)
            arrays[f"in/{layer.name}"] = np.empty((len(images), *layer.in_shape), dtype=dtype)
            sources[f"in/{layer.name}"] = source
            recorded.add(source)
    for layer in network.layers:
        if layer.name not in recorded:
            # Accumulators are cut down once all are known.
            wide = np.int64 if layer.signed else smallest_unsigned(layer.out_word_bits)
            arrays[f"out/{layer.name}"] = np.empty((len(images), *layer.out_shape), dtype=wide)
            sources[f"out/{layer.name}"] = layer.name
    for number, image in enumerate(images):
        words = {"": image, **run(network, image)}
        for name, source in sources.items():
            arrays[name][number] = words[source].reshape(arrays[name].shape[1:])
    for layer in network.layers:
        if layer.signed and f"out/{layer.name}" in arrays:
            words_out = arrays[f"out/{layer.name}"]
            arrays[f"out/{layer.name}"] = words_out.astype(_accumulator_dtype(words_out))
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


def _accumulator_dtype(words: NDArray[np.int64]) -> type[np.signedinteger[Any]]:
    return np.int32 if np.abs(words).max(initial=0) < 1 << 31 else np.int64
