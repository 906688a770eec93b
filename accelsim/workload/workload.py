"""A network together with the words that flow through it: what a simulation consumes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from accelsim.workload.layer import Layer


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Parameters:
    """Integer parameters of a layer with weights.

    The neuron fires the word z = clip(floor((U + bias) / theta), 0, 2^T - 1), U being the sum of weight times input
    word (FACTS: SpikePack, closed form at tau = 2 with ">="); `bias` already holds the rounding term theta // 2.
    For a layer that does not fire, `theta` is all ones and the accumulators are U + bias.
    """

    weights: NDArray[np.int8]  # [out_channels, in_channels, kernel rows, kernel columns]
    bias: NDArray[np.int64]  # [out_channels]
    theta: NDArray[np.int64]  # [out_channels], > 0


class Workload(Protocol):
    """Layers in execution order (producers first) and the words of each image.

    Words are unsigned integers of shape (channels, rows, columns); image numbers beyond `images` wrap round.
    """

    name: str
    layers: tuple[Layer, ...]
    timesteps: int
    images: int
    seed: int  # of everything that is drawn
    drawn: tuple[str, ...]  # layers whose output words were drawn at random because none were recorded
    notes: tuple[str, ...]  # what was inferred or drawn, in sentences for people
    source: dict[str, Any]  # for provenance: path, sha256, format, note

    def input_words(self, layer: str, image: int, operand: int = 0) -> NDArray[np.unsignedinteger[Any]]:
        """The words that a layer consumes: shape `in_shape`, each below 2^word_bits."""
        ...

    def output_words(self, layer: str, image: int) -> NDArray[np.integer[Any]]:
        """The words that a layer produces: shape `out_shape`; signed accumulators where the layer does not fire."""
        ...

    def parameters(self, layer: str) -> Parameters | None:
        """Weights, bias and threshold, or None where the trace holds none."""
        ...
