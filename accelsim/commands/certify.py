"""The command `certify`: does a network answer alike in real numbers, in spikes and on the chip?"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.commands.arguments import add_arch, count, progress, refuse_foreign, show
from accelsim.commands.model import add_model, load_model
from accelsim.errors import InputError, Problem, SimulationError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from accelsim.reference.held_out import HeldOut
    from accelsim.reference.model import Model


def add_certify(commands: Any) -> None:
    """The subcommand `certify`."""
    parser = commands.add_parser(
        "certify", help="compare a network's real numbers, spikes and simulated words", allow_abbrev=False
    )
    add_arch(parser)
    add_model(parser)
    parser.add_argument("--labels", metavar="Y.npy", type=Path, help="the answers to --images, one each or a pixel")
    parser.add_argument("--first", metavar="N", type=count, help="only the first N images (default: all)")
    parser.add_argument("--out", metavar="DIR", help="where it goes (default results/certificate__<arch>__<network>)")
    parser.add_argument("--json", action="store_true", help="print it as JSON, and everything else to stderr")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors (and the JSON asked for)")
    parser.set_defaults(handle=_certify)


def _certify(options: argparse.Namespace) -> None:
    from accelsim.build import load_arch
    from accelsim.report.certificate import CERTIFICATE, render_certificate, save_certificate
    from accelsim.report.files import json_text
    from accelsim.simulation.parity import certify

    name = f"certificate__{Path(options.arch).stem}__{Path(options.network).stem}"
    directory = Path(options.out or Path("results") / name)
    refuse_foreign(directory, CERTIFICATE.found_in)
    arch = load_arch(options.arch, options.set)
    model, images = load_model(options)
    held_out = _held_out(options, model, images).first(options.first)
    with progress(options.quiet) as advance:
        certificate = certify(
            arch,
            model,
            held_out,
            timesteps=options.timesteps,
            weight_bits=options.weight_bits,
            progress=advance,
        )
    described = certificate.as_json()
    readable = render_certificate(described)
    save_certificate(described, readable, directory)
    show(options, readable, json_text(described), directory)
    if not certificate.holds:
        raise SimulationError(f"certify: words differ that must be equal: see {directory / 'certificate.txt'}")


def _held_out(options: argparse.Namespace, model: Model, images: NDArray[Any] | None) -> HeldOut:
    """The images that are given, with their labels if there are any, or those that ship with the network."""
    from accelsim.interop.images import read_images
    from accelsim.reference.held_out import labelled, read_held_out
    from accelsim.reference.image_words import image_words
    from accelsim.reference.model_file import find_model

    if images is not None:
        labels = None if options.labels is None else read_images(options.labels)
        return labelled(image_words(model, images), labels, str(options.labels))
    if options.labels is not None:
        raise InputError(Problem("needs --images", key="--labels", value=str(options.labels)))
    return read_held_out(find_model(options.network), model)
