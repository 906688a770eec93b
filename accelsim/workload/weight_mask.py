"""Which weights of a layer are not zero: those of the trace, or drawn at the layer's `weight_density`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from accelsim.workload.layer import WEIGHTED_OPS, Layer
from accelsim.workload.words import generator
from accelsim.workload.workload import Workload


def weight_mask(workload: Workload, layer: Layer) -> NDArray[np.bool_]:
    """Weights that are not zero, bool [weight rows, outputs of a group].

    Weight rows are those of all input channels, in the order kernel row, kernel column, input channel; a row's columns
    are the outputs of the group of its channel. Where the workload holds no weights, each is zero or not by itself,
    with the probability of the layer's `weight_density`, from the workload's seed: the same whatever else is drawn.
    Attention products multiply by words of another map, all of which count.
    """
    rows = layer.kernel[0] * layer.kernel[1] * layer.in_shape[0]
    if layer.op not in WEIGHTED_OPS:
        return np.ones((rows, layer.group_outputs), np.bool_)
    parameters = workload.parameters(layer.name)
    if parameters is None:
        if layer.weight_density == 1:
            return np.ones((rows, layer.group_outputs), np.bool_)
        rng = generator(workload.seed, f"weights/{layer.name}", 0)
        return rng.random((rows, layer.group_outputs)) < layer.weight_density
    grouped = (parameters.weights != 0).reshape(layer.groups, layer.group_outputs, layer.group_inputs, *layer.kernel)
    return np.ascontiguousarray(grouped.transpose(3, 4, 0, 2, 1)).reshape(rows, layer.group_outputs)
