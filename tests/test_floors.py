"""The floors of the package: who may import whom."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "accelsim"

FLOORS = (
    ("errors", "units", "jit"),
    ("config", "kernels", "stats"),
    ("workload", "engine", "dataflows"),
    ("reference", "mapping", "parts", "cost"),
    ("build",),
    ("simulation", "rtl"),
    ("report", "sweep", "interop", "training"),
    ("commands",),
    ("api", "cli"),
    ("__init__", "__main__"),
)
FLOOR_OF = {name: floor for floor, names in enumerate(FLOORS) for name in names}

SOLE_IMPORTERS = {
    "simpy": "engine",
    "matplotlib": "report",
    "amaranth": "rtl",
    "onnx": "interop",
    "torch": "training",
    "numba": "jit",
    "llvmlite": "jit",
}

Import = tuple[str, int]
"""A dotted module name and the line that imports it."""


def imports(path: Path, root: Path) -> Iterator[Import]:
    """Every import of a file, wherever it stands in it; of a package's own modules those that exist as files."""
    package = (root.name, *path.relative_to(root).parent.parts)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [*package[: len(package) - node.level + 1]] if node.level else []
            base += node.module.split(".") if node.module else []
            for alias in node.names:
                inner = ".".join([*base, alias.name])
                yield (inner if base == [root.name] or module_file(inner, root) else ".".join(base)), node.lineno
        elif isinstance(node, ast.Call) and called_name(node) in ("import_module", "__import__"):
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value, node.lineno


def called_name(call: ast.Call) -> str:
    function = call.func
    return (
        function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    )


def module_file(name: str, root: Path) -> Path | None:
    """The file of a module of the package at `root`."""
    path = root.parent.joinpath(*name.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file() and candidate.is_relative_to(root):
            return candidate
    return None


def unit_of(path: Path, root: Path) -> str:
    """The module or package directly below the root that a file belongs to."""
    return path.relative_to(root).parts[0].removesuffix(".py")


def violations(root: Path) -> list[str]:
    """What breaks the rules in the package at `root`, a line each."""
    found: list[str] = []
    graphs: dict[str, dict[Path, set[Path]]] = {}
    for path in sorted(root.rglob("*.py")):
        unit = unit_of(path, root)
        place = path.relative_to(root).as_posix()
        if unit not in FLOOR_OF:
            found.append(f"{place}: {unit} has no floor")
            continue
        for name, line in imports(path, root):
            top, *below = name.split(".")
            if top != root.name:
                sole = SOLE_IMPORTERS.get(top, unit)
                if unit != sole:
                    found.append(f"{place}:{line}: only {sole} may import {top}")
                continue
            if below == ["__version__"]:
                continue
            target = module_file(name, root)
            target_unit = unit_of(target, root) if target else below[0] if below else "__init__"
            if target_unit not in FLOOR_OF:
                found.append(f"{place}:{line}: {target_unit} has no floor")
            elif FLOOR_OF[target_unit] > FLOOR_OF[unit]:
                found.append(f"{place}:{line}: {unit} imports {target_unit}, of a higher floor")
            elif FLOOR_OF[target_unit] == FLOOR_OF[unit]:
                if not same_package(unit, target_unit, root):
                    found.append(f"{place}:{line}: {unit} imports {target_unit}, of the same floor")
                elif target:
                    graphs.setdefault(package_of(unit, root), {}).setdefault(path, set()).add(target)
            elif unit == "kernels" and target_unit != "jit":
                found.append(f"{place}:{line}: kernels import {target_unit}, which the hash of their cache leaves out")
    for graph in graphs.values():
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            around = " <- ".join(path.relative_to(root).as_posix() for path in error.args[1])
            found.append(f"cycle: {around}")
    return found


def package_of(unit: str, root: Path) -> str:
    """Single modules of one floor count as one package."""
    return unit if (root / unit).is_dir() else f"modules of floor {FLOOR_OF[unit]}"


def same_package(one: str, other: str, root: Path) -> bool:
    return package_of(one, root) == package_of(other, root)


def test_the_package_keeps_its_floors() -> None:
    assert violations(PACKAGE) == []


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"build.py": "from accelsim.parts.dram import Dram", "parts/dram.py": "import accelsim.errors"}, []),
        ({"cli.py": "from accelsim import __version__, api"}, []),
        ({"stats/count.py": "from accelsim import __version__"}, []),
        (
            {"parts/dram.py": "def late():\n    from accelsim.build import chip"},
            ["parts/dram.py:2: parts imports build, of a higher floor"],
        ),
        (
            {"parts/dram.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from accelsim import cli"},
            ["parts/dram.py:3: parts imports cli, of a higher floor"],
        ),
        ({"parts/dram.py": "import accelsim"}, ["parts/dram.py:1: parts imports __init__, of a higher floor"]),
        (
            {"parts/dram.py": "from accelsim import simulation"},
            ["parts/dram.py:1: parts imports simulation, of a higher floor"],
        ),
        (
            {"parts/dram.py": "from accelsim.cost import table"},
            ["parts/dram.py:1: parts imports cost, of the same floor"],
        ),
        ({"parts/dram.py": "from ..cost import table"}, ["parts/dram.py:1: parts imports cost, of the same floor"]),
        ({"parts/sub/a.py": "from ...cost import b"}, ["parts/sub/a.py:1: parts imports cost, of the same floor"]),
        (
            {"simulation.py": "from accelsim.rtl import verilog", "rtl/__init__.py": ""},
            ["simulation.py:1: simulation imports rtl, of the same floor"],
        ),
        ({"units.py": "from accelsim.errors import InputError", "errors.py": ""}, []),
        (
            {"units.py": "from accelsim import errors", "errors.py": "import accelsim.units"},
            ["cycle: errors.py <- units.py <- errors.py"],
        ),
        (
            {
                "parts/a.py": "from accelsim.parts import b",
                "parts/b.py": "from .c import x",
                "parts/c.py": "from . import a",
            },
            ["cycle: parts/a.py <- parts/b.py <- parts/c.py <- parts/a.py"],
        ),
        (
            {"parts/__init__.py": "from accelsim.parts.a import x", "parts/a.py": "from accelsim.parts import y"},
            ["cycle: parts/__init__.py <- parts/a.py <- parts/__init__.py"],
        ),
        ({"parts/a.py": "import simpy"}, ["parts/a.py:1: only engine may import simpy"]),
        ({"engine/bridge.py": "import simpy.core"}, []),
        ({"cli.py": "from matplotlib import pyplot"}, ["cli.py:1: only report may import matplotlib"]),
        (
            {"kernels/a.py": "import importlib\nimportlib.import_module('numba.core')"},
            ["kernels/a.py:2: only jit may import numba"],
        ),
        (
            {"kernels/a.py": "from accelsim.units import ceil_div", "units.py": ""},
            ["kernels/a.py:1: kernels import units, which the hash of their cache leaves out"],
        ),
        ({"extra.py": ""}, ["extra.py: extra has no floor"]),
        ({"cli.py": "from accelsim.extra import x"}, ["cli.py:1: extra has no floor"]),
    ],
)
def test_a_planted_violation_is_found(tmp_path: Path, files: dict[str, str], expected: list[str]) -> None:
    root = tmp_path / "accelsim"
    for name in (
        "errors.py",
        "build/__init__.py",
        "simulation/__init__.py",
        "api.py",
        "cli.py",
        "cost/__init__.py",
        "parts/__init__.py",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    (root / "__init__.py").write_text("__version__ = '0'\n")
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text + "\n")
    found = violations(root)
    cycles = [line for line in expected if line.startswith("cycle: ")]
    if cycles:
        # The search may enter a cycle at any of its modules.
        assert len(found) == 1
        assert set(found[0].removeprefix("cycle: ").split(" <- ")) == set(
            cycles[0].removeprefix("cycle: ").split(" <- ")
        )
    else:
        assert found == expected
