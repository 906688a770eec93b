"""The command `compare`: the same input on several chips, side by side."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.commands.arguments import add_seed, count, names, progress, refuse_foreign, show
from accelsim.errors import AccelsimError, InputError, Problem, SimulationError

if TYPE_CHECKING:
    from accelsim.build import Arch
    from accelsim.simulation import Result
    from accelsim.sweep.executor import Failure

RESERVED = ("comparison.json", "comparison.txt", "comparison.png")
"""Names in the directory of a comparison that no chip can have."""


@dataclass(frozen=True, slots=True)
class Chip:
    """A chip as the command line names it, and the overrides that are meant for it."""

    name: str
    arch: str
    overrides: tuple[str, ...]


def add_compare(commands: Any) -> None:
    parser = commands.add_parser("compare", help="run the same input on several chips", allow_abbrev=False)
    parser.add_argument("input", metavar="INPUT", help="a trace (.npz) or a workload (.yaml)")
    parser.add_argument(
        "archs",
        metavar="[NAME=]ARCH",
        nargs="+",
        help="YAMLs of chips; NAME is what the table calls it (default: its file)",
    )
    parser.add_argument(
        "--set",
        metavar="[NAME:]KEY=VALUE",
        action="append",
        default=[],
        help="override a key of every chip, or of the one that is named",
    )
    parser.add_argument("--baseline", metavar="NAME", help="the chip that others are measured by (default: the first)")
    parser.add_argument(
        "--equal",
        choices=["pes", "area"],
        help="also as many copies of each chip as have the baseline's processing elements or area",
    )
    parser.add_argument("--images", metavar="N", type=count, default=1, help="simulate the first N images (default 1)")
    parser.add_argument("--layers", metavar="A,B", type=names, help="simulate only these layers")
    parser.add_argument("--layers-table", action="store_true", help="print the time of every layer on every chip")
    parser.add_argument("--out", metavar="DIR", help="where results go (default results/compare__<input>)")
    parser.add_argument("--plot", action="store_true", help="draw bars of time and energy too")
    parser.add_argument("--json", action="store_true", help="print the comparison as JSON, the rest to stderr")
    parser.add_argument("--jobs", metavar="N", type=count, help="worker processes (default: one a core)")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors (and the JSON asked for)")
    add_seed(parser)
    parser.set_defaults(handle=_compare)


def _compare(options: argparse.Namespace) -> None:
    from accelsim.report.comparison import Contender, compare
    from accelsim.report.comparison_files import COMPARISON, save_comparison
    from accelsim.report.comparison_text import render_comparison
    from accelsim.report.files import json_text

    directory = Path(options.out or Path("results") / f"compare__{Path(options.input).stem}")
    refuse_foreign(directory, COMPARISON.found_in)
    chips = _chips(options.archs, options.set, options.baseline)
    archs = _load(chips, options.input, options.seed, options.layers)
    results, failed = _simulate(chips, options)
    if results:
        contenders = [
            Contender(name, result.report, archs[name].pes, archs[name].settings.clock_mhz, _node_nm(archs[name]))
            for name, result in results.items()
        ]
        # A baseline that failed leaves the others comparable with the first of them.
        baseline = options.baseline if options.baseline in results else None
        failures = [(name, failure.message) for name, failure in failed.items()]
        comparison = compare(contenders, baseline, options.equal, failures)
        readable = render_comparison(comparison, options.layers_table)
        save_comparison(comparison, readable, results, directory)
        if options.plot:
            from accelsim.report.plot import plot_comparison

            plot_comparison(comparison, directory / "comparison.png")
        show(options, readable, json_text(comparison), directory)
    if failed:
        _raise(failed)


def _node_nm(arch: Arch) -> float:
    return float(arch.settings.technology.node_nm)


def _chips(archs: Sequence[str], assignments: Sequence[str], baseline: str | None) -> list[Chip]:
    """The chips by name, each with the overrides for all and for itself."""
    named = [_named(text) for text in archs]
    known = [name for name, _ in named]
    problems = [
        Problem("is the name of several chips: give them others, as in NAME=ARCH", value=name)
        for name, times in Counter(known).items()
        if times > 1
    ]
    problems += [
        Problem("is no name of a chip: it becomes a directory", value=name, allowed="letters, digits, _ . -")
        for name in known
        if name in RESERVED or not name.strip(".") or not all(letter.isalnum() or letter in "_.-" for letter in name)
    ]
    if baseline is not None and baseline not in known:
        problems.append(Problem("is none of the chips", key="--baseline", value=baseline, allowed=", ".join(known)))
    chosen: dict[str, list[str]] = {name: [] for name in known}
    for text in assignments:
        name, colon, assignment = text.partition(":")
        if not colon or "=" in name:
            for overrides in chosen.values():
                overrides.append(text)
        elif name in chosen:
            chosen[name].append(assignment)
        else:
            problems.append(Problem("is for none of the chips", "--set", value=text, allowed=", ".join(known)))
    if problems:
        raise InputError(problems)
    return [Chip(name, arch, tuple(chosen[name])) for name, arch in named]


def _named(text: str) -> tuple[str, str]:
    name, equals, path = text.partition("=")
    if equals and "/" not in name and not Path(text).exists():
        return name, path
    return Path(text).stem, text


def _load(chips: Sequence[Chip], source: str, seed: int, layers: Sequence[str] | None) -> dict[str, Arch]:
    """Every chip, checked; InputError holds the problems of all of them, of the input and of the layers chosen."""
    from accelsim.build import load_arch
    from accelsim.simulation.run import choose_layers
    from accelsim.sweep.sweep import load_once

    archs: dict[str, Arch] = {}
    broken: dict[Problem, list[str]] = {}
    for chip in chips:
        try:
            archs[chip.name] = load_arch(chip.arch, chip.overrides)
        except InputError as error:
            for problem in error.problems:
                broken.setdefault(problem, []).append(chip.name)
    problems = [_placed(problem, found, len(chips)) for problem, found in broken.items()]
    try:
        choose_layers(load_once(source, seed), layers)
    except InputError as error:
        problems += error.problems
    if problems:
        raise InputError(problems)
    return archs


def _placed(problem: Problem, chips: Sequence[str], of: int) -> Problem:
    """A problem with an override says whose it is, unless it is every chip's."""
    if problem.file != "--set" or len(chips) == of:
        return problem
    return replace(problem, file=f"--set of {', '.join(chips)}")


def _simulate(chips: Sequence[Chip], options: argparse.Namespace) -> tuple[dict[str, Result], dict[str, Failure]]:
    """What the chips came to, in their order."""
    from accelsim.sweep.chips import ChipRun, run_chips
    from accelsim.sweep.executor import Failure

    layers = tuple(options.layers) if options.layers else None
    runs = [ChipRun(chip.arch, chip.overrides, options.input, options.images, layers, options.seed) for chip in chips]
    outcomes: dict[int, Result | Failure] = {}
    with progress(options.quiet) as advance:
        for index, outcome in run_chips(runs, options.jobs):
            outcomes[index] = outcome
            if advance is not None:
                advance(len(outcomes), len(runs), chips[index].name)
    results: dict[str, Result] = {}
    failed: dict[str, Failure] = {}
    for index, chip in enumerate(chips):
        outcome = outcomes[index]
        if isinstance(outcome, Failure):
            failed[chip.name] = outcome
        else:
            results[chip.name] = outcome
    return results, failed


def _raise(failed: dict[str, Failure]) -> None:
    """The errors of chips that did not run, as one: bad input where all of them were that."""
    text = "\n".join(f"{name}: {failure.message}" for name, failure in failed.items())
    error: AccelsimError = SimulationError(text)
    if all(failure.exit_code == InputError.exit_code for failure in failed.values()):
        error = InputError(Problem(text))
    raise error
