"""The command `certify`: does a network answer alike in real numbers, in spikes and on the chip?"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from accelsim.commands.arguments import add_arch, count, progress, refuse_foreign
from accelsim.errors import SimulationError


def add_certify(commands: Any) -> None:
    parser = commands.add_parser(
        "certify", help="compare a network's real numbers, spikes and simulated words", allow_abbrev=False
    )
    add_arch(parser)
    parser.add_argument(
        "network", metavar="NAME", help="a network that ships with accelsim, or its weights file (.npz)"
    )
    parser.add_argument("-T", "--timesteps", metavar="N", type=count, default=4, help="time steps (default 4)")
    parser.add_argument("--weight-bits", metavar="N", type=count, default=8, help="bits of a weight (default 8)")
    parser.add_argument("--images", metavar="N", type=count, help="the first N held-out images (default: all)")
    parser.add_argument("--out", metavar="DIR", help="where it goes (default results/certificate__<arch>__<network>)")
    parser.add_argument("--json", action="store_true", help="print it as JSON, and everything else to stderr")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors (and the JSON asked for)")
    parser.set_defaults(handle=_certify)


def _certify(options: argparse.Namespace) -> None:
    from accelsim.build import load_arch
    from accelsim.reference.held_out import HeldOut, read_held_out
    from accelsim.reference.model_file import find_model, read_model
    from accelsim.report.certificate import CERTIFICATE, render_certificate, save_certificate
    from accelsim.report.files import json_text
    from accelsim.simulation.parity import certify

    name = f"certificate__{Path(options.arch).stem}__{Path(options.network).stem}"
    directory = Path(options.out or Path("results") / name)
    refuse_foreign(directory, CERTIFICATE.found_in)
    arch = load_arch(options.arch, options.set)
    weights = find_model(options.network)
    model = read_model(weights)
    held_out = read_held_out(weights, model)
    if options.images is not None:
        labels = None if held_out.labels is None else held_out.labels[: options.images]
        held_out = HeldOut(held_out.images[: options.images], labels)
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
    if not options.quiet:
        for_people = sys.stderr if options.json else sys.stdout
        print(readable, file=for_people)
        print(f"results in {directory}", file=for_people)
    if options.json:
        print(json_text(described), end="")
    if not certificate.holds:
        raise SimulationError(f"certify: words differ that must be equal: see {directory / 'certificate.txt'}")
