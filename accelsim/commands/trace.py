"""`accelsim trace`: make a trace with the reference model, import recorded spikes, describe one."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from accelsim.commands.arguments import add_seed, count
from accelsim.commands.model import add_model, load_model


def add_trace(commands: Any) -> None:
    """The subcommand `trace` and its actions."""
    actions = commands.add_parser("trace", help="make, import or describe a trace", allow_abbrev=False).add_subparsers(
        title="actions", metavar="ACTION", required=True
    )
    make = actions.add_parser("make", help="record a network with the reference model", allow_abbrev=False)
    add_model(make)
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

    model, images = load_model(options)
    made = make_trace(model, options.timesteps, images, options.weight_bits)
    _write_trace(options.out, made.meta, made.arrays)


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
