from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import accelsim

ROOT = Path(__file__).resolve().parents[1]


def test_the_root_exports_the_public_names_only() -> None:
    assert dir(accelsim) == ["Result", "__version__", "load_arch", "load_trace", "simulate"]
    from accelsim import api

    for name in ("Result", "load_arch", "load_trace", "simulate"):
        assert getattr(accelsim, name) is getattr(api, name)
    with pytest.raises(AttributeError, match=r"module 'accelsim' has no attribute 'simulte'"):
        _ = accelsim.simulte  # type: ignore[attr-defined]


def test_simulate_is_the_function_even_after_the_module_of_that_name(tmp_path: Path) -> None:
    """Importing a submodule binds its name in the package, which must not hide the public function."""
    program = """\
import importlib.machinery, importlib.util, sys
import accelsim

class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "accelsim.simulation":
            return importlib.util.spec_from_loader(name, importlib.machinery.SourceFileLoader(name, sys.argv[1]))

sys.meta_path.insert(0, Finder)
from accelsim.simulation import answer
print(answer, callable(accelsim.simulate))
"""
    source = tmp_path / "simulate.py"
    source.write_text("answer = 42\n")
    done = subprocess.run(
        [sys.executable, "-c", program, str(source)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert done.stdout == "42 True\n"
