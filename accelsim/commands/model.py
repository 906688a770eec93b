"""Which network a command means, and the images that it sees."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.commands.arguments import count, share
from accelsim.errors import InputError, Problem

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accelsim.reference.calibration import Calibration
    from accelsim.reference.model import Model

CALIBRATIONS: tuple[Calibration, ...] = ("least_squares", "max", "percentile")
CALIBRATION_IMAGES = 64


def add_model(parser: argparse.ArgumentParser) -> None:
    """A network that ships, or an ONNX file and how it is converted; images; time steps and bits of a weight."""
    parser.add_argument("network", metavar="NAME|MODEL.onnx", help="a network that ships, or one of yours")
    parser.add_argument(
        "--images",
        metavar="X.npy",
        type=Path,
        help="input images [n, C, H, W]: uint8, each a 255th part of what the network eats, or real numbers as it"
        " eats them (default: a shipped network's test images)",
    )
    parser.add_argument("-T", "--timesteps", metavar="N", type=count, default=4, help="time steps (default 4)")
    parser.add_argument("--weight-bits", metavar="N", type=count, default=8, help="bits of a weight (default 8)")
    calibration = parser.add_argument_group("conversion of a MODEL.onnx")
    calibration.add_argument(
        "--calibration",
        choices=CALIBRATIONS,
        help="what the largest word of a layer stands for: the activation that makes the squared error least (default),"
        " the largest one, or a percentile",
    )
    calibration.add_argument("--percentile", metavar="P", type=share, help="of --calibration percentile (default 99.9)")
    calibration.add_argument("--per-channel", action="store_true", help="bring the channels of a layer to one range")
    calibration.add_argument(
        "--calibration-images",
        metavar="N",
        type=count,
        help=f"calibrate on the first N images (default {CALIBRATION_IMAGES})",
    )


def load_model(options: argparse.Namespace) -> tuple[Model, NDArray[Any] | None]:
    """The network that a command names, and the images that it is given as the network's words; None: none given."""
    images = None
    if options.images is not None:
        from accelsim.interop.images import read_images

        images = read_images(options.images)
    if options.network.endswith(".onnx"):
        return _converted(options, images)
    from accelsim.reference.model_file import find_model, read_model

    _refuse_calibration(options)
    return read_model(find_model(options.network)), images


def _refuse_calibration(options: argparse.Namespace) -> None:
    given = {
        "--calibration": options.calibration,
        "--percentile": options.percentile,
        "--per-channel": options.per_channel or None,
        "--calibration-images": options.calibration_images,
    }
    problems = [
        Problem("a network that ships is calibrated already", key=key, value=value, allowed="with MODEL.onnx")
        for key, value in given.items()
        if value is not None
    ]
    if problems:
        raise InputError(problems)


def _converted(options: argparse.Namespace, images: NDArray[Any] | None) -> tuple[Model, NDArray[Any]]:
    """The model of an ONNX file, calibrated on the first images, and the words of all of them."""
    problems = []
    if images is None:
        problems.append(Problem("are missing: an ONNX file brings none", key="--images", allowed="X.npy"))
    if options.percentile is not None and options.calibration != "percentile":
        problems.append(Problem("needs --calibration percentile", key="--percentile", value=options.percentile))
    if images is not None and (images.ndim != 4 or images.size == 0):
        problems.append(
            Problem("is not [image, channels, rows, columns]", str(options.images), value=list(images.shape))
        )
    if problems or images is None:
        raise InputError(problems)
    import numpy as np

    from accelsim.interop.onnx import read_onnx
    from accelsim.reference.convert import convert
    from accelsim.reference.image_words import image_words

    _, channels, rows, columns = images.shape
    whole = not np.issubdtype(images.dtype, np.floating)
    ann = read_onnx(options.network, (channels, rows, columns))
    model = convert(
        ann,
        images[: options.calibration_images or CALIBRATION_IMAGES],
        calibration=options.calibration or CALIBRATIONS[0],
        percentile=99.9 if options.percentile is None else options.percentile,
        per_channel=options.per_channel,
        image_range=None if whole else (float(images.min()), float(images.max())),
    )
    return model, image_words(model, images)
