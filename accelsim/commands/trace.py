"""`accelsim trace`: make a trace with the reference model, import recorded spikes, describe one."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.commands.arguments import add_seed, count, share
from accelsim.errors import InputError, Problem

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from accelsim.reference.calibration import Calibration
    from accelsim.reference.model import Model

CALIBRATIONS: tuple[Calibration, ...] = ("least_squares", "max", "percentile")
CALIBRATION_IMAGES = 64


def add_trace(commands: Any) -> None:
    """The subcommand `trace` and its actions."""
    actions = commands.add_parser("trace", help="make, import or describe a trace", allow_abbrev=False).add_subparsers(
        title="actions", metavar="ACTION", required=True
    )
    make = actions.add_parser("make", help="record a network with the reference model", allow_abbrev=False)
    make.add_argument("network", metavar="NAME|MODEL.onnx", help="a network that ships with accelsim, or one of yours")
    make.add_argument(
        "--images",
        metavar="X.npy",
        type=Path,
        help="input images [n, C, H, W]: uint8, each a 255th part of what the network eats, or real numbers as it"
        " eats them (default: a shipped network's test images)",
    )
    make.add_argument("-T", "--timesteps", metavar="N", type=count, default=4, help="time steps (default 4)")
    make.add_argument("--weight-bits", metavar="N", type=count, default=8, help="bits of a weight (default 8)")
    calibration = make.add_argument_group("conversion of a MODEL.onnx")
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
    _add_trace_out(make)
    make.set_defaults(handle=_trace_make)
    bring = actions.add_parser("import", help="turn recorded spikes into a trace", allow_abbrev=False)
    bring.add_argument("spikes", metavar="RAW.npz", type=Path, help="raw arrays [T, C, H, W] or [T, N], one a layer")
    bring.add_argument("--layers", metavar="LAYERS.yaml", type=Path, required=True, help="the layers of the arrays")
    _add_trace_out(bring)
    bring.set_defaults(handle=_trace_import)
    show = actions.add_parser("show", help="describe a trace or a workload", allow_abbrev=False)
    show.add_argument("input", metavar="INPUT", help="a trace (.npz) or a workload (.yaml)")
    show.add_argument(
        "--workload", metavar="OUT.yaml", type=Path, help="write a workload of the densities and correlations found"
    )
    show.add_argument("--images", metavar="N", type=count, default=1, help="measure the first N images (default 1)")
    add_seed(show)
    show.set_defaults(handle=_trace_show)


def _add_trace_out(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--out", metavar="TRACE.npz", type=Path, required=True, help="the trace to write")


def _trace_make(options: argparse.Namespace) -> None:
    from accelsim.reference import make_trace

    images = None
    if options.images is not None:
        from accelsim.interop.images import read_images

        images = read_images(options.images)
    if options.network.endswith(".onnx"):
        model, images = _converted(options, images)
    else:
        from accelsim.reference.model_file import find_model, read_model

        _refuse_calibration(options)
        model = read_model(find_model(options.network))
    made = make_trace(model, options.timesteps, images, options.weight_bits)
    _write_trace(options.out, made.meta, made.arrays)


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


def _converted(options: argparse.Namespace, images: NDArray[Any] | None) -> tuple[Model, NDArray[np.int32]]:
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
    from accelsim.interop.onnx import read_onnx
    from accelsim.reference.convert import convert

    _, channels, rows, columns = images.shape
    ann = read_onnx(options.network, (channels, rows, columns))
    model = convert(
        ann,
        images[: options.calibration_images or CALIBRATION_IMAGES],
        calibration=options.calibration or CALIBRATIONS[0],
        percentile=99.9 if options.percentile is None else options.percentile,
        per_channel=options.per_channel,
    )
    return model, model.encode(images)


def _trace_import(options: argparse.Namespace) -> None:
    from accelsim.interop.raw import import_raw

    meta, arrays, notes = import_raw(options.spikes, options.layers)
    for note in notes:
        print(note, file=sys.stderr)
    _write_trace(options.out, meta, arrays)


def _write_trace(path: Path, meta: dict[str, Any], arrays: dict[str, Any]) -> None:
    from accelsim.workload.trace import write_trace

    write_trace(path, meta, arrays)
    print(path)


def _trace_show(options: argparse.Namespace) -> None:
    from accelsim.workload import load_input
    from accelsim.workload.describe import describe

    workload = load_input(options.input, options.seed)
    if options.workload is None:
        print(describe(workload))
        return
    from accelsim.workload.measured import measured_workload

    options.workload.write_text(measured_workload(workload, options.images), encoding="utf-8")
    print(options.workload)
