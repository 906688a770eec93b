from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim import jit

OUTER = """\
from accelsim.jit import cell, kernel, popcount, row, trailing_zeros
from accelsim.kernels.inner import twist

@kernel
def total(values):
    result = 0
    for index in range(values.shape[0]):
        result += twist(values[index])
    return result

@kernel
def bits(words):
    result = 0
    for index in range(words.shape[0]):
        result += 100 * popcount(words[index]) + trailing_zeros(words[index])
    return result

@kernel
def read(values, index):
    return values[index]

@kernel
def read_views(table, words, index):
    return row(table, index)[3] + 100 * row(table, index).sum() + 10000 * cell(words, index)[0]

@kernel
def store(table, words, index, value):
    entry = row(table, index)
    entry[1] = value
    entry[7] += value
    cell(words, index)[0] -= value
"""

INNER = """\
from accelsim.jit import kernel

@kernel
def twist(value):
    return value * FACTOR
"""

USE = """\
import sys
import numpy as np
from accelsim import jit
from accelsim.kernels.outer import total
assert "numba" not in sys.modules
print(total(np.arange(5)), total(np.arange(3)), len(total.signatures))
print(jit.cache_directory())
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the jit module beside kernels that may be edited; its cache is in `tmp_path / "cache"`."""
    kernels = tmp_path / "accelsim" / "kernels"
    kernels.mkdir(parents=True)
    (kernels.parent / "__init__.py").touch()
    (kernels / "__init__.py").touch()
    shutil.copy(jit.__file__, kernels.parent)
    (kernels / "outer.py").write_text(OUTER)
    (kernels / "inner.py").write_text(INNER.replace("FACTOR", "2"))
    return tmp_path


def run(package: Path, program: str = USE, **variables: str) -> list[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA_", "ACCELSIM_"))}
    environment = inherited | {"PYTHONPATH": str(package), "ACCELSIM_CACHE": str(package / "cache")} | variables
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, cwd=package, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def compiled_files(directory: str | Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in Path(directory).rglob("*.nbc")}


def test_an_edited_callee_changes_cache_and_result(package: Path) -> None:
    first, directory = run(package)
    assert first == "20 6 1"
    before = compiled_files(directory)
    assert before
    assert run(package) == [first, directory]
    assert compiled_files(directory) == before

    inner = package / "accelsim" / "kernels" / "inner.py"
    stamp = inner.stat()
    inner.write_text(INNER.replace("FACTOR", "3"))
    os.utime(inner, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    second, other = run(package)
    assert second == "30 9 1"
    assert other != directory

    inner.write_text(INNER.replace("FACTOR", "2"))
    os.utime(inner, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert run(package) == [first, directory]


def test_callees_are_optimised_within_their_entry_alone(package: Path) -> None:
    program = """\
import numpy as np
from numba.core import codegen
optimised = []
original = codegen.JITCodeLibrary._optimize_final_module
def note(module):
    optimised.append(module.name)
    original(module)
codegen.JITCodeLibrary._optimize_final_module = note
from accelsim.kernels.outer import total
print(total(np.arange(5)), "total" in optimised, "twist" in optimised)
assert codegen.JITCodeLibrary._optimize_final_module is note
"""
    assert run(package, program) == ["20 True False"]


def test_threads_that_call_first_at_once_leave_numba_as_it_was(package: Path) -> None:
    program = """\
import numpy as np
from concurrent.futures import ThreadPoolExecutor
from numba import config
from numba.core import codegen
before = codegen.JITCodeLibrary._optimize_final_module, config.CACHE_DIR
from accelsim.kernels.inner import twist
from accelsim.kernels.outer import total
jobs = [(total, np.arange(5)), (twist, 7), (total, np.arange(3)), (twist, 8)]
with ThreadPoolExecutor(4) as pool:
    print(*pool.map(lambda job: job[0](job[1]), jobs))
assert (codegen.JITCodeLibrary._optimize_final_module, config.CACHE_DIR) == before
print(len(total.signatures))
"""
    assert run(package, program) == ["20 14 6 16", "1"]


def test_numba_imported_or_placed_before_makes_no_difference(package: Path) -> None:
    early = "import numba\nbefore = numba.config.CACHE_DIR\n" + USE.replace('assert "numba" not in sys.modules\n', "")
    result, directory = run(package, early + "assert numba.config.CACHE_DIR == before")
    assert result == "20 6 1"
    assert compiled_files(directory)
    assert not list((package / "accelsim").rglob("*.nbc"))
    result, elsewhere = run(package, ACCELSIM_CACHE="", NUMBA_CACHE_DIR=str(package / "numba"))
    assert result == "20 6 1"
    assert Path(elsewhere).parent == package / "numba" / "accelsim"


def test_settings_of_numba_have_their_own_cache(package: Path) -> None:
    program = """\
import numpy as np
from accelsim.kernels.outer import read
try:
    read(np.arange(4)[:2], 3)
    print("read past the end")
except IndexError:
    print("caught")
"""
    assert run(package, program) == ["read past the end"]
    assert run(package, program, NUMBA_BOUNDSCHECK="1") == ["caught"]


def test_plain_python_gives_the_same(package: Path) -> None:
    program = """\
import numpy as np
from accelsim.kernels.outer import bits, total
words = np.array([0, 1, -1, 12, -(2**63)])
print(total(words[1:4]), bits(words), bits(words[1:4].astype(np.uint8)), bits(words.astype(np.uint64)))
print(len(bits.signatures))
"""
    compiled = run(package, program)
    plain = run(package, program, NUMBA_DISABLE_JIT="1")
    assert compiled == ["24 6929 1102 6929", "3"]
    assert plain == [compiled[0], "0"]


VIEWS = """\
import numpy as np
from accelsim.kernels.outer import read_views, store
table = np.arange(24).reshape(3, 8)
words = np.arange(3)
for index in range(3):
    store(table, words, index, 10 ** index)
    print(read_views(table, words, index))
print(table.tolist(), words.tolist())
for index in LATE:
    for reach in (read_views, lambda *place: store(*place, 1)):
        try:
            reach(table, words, index)
        except IndexError:
            print("caught", index)
print(len(store.signatures))
"""


def test_views_reach_the_array_and_check_bounds_if_numba_does(package: Path) -> None:
    unchecked = run(package, VIEWS.replace("LATE", "()"))
    table = np.arange(24).reshape(3, 8)
    table[:, 1] = (1, 10, 100)
    table[:, 7] += (1, 10, 100)
    words = np.array([-1, -9, -98])
    read = table[:, 3] + 100 * table.sum(axis=1) + 10000 * words
    assert unchecked == [*map(str, read), f"{table.tolist()} {words.tolist()}", "1"]
    past_the_end = VIEWS.replace("LATE", "(3, 1000)")
    caught = ["caught 3", "caught 3", "caught 1000", "caught 1000"]
    assert run(package, past_the_end, NUMBA_BOUNDSCHECK="1") == [*unchecked[:-1], *caught, "1"]
    assert run(package, past_the_end, NUMBA_DISABLE_JIT="1") == [*unchecked[:-1], *caught, "0"]


def test_a_cache_that_cannot_be_written_falls_back_to_the_temporary_directory(package: Path) -> None:
    temporary = package / "temporary"
    temporary.mkdir()
    result, directory = run(package, ACCELSIM_CACHE=os.devnull, TMPDIR=str(temporary))
    root = temporary / f"accelsim-{os.getuid()}"
    assert result == "20 6 1"
    assert Path(directory).parent == root
    assert compiled_files(directory)

    root.chmod(0o777)
    result, private = run(package, ACCELSIM_CACHE=os.devnull, TMPDIR=str(temporary))
    assert result == "20 6 1"
    assert Path(private).parent == temporary
    assert not Path(private).exists()


def test_old_versions_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCELSIM_CACHE", str(tmp_path))
    (tmp_path / "notes").mkdir()
    for age in range(20):
        version = tmp_path / f"{age:016x}"
        version.mkdir()
        os.utime(version, (1000 - age, 1000 - age))
    monkeypatch.setattr(jit, "source_hash", lambda package: "f" * 16)
    directory = jit.cache_directory()
    kept = [f"{age:016x}" for age in range(jit.KEPT_VERSIONS)]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*kept, directory.name, "notes"])


@given(st.integers(-(2**63), 2**64 - 1))
def test_intrinsics_answer_from_python(value: int) -> None:
    digits = f"{value % 2**64:064b}"
    assert jit.popcount(value) == digits.count("1")
    assert jit.trailing_zeros(value) == len(digits) - len(digits.rstrip("0"))
    if value >= 0:
        assert jit.popcount(np.uint64(value)) == digits.count("1")


BORROWING = """\
from accelsim.jit import borrowed, kernel

@kernel
def refill(outer):
    outer = borrowed(outer)
    outer.inner.words[0] = 7
    return outer.inner.words.sum() + 100 * outer.words.sum() + outer.inner.number
"""

BORROW = """\
from typing import NamedTuple
import numpy as np
from accelsim.kernels.borrowing import refill

class Inner(NamedTuple):
    words: np.ndarray
    number: int

class Outer(NamedTuple):
    words: np.ndarray
    inner: Inner

words = np.ones(3, np.int64)
print(refill(Outer(np.ones(2, np.int64), Inner(words, 10000))), words[0])
"""


@pytest.mark.parametrize("disabled", ["0", "1"])
def test_tuples_in_a_tuple_are_borrowed_too(package: Path, disabled: str) -> None:
    (package / "accelsim" / "kernels" / "borrowing.py").write_text(BORROWING)
    assert run(package, BORROW, NUMBA_DISABLE_JIT=disabled) == ["10209 7"]
