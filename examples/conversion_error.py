"""What a conversion misses, by time steps, calibration and weight bits, on the digits' ResNet-18.

python examples/conversion_error.py                              # prints the tables, a minute
python examples/conversion_error.py --update docs/conversion.md  # writes them into the document
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from document import command, table
from numpy.typing import NDArray

from accelsim.reference.ann import Ann
from accelsim.reference.conversion_error import layer_errors, output_errors
from accelsim.reference.convert import convert
from accelsim.reference.held_out import read_held_out
from accelsim.reference.model import Model, ann_of
from accelsim.reference.model_file import find_model, read_model

NETWORK = "resnet18_digits"
CALIBRATING, MEASURED = 64, 32
TIMESTEPS = (1, 2, 4, 8)
CALIBRATIONS: dict[str, dict[str, Any]] = {
    "max": {"calibration": "max"},
    "percentile 99.9": {"calibration": "percentile"},
    "least squares": {},
    "least squares, per channel": {"per_channel": True},
}


def network() -> tuple[Ann, NDArray[np.uint8], NDArray[np.uint8]]:
    """The network of real numbers that the shipped weights are, images to calibrate it, and others to measure it."""
    path = find_model(NETWORK)
    model = read_model(path)
    images = read_held_out(path, model).images
    return ann_of(model), images[:CALIBRATING], images[CALIBRATING : CALIBRATING + MEASURED]


def missed(ann: Ann, model: Model, images: NDArray[np.uint8], timesteps: int, weight_bits: int = 8) -> float:
    """The relative error of the network's output."""
    return output_errors(ann, model, images, timesteps, weight_bits)[ann.answers[0]].relative


def by_calibration(ann: Ann, calibrating: NDArray[np.uint8], images: NDArray[np.uint8]) -> str:
    """The first table: each calibration at each number of time steps."""
    rows = []
    for name, chosen in CALIBRATIONS.items():
        model = convert(ann, calibrating, **chosen)
        rows.append([name, *(f"{missed(ann, model, images, steps):.1%}" for steps in TIMESTEPS)])
    return table(["calibration", *(f"T = {steps}" for steps in TIMESTEPS)], rows)


def by_bits(ann: Ann, model: Model, images: NDArray[np.uint8]) -> str:
    """The second table: fewer bits a weight."""
    widths = (8, 6, 4, 3, 2, 1)
    rows = [[str(steps), *(f"{missed(ann, model, images, steps, bits):.1%}" for bits in widths)] for steps in (4, 8)]
    return table(["T", *(f"{bits} bit{'s' * (bits > 1)}" for bits in widths)], rows)


def by_layer(model: Model, images: NDArray[np.uint8]) -> str:
    """The third table: how the error grows from layer to layer."""
    found = {steps: layer_errors(model, images, steps) for steps in (4, 8)}
    rows = [[node.name, *(f"{errors[node.name].relative:.1%}" for errors in found.values())] for node in model.nodes]
    return table(["layer", *(f"T = {steps}" for steps in found)], rows)


def tables() -> str:
    """All of them in markdown."""
    ann, calibrating, images = network()
    model = convert(ann, calibrating)
    return "\n\n".join(
        [
            "**Error of the output by calibration, 8-bit weights**\n\n" + by_calibration(ann, calibrating, images),
            "**Error of the output by bits a weight, least squares**\n\n" + by_bits(ann, model, images),
            "**Error of each layer's words, 8-bit weights, least squares**\n\n" + by_layer(model, images),
        ]
    )


def main(argv: Sequence[str] | None = None) -> None:
    command(__doc__, tables, argv)


if __name__ == "__main__":
    main()
