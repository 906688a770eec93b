"""The command `rtl`: parts of a chip as netlists."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from accelsim.commands.arguments import add_arch, refuse_foreign
from accelsim.errors import InputError, Problem

NETLISTS = ("packed_array.il", "router.il")
"""Files of the output directory."""


def add_rtl(commands: Any) -> None:
    parser = commands.add_parser("rtl", help="write the array and the router of a chip in RTLIL", allow_abbrev=False)
    add_arch(parser)
    parser.add_argument("-o", "--out", metavar="DIR", required=True, type=Path, help="where the netlists go")
    parser.set_defaults(handle=_rtl)


def _rtl(options: argparse.Namespace) -> None:
    if find_spec("amaranth") is None:
        raise InputError(Problem("hardware needs the extra rtl: pip install 'accelsim[rtl]'"))
    from accelsim.build import load_arch
    from accelsim.report.directory import Layout, replace_directory
    from accelsim.rtl.array.packed_array import PackedArray
    from accelsim.rtl.export import to_rtlil
    from accelsim.rtl.router import Router

    layout = Layout(NETLISTS)
    refuse_foreign(options.out, layout.found_in)
    arch = load_arch(options.arch, options.set)
    noc = arch.noc
    if noc is None:
        raise InputError(arch.document.problem(("noc",), "has no router to write", "none", "a network"))
    problems: list[Problem] = []
    parts = []
    for make in (lambda: PackedArray.from_settings(arch.settings), lambda: Router.from_settings(noc, 0)):
        try:
            parts.append(make())
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems)

    def write(directory: Path) -> None:
        for name, part in zip(NETLISTS, parts, strict=True):
            (directory / name).write_text(to_rtlil(part, Path(name).stem))

    replace_directory(options.out, layout, write)
    for name in NETLISTS:
        print(options.out / name)
