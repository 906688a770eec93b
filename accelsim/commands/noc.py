"""The command `noc`: the network of a chip alone."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.commands.arguments import add_arch, add_seed, count, progress, refuse_foreign, whole
from accelsim.errors import InputError, Problem

if TYPE_CHECKING:
    from accelsim.build import Network

TRAFFIC = ("uniform", "transpose", "bit_complement", "neighbor", "hotspot", "burst")
"""What `noc --traffic` takes."""

MOST_FLITS = 1 << 16
"""Of a packet of traffic."""

LEAST_RATE = 1e-9
"""With the most cycles that can be asked for, one flit of a node."""


def add_noc(commands: Any) -> None:
    parser = commands.add_parser("noc", help="run the network of a chip alone", allow_abbrev=False)
    add_arch(parser)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--packets", metavar="IN.csv", help="replay packets: lines of cycle,src,dst,size without a header"
    )
    what.add_argument("--traffic", choices=TRAFFIC, help="measure latency and throughput under traffic")
    parser.add_argument("--log", metavar="OUT.csv", help="what became of each packet of a replay")
    parser.add_argument(
        "--rate",
        metavar="R,...",
        type=_rates,
        action="extend",
        help="flits a node and cycle (default: up to saturation)",
    )
    parser.add_argument("--packet-flits", metavar="N", type=_flits, help="flits a packet (default 1)")
    parser.add_argument("--warmup", metavar="N", type=whole, help="cycles before measuring (default 3000)")
    parser.add_argument(
        "--cycles", metavar="N", type=count, help="cycles measured (default 10000; burst: one pass of the recording)"
    )
    parser.add_argument("--trace", metavar="INPUT", help="burst: the trace or workload whose spikes are sent")
    parser.add_argument(
        "--hotspot-nodes", metavar="A,B", type=_numbers, help="hotspot: busy nodes (default the middle)"
    )
    parser.add_argument("--hotspot-weight", metavar="N", type=count, help="hotspot: their weight (default 4)")
    parser.add_argument("--out", metavar="DIR", help="where the report goes (with --plot: results/<arch>__<traffic>)")
    parser.add_argument("--plot", action="store_true", help="draw latency over load, and the load of every link")
    parser.add_argument("--json", action="store_true", help="print the report as JSON, and everything else to stderr")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors (and the JSON asked for)")
    add_seed(parser)
    parser.set_defaults(handle=_noc)


def _flits(text: str) -> int:
    if count(text) > MOST_FLITS:
        raise argparse.ArgumentTypeError(f"must be at most {MOST_FLITS} (got {text!r})")
    return int(text)


def _numbers(text: str) -> list[int]:
    return [whole(number) for number in text.split(",")]


def _rates(text: str) -> list[float]:
    try:
        rates = [float(number) for number in text.split(",")]
    except ValueError:
        rates = [0.0]
    if not all(LEAST_RATE <= rate <= 1 for rate in rates):
        raise argparse.ArgumentTypeError(
            f"must be numbers from {LEAST_RATE:g} up to 1, which is all a node can send (got {text!r})"
        )
    return rates


def _noc(options: argparse.Namespace) -> None:
    from accelsim.build import load_network
    from accelsim.report.files import json_text
    from accelsim.report.network_files import NETWORK, save_network
    from accelsim.report.network_text import render_network

    _refuse_misfits(options)
    directory = None
    if options.out is not None or options.plot:
        name = f"{Path(options.arch).stem}__{options.traffic or Path(options.packets).stem}"
        directory = Path("results") / name if options.out is None else Path(options.out)
        refuse_foreign(directory, NETWORK.found_in)
    network = load_network(options.arch, options.set)
    report = _noc_traffic(options, network) if options.traffic else _noc_replay(options, network)
    readable = render_network(report)
    for_people = sys.stderr if options.json else sys.stdout
    if not options.quiet:
        print(readable, file=for_people)
    if directory is not None:
        save_network(report, network.document.dump(), readable, directory)
        if options.plot:
            from accelsim.report.plot import plot_latency, plot_links

            plot_links(report, directory / "noc_links.png")
            if "points" in report:
                plot_latency(report, directory / "noc_latency.png")
        if not options.quiet:
            print(f"results in {directory}", file=for_people)
    if options.json:
        print(json_text(report), end="")


def _refuse_misfits(options: argparse.Namespace) -> None:
    """Options of `noc` that do not go with each other."""
    problems = []
    of_traffic = ("rate", "packet_flits", "warmup", "cycles", "trace", "hotspot_nodes", "hotspot_weight")
    for name in of_traffic:
        only = {"trace": "burst", "hotspot_nodes": "hotspot", "hotspot_weight": "hotspot"}.get(name, options.traffic)
        if getattr(options, name) is not None and (options.traffic is None or options.traffic != only):
            rule = f"goes with --traffic{f' {only}' if only else ''} only"
            problems.append(Problem(rule, key="--" + name.replace("_", "-")))
    if options.packets == "":
        problems.append(Problem("names no file", key="--packets"))
    if options.packets is not None and not options.log:
        problems.append(Problem("is missing: where the log of a replay goes", key="--log"))
    if options.log and options.out and Path(options.log).resolve().parent == Path(options.out).resolve():
        rule = "is in the directory of --out, which holds the report only"
        problems.append(Problem(rule, key="--log", value=options.log))
    if options.traffic and options.log:
        problems.append(Problem("goes with --packets only", key="--log"))
    if options.traffic == "burst" and not options.trace:
        problems.append(Problem("is missing: whose spikes the bursts are", key="--trace", allowed=".npz, .yaml, .yml"))
    if problems:
        raise InputError(problems)


def _noc_replay(options: argparse.Namespace, network: Network) -> dict[str, Any]:
    from accelsim.interop.packets import check_log, packets_of, read_packets, write_log
    from accelsim.simulation.network import replay
    from accelsim.simulation.network_report import replay_report

    check_log(options.log, options.packets)
    rows = read_packets(options.packets, network.noc.nodes)
    run = replay(network, packets_of(rows))
    write_log(options.log, rows, run.deliveries)
    return replay_report(network, rows[:, 0], options.packets, run)


def _noc_traffic(options: argparse.Namespace, network: Network) -> dict[str, Any]:
    from accelsim.simulation.network import run_traffic

    asked = {"rates": options.rate} | {
        name: getattr(options, name)
        for name in ("packet_flits", "warmup", "cycles", "hotspot_nodes", "hotspot_weight")
        if getattr(options, name) is not None
    }
    if options.trace is not None:
        from accelsim.workload import load_input

        asked["workload"] = load_input(options.trace, options.seed)
    with progress(options.quiet) as advance:
        return run_traffic(network, options.traffic, **asked, seed=options.seed, progress=advance)
