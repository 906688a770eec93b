"""The forms in which a converted network is judged beside the trained one, and its answers in each.

SpikePack: packed words of T steps. LIF and IF: the conventional conversion with rate-coded spikes of T steps, with a
leak (tau = 2) and without one; how their thresholds are set is chosen for each of them and each T by how good the
answers to images of the training part are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accelsim.reference.balancing import calibrated_network
from accelsim.reference.causal import answers as causal_answers
from accelsim.reference.lif import IF, LIF
from accelsim.reference.model import Model, integer_network, output_unit
from accelsim.reference.network import run

TIMESTEPS = (1, 2, 4, 8)
FORMS = {"snn": "SpikePack", "lif": "LIF", "if": "IF"}
NEURONS = {"lif": LIF, "if": IF}
NAMES = {"ann": "ANN"} | {
    f"{form}_t{timesteps}": f"{name}, T = {timesteps}" for form, name in FORMS.items() for timesteps in TIMESTEPS
}
"""Keys of results and what tables call them, in the order of the tables."""

Answers = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Calibration:
    """Images of the training part [n, channels, rows, columns], and how good answers to them are."""

    images: NDArray[np.uint8]
    measure: Callable[[Answers], float]


def all_answers(model: Model, calibration: Calibration, images: NDArray[np.uint8]) -> Iterator[tuple[str, Answers]]:
    """`answers` of every form and number of time steps, with the keys of `NAMES`, one after another."""
    for form in FORMS:
        for timesteps in TIMESTEPS:
            yield f"{form}_t{timesteps}", answers(model, form, timesteps, calibration, images)


def answers(model: Model, form: str, timesteps: int, calibration: Calibration, images: NDArray[np.uint8]) -> Answers:
    """What the layers without neurons answer to images [n, channels, rows, columns]: float64 [n, *out_shape] by name,
    in the units of the trained network. `calibration` is for thresholds of rates.
    """
    if form == "snn":
        network = integer_network(model, timesteps)
        units = {
            layer.name: output_unit(model, layer.name, timesteps, 8) for layer in network.layers if not layer.fires
        }
        sums: dict[str, list[NDArray[np.int64]]] = {name: [] for name in units}
        for image in images:
            words = run(network, image)
            for name in units:
                sums[name].append(words[name])
        return {name: unit * np.stack(sums[name]) for name, unit in units.items()}
    rates = calibrated_network(model, timesteps, calibration.images, NEURONS[form], measure=calibration.measure)
    found = [causal_answers(rates, image) for image in images]
    return {name: np.stack([each[name] for each in found]) for name in (found[0] if found else ())}
