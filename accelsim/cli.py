"""The command line: arguments in, exit codes out.

Each subcommand imports what it needs when it runs, so that `--help` and `check` answer at once.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim import __version__
from accelsim.commands.arguments import add_arch, add_seed, count, names, progress, refuse_foreign, show
from accelsim.commands.certify import add_certify
from accelsim.commands.compare import add_compare
from accelsim.commands.noc import add_noc
from accelsim.commands.rtl import add_rtl
from accelsim.commands.trace import add_trace
from accelsim.errors import AccelsimError, InputError, Problem, SimulationError

if TYPE_CHECKING:
    from accelsim.build import Arch
    from accelsim.workload.workload import Workload

INTERRUPTED = 130
CLOSED_PIPE = 141
"""What a shell reports of a program that died of SIGPIPE or SIGINT: 128 plus the signal's number."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line (default: this process's) and return its exit code; usage errors raise SystemExit(2)."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    # A shell's `>&-` leaves no stream at all.
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        try:
            options = _parse(arguments)
            options.handle(options)
        finally:
            sys.stdout.flush()
    except AccelsimError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader went away; keep the interpreter from complaining when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE
    except MemoryError:
        print("needs more memory than there is", file=sys.stderr)
        return SimulationError.exit_code
    except OSError as error:
        print(Problem(error.strerror or str(error), str(error.filename or "")), file=sys.stderr)
        return InputError.exit_code
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="accelsim",
        description="Cycle-accurate simulation of neuromorphic accelerators from packed-spike traces.",
        epilog="`accelsim ARCH INPUT [options]` is short for `accelsim run ARCH INPUT [options]`.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"accelsim {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    own = (_add_run, _add_plan, _add_check, _add_plot, _add_sweep)
    for add in (*own, add_trace, add_certify, add_compare, add_noc, add_rtl):
        add(commands)
    if arguments and arguments[0] not in (*commands.choices, "-h", "--help", "--version"):
        _refuse_unknown_command(parser, arguments[0], list(commands.choices))
        arguments = ["run", *arguments]
    options, left = parser.parse_known_args(arguments)
    # argparse gives an optional positional up as soon as an option stands before it.
    if options.handle is _check and options.input is None and len(left) == 1 and not left[0].startswith("-"):
        options.input = left.pop()
    if left:
        parser.error(f"unrecognized arguments: {' '.join(left)}")
    return options


def _refuse_unknown_command(parser: argparse.ArgumentParser, word: str, commands: list[str]) -> None:
    """Tell a mistyped command from the ARCH of a `run` that was left out."""
    if word.startswith("-") or Path(word).suffix or os.path.exists(word):
        return
    from difflib import get_close_matches

    close = get_close_matches(word, commands, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    parser.error(f"no such command or file: {word!r}{hint} (commands: {', '.join(commands)})")


def _add_run(commands: Any) -> None:
    parser = commands.add_parser("run", help="simulate a trace or workload on a chip", allow_abbrev=False)
    add_arch(parser)
    parser.add_argument("input", metavar="INPUT", help="a trace (.npz) or a workload (.yaml)")
    parser.add_argument("--out", metavar="DIR", help="where results go (default results/<arch>__<input>)")
    parser.add_argument("--json", action="store_true", help="print the report as JSON, and everything else to stderr")
    parser.add_argument("--images", metavar="N", type=count, default=1, help="simulate the first N images (default 1)")
    parser.add_argument("--layers", metavar="A,B", type=names, help="simulate only these layers")
    parser.add_argument("--verify", action="store_true", help="compute the outputs and compare every word")
    parser.add_argument("--plot", action="store_true", help="draw the utilisation timeline too")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors (and the JSON asked for)")
    add_seed(parser)
    parser.set_defaults(handle=_run)


def _add_plan(commands: Any) -> None:
    parser = commands.add_parser("plan", help="print the mapping of a run, without running it", allow_abbrev=False)
    add_arch(parser)
    parser.add_argument("input", metavar="INPUT", help="a trace (.npz) or a workload (.yaml)")
    parser.add_argument("--json", action="store_true", help="print the plan as JSON")
    parser.add_argument("--images", metavar="N", type=count, default=1, help="for a run of N images (default 1)")
    parser.add_argument("--layers", metavar="A,B", type=names, help="map only these layers")
    add_seed(parser)
    parser.set_defaults(handle=_plan)


def _add_check(commands: Any) -> None:
    parser = commands.add_parser("check", help="validate a chip, and an input for it", allow_abbrev=False)
    add_arch(parser)
    parser.add_argument("input", metavar="INPUT", nargs="?", help="a trace (.npz) or a workload (.yaml)")
    add_seed(parser)
    parser.set_defaults(handle=_check)


def _add_plot(commands: Any) -> None:
    parser = commands.add_parser("plot", help="draw the figures of a finished run", allow_abbrev=False)
    parser.add_argument("directory", metavar="DIR", help="result directory of a run or a comparison")
    parser.set_defaults(handle=_plot)


def _add_sweep(commands: Any) -> None:
    parser = commands.add_parser("sweep", help="run all combinations of parameter values", allow_abbrev=False)
    parser.add_argument("spec", metavar="SPEC", help="YAML naming an arch, an input and the values to vary")
    parser.add_argument("--out", metavar="DIR", required=True, help="where points.csv and the report go")
    parser.add_argument("--executor", choices=["local"], default="local", help="where points run (default local)")
    parser.add_argument("--jobs", metavar="N", type=count, help="worker processes (default: one a core)")
    parser.add_argument("--yes", action="store_true", help="run a sweep of any size")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    parser.set_defaults(handle=_sweep)


def _load(options: argparse.Namespace) -> tuple[Arch, Workload | None]:
    """The chip and the input that a command names; InputError holds the problems of both."""
    from accelsim.build import load_arch

    if options.input is None:
        return load_arch(options.arch, options.set), None
    from accelsim.workload import load_input

    problems: list[Problem] = []
    with _gather(problems):
        arch = load_arch(options.arch, options.set)
    with _gather(problems):
        workload = load_input(options.input, options.seed)
    if problems:
        raise InputError(problems)
    return arch, workload


@contextmanager
def _gather(problems: list[Problem]) -> Iterator[None]:
    try:
        yield
    except InputError as error:
        problems += error.problems


def _run(options: argparse.Namespace) -> None:
    from accelsim.report import files, text

    directory = Path(options.out or Path("results") / f"{Path(options.arch).stem}__{Path(options.input).stem}")
    refuse_foreign(directory, files.is_result)
    arch, workload = _load(options)
    assert workload is not None
    from accelsim.simulation import simulate

    with progress(options.quiet) as advance:
        result = simulate(
            arch,
            workload,
            images=options.images,
            layers=options.layers,
            verify=options.verify,
            seed=options.seed,
            progress=advance,
        )
    readable = text.render(result.report)
    files.save(result, directory, readable)
    if options.plot:
        from accelsim.report.plot import plot_timeline

        plot_timeline(result.report, result.timeline, directory / "timeline.png")
    show(options, readable, files.json_text(result.report), directory)


def _plan(options: argparse.Namespace) -> None:
    from accelsim.build.planning import plan_workload
    from accelsim.report.plan import describe_plan, render_plan
    from accelsim.simulation.run import choose_layers

    arch, workload = _load(options)
    assert workload is not None
    plan = plan_workload(arch, workload, choose_layers(workload, options.layers), options.images)
    described = describe_plan(arch, workload, plan, options.images)
    if options.json:
        import json

        print(json.dumps(described, indent=1, allow_nan=False))
    else:
        print(render_plan(described), end="")


def _check(options: argparse.Namespace) -> None:
    from accelsim.build import NetworkOnly, load_network

    try:
        arch, workload = _load(options)
    except NetworkOnly:
        if options.input is not None:
            raise
        load_network(options.arch, options.set)
        print(f"{options.arch}: ok, a network without a chip, for `accelsim noc`")
        return

    if workload is None:
        print(f"{options.arch}: ok")
        return
    from accelsim.build.planning import check

    for note in check(arch, workload):
        print(note)
    print(f"{options.arch}: ok")
    print(f"{options.input}: ok")


def _plot(options: argparse.Namespace) -> None:
    from accelsim.report import files
    from accelsim.report.comparison_files import is_comparison, load_comparison
    from accelsim.report.plot import plot_comparison, plot_timeline

    if is_comparison(options.directory):
        path = Path(options.directory) / "comparison.png"
        plot_comparison(load_comparison(options.directory), path)
    else:
        report, timeline = files.load(options.directory)
        path = Path(options.directory) / "timeline.png"
        plot_timeline(report, timeline, path)
    print(path)


def _sweep(options: argparse.Namespace) -> None:
    from accelsim.sweep import load_sweep, run_sweep

    sweep = load_sweep(options.spec, limit=None if options.yes else 1000)
    with progress(options.quiet) as advance:
        outcome = run_sweep(sweep, jobs=options.jobs, progress=advance)
    directory = Path(options.out)
    outcome.save(directory)
    if outcome.rows:
        from accelsim.report.plot import plot_sweep

        plot_sweep(outcome.rows, list(sweep.vary), directory / "plot.png")
    if not options.quiet:
        print(outcome.text())
        print(f"results in {directory}")
    if not outcome.rows:
        first = str(outcome.failures[0]["message"])
        raise InputError(Problem(f"every point failed, the first with: {first}", str(options.spec)))
