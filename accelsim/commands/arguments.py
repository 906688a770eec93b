"""What the commands share: types of arguments, options, progress, and where results may go."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from accelsim.errors import InputError, Problem

Advance = Callable[[int, int, str], None]


def add_arch(parser: argparse.ArgumentParser) -> None:
    """ARCH, and overrides of its keys."""
    parser.add_argument("arch", metavar="ARCH", help="YAML of the chip")
    parser.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], help="override a key of ARCH")


def add_seed(parser: argparse.ArgumentParser) -> None:
    """What random numbers start from."""
    parser.add_argument("--seed", metavar="N", type=whole, default=0, help="seed of what is drawn (default 0)")


def whole(text: str) -> int:
    """A whole number that is not negative."""
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise argparse.ArgumentTypeError(f"must be a whole number below 10^9, not negative (got {text!r})")
    return int(text)


def count(text: str) -> int:
    """How many there are of something."""
    if whole(text) == 0:
        raise argparse.ArgumentTypeError("must be 1 or more (got '0')")
    return int(text)


def share(text: str) -> float:
    """A share in percent, above 0 and at most 100."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 100:
        raise argparse.ArgumentTypeError(f"must be above 0 and at most 100 (got {text!r})")
    return value


def names(text: str) -> list[str]:
    """Layers, separated by commas."""
    names = [name for name in text.split(",") if name]
    if not names:
        raise argparse.ArgumentTypeError(f"must name a layer (got {text!r})")
    return names


def refuse_foreign(directory: Path, is_result: Callable[[Path], bool]) -> None:
    """Refuse, before any work, an output directory that holds something else than an earlier result."""
    if directory.exists() and not directory.is_dir():
        raise InputError(Problem("is not a directory", str(directory)))
    if directory.exists() and any(directory.iterdir()) and not is_result(directory):
        rule = "holds other files than a result's: results go to a directory of their own"
        raise InputError(Problem(rule, str(directory)))


def show(options: argparse.Namespace, readable: str, json: str, directory: Path) -> None:
    """Print a result that was saved: for people unless --quiet, on stderr where --json has the standard output."""
    if not options.quiet:
        for_people = sys.stderr if options.json else sys.stdout
        print(readable, file=for_people)
        print(f"results in {directory}", file=for_people)
    if options.json:
        print(json, end="")


@contextmanager
def progress(quiet: bool) -> Iterator[Advance | None]:
    """A callback that moves a bar on a terminal; None where there is no terminal to show it on."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("")
        yield lambda done, total, name: bar.update(task, completed=done, total=total, description=name)
