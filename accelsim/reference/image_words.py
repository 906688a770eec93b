"""Images that somebody brings, checked and as the words of a model."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import InputError, Problem
from accelsim.reference.model import Model


def image_words(model: Model, images: NDArray[Any]) -> NDArray[np.int32]:
    """Words [image, channels, rows, columns] of images: words already, or real numbers as the network eats them.

    One channel may stand without its axis. Raises `InputError` for images of another shape, type or range.
    """
    problems = image_problems(model, images)
    if problems:
        raise InputError(problems)
    return model.encode(images.reshape(len(images), *_eaten_shape(model, images)))


def image_problems(model: Model, images: NDArray[Any]) -> list[Problem]:
    """What keeps images from being words of the model: their shape, type or range."""
    shape = _eaten_shape(model, images)
    shapes = [shape] if shape[0] > 1 else [shape, shape[1:]]
    problems = []
    if images.ndim < 1 or len(images) == 0 or images.shape[1:] not in shapes:
        allowed = " or ".join(f"[image, {', '.join(map(str, form))}]" for form in shapes)
        problems.append(Problem("images of the wrong shape", key="images", value=images.shape, allowed=allowed))
    if not np.issubdtype(images.dtype, np.integer) and not np.issubdtype(images.dtype, np.floating):
        problems.append(Problem("images are no numbers", key="images", value=str(images.dtype)))
    elif not np.isfinite(images).all():
        problems.append(Problem("images hold numbers that are not finite", key="images"))
    elif images.size:
        whole = np.issubdtype(images.dtype, np.integer)
        largest = (2**model.image_bits - 1) * (1 if whole else model.image_step)
        lowest = -largest if model.image_rails and not whole else 0
        # Rounding to the nearest word takes up half of a step.
        slack = 0 if whole else model.image_step / 2
        if images.min() < lowest - slack or images.max() > largest + slack:
            value = f"{images.min():g} to {images.max():g}"
            allowed = f"{lowest:g} to {largest:g}"
            problems.append(Problem("pixels out of range", key="images", value=value, allowed=allowed))
    return problems


def _eaten_shape(model: Model, images: NDArray[Any]) -> tuple[int, int, int]:
    """The shape of an image before it is encoded: rails of real numbers are made by the encoding."""
    channels, rows, columns = model.image_shape
    halved = model.image_rails and not np.issubdtype(images.dtype, np.integer)
    return channels // 2 if halved else channels, rows, columns
