"""From a trained network of real numbers to a network whose weights are integers and whose activations are words."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InputError, Problem
from accelsim.reference.ann import Ann
from accelsim.reference.calibration import Calibration, full_scales, sample, with_streams
from accelsim.reference.equalisation import equalise
from accelsim.reference.model import Model
from accelsim.reference.quantise import quantise_weights
from accelsim.reference.rails import rails, split

IMAGE_BITS = 8


def convert(
    ann: Ann,
    images: NDArray[Any],
    *,
    calibration: Calibration = "least_squares",
    percentile: float = 99.9,
    per_channel: bool = False,
    image_range: tuple[float, float] | None = None,
) -> Model:
    """Rewrite, calibrate and quantise a network.

    `images` [image, channels, rows, columns] calibrate it: uint8, each a 255th part of the real number that the
    network eats, or real numbers as it eats them. How the full scale of a stream follows from its activations:
    `calibration.full_scales`. `per_channel` divides every channel by its own range first (`equalisation.equalise`).
    `image_range` is the smallest and the largest real number that images hold, where these are but some of them.
    Raises `InputError` for images of another shape or type and for nodes that cannot be converted, all at once.
    """
    _check(ann, images)
    if np.issubdtype(images.dtype, np.integer):
        real, step, signed = images.astype(np.float32) / np.float32(255), 1 / 255, False
    else:
        real = images.astype(np.float32)
        low, high = (float(real.min()), float(real.max())) if image_range is None else image_range
        signed = low < 0
        step = max(-low, high) / (2**IMAGE_BITS - 1) or 1.0
    if signed:
        real = split(real)
    plain = rails(ann, signed)
    plain = with_streams(equalise(plain, real) if per_channel else plain)
    samples = sample(plain, real, plain.activation)
    weights, scale = {}, {}
    for node in plain.nodes:
        if node.name in plain.weights:
            values = plain.weights[node.name].astype(np.float64)
            weights[node.name], scale[node.name] = quantise_weights(values, per_channel=bool(node.stream))
    return Model(
        name=ann.name,
        dataset="",
        image_shape=plain.input_shape,
        image_bits=IMAGE_BITS,
        image_step=step,
        nodes=plain.nodes,
        weights=weights,
        scale=scale,
        bias={name: bias.astype(np.float64) for name, bias in plain.bias.items()},
        full_scale=full_scales(plain, samples, calibration, percentile),
        images=np.zeros((0, *plain.input_shape), dtype=np.uint8),
        gain=plain.gain,
        ceiling={name: act.ceiling for name, act in plain.activation.items() if act.ceiling < inf},
        outputs=plain.outputs,
        image_rails=signed,
    )


def _check(ann: Ann, images: NDArray[Any]) -> None:
    problems = []
    if images.dtype != np.uint8 and not np.issubdtype(images.dtype, np.floating):
        problems.append(
            Problem("images of the wrong type", key="images", value=str(images.dtype), allowed="uint8 or real numbers")
        )
    elif not np.isfinite(images).all():
        problems.append(Problem("images hold numbers that are not finite", key="images"))
    if images.ndim != 4 or images.shape[1:] != ann.input_shape or not len(images):
        allowed = f"[image, {', '.join(map(str, ann.input_shape))}], at least one image"
        problems.append(Problem("images of the wrong shape", key="images", value=images.shape, allowed=allowed))
    if problems:
        raise InputError(problems)
