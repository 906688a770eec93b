"""How far the words of a converted network are from the activations that they stand for, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.reference.ann import Ann, forward
from accelsim.reference.model import Model, ann_of, integer_network, units
from accelsim.reference.network import run


@dataclass(frozen=True, slots=True)
class LayerError:
    """Root mean squares over images: of the error, and of the real numbers that it is an error of."""

    error: float
    signal: float

    @property
    def relative(self) -> float:
        """Error in parts of the signal; 0 where there is neither."""
        return self.error / self.signal if self.signal else float(self.error > 0)


def layer_errors(model: Model, images: NDArray[Any], timesteps: int, weight_bits: int = 8) -> dict[str, LayerError]:
    """What leaves each layer at T time steps against the same network on real activations (`ann_of`).

    Errors of all earlier layers are in it. `images` as `Model.encode` takes them.
    """
    words = model.encode(images)
    names = [node.name for node in model.nodes]
    expected = forward(ann_of(model), words * model.image_step, names)
    return _errors(model, words, expected, timesteps, weight_bits)


def output_errors(
    ann: Ann, model: Model, images: NDArray[Any], timesteps: int, weight_bits: int = 8
) -> dict[str, LayerError]:
    """The outputs of a converted network at T time steps against the network that it was converted from.

    `images` as `convert` takes them.
    """
    integers = np.issubdtype(images.dtype, np.integer)
    expected = forward(ann, images / np.float32(255) if integers else images)
    return _errors(model, model.encode(images), expected, timesteps, weight_bits)


def _errors(
    model: Model, words: NDArray[np.int32], expected: dict[str, NDArray[np.float32]], timesteps: int, weight_bits: int
) -> dict[str, LayerError]:
    network = integer_network(model, timesteps, weight_bits)
    unit = units(model, timesteps, weight_bits)
    squares = {name: np.zeros(2) for name in expected}
    for index, image in enumerate(words):
        made = run(network, image)
        for name, values in expected.items():
            real = values[index].astype(np.float64)
            squares[name] += ((made[name] * unit[name] - real) ** 2).sum(), (real**2).sum()
    return {
        name: LayerError(*(float(number) for number in np.sqrt(total / max(1, expected[name].size))))
        for name, total in squares.items()
    }
