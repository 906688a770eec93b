"""The tile of dot products, compiled for this machine, by plain vector operations and un-jitted, against NumPy."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import numpy as np
from accelsim.jit import Kernel, kernel
from accelsim.reference.kernels import tile as tiles
from accelsim.reference.kernels.tile import PANEL, ROWS, tile

@kernel
def multiply(patches, row, weights, panel, sums, column):
    tile(patches, row, weights, panel, sums, column)

def panelled(weights, unit):
    return np.ascontiguousarray(weights.reshape(2, PANEL, -1, unit).transpose(0, 2, 1, 3)).reshape(2, -1)

rng = np.random.default_rng(5)
for words, kind, unit in ((np.uint8, np.int8, 4), (np.int16, np.int16, 2)):
    for length in (4, 8, 60):
        for extreme in (False, True):
            info, limits = np.iinfo(words), np.iinfo(kind)
            # Two products of -32768 squared are one more than the instruction's 32 bits hold.
            least = max(info.min, -(2**14))
            patches = rng.integers(least, info.max + 1, (2 * ROWS, length)).astype(words)
            weights = rng.integers(limits.min, limits.max + 1, (2 * PANEL, length)).astype(kind)
            if extreme:
                patches[:], weights[::2], weights[1::2] = (255 if words is np.uint8 else 8192), limits.min, limits.max
            elif words is np.int16:
                patches >>= 3
            sums = np.full((2 * ROWS, 3 * PANEL), 7, dtype=np.int32)
            multiply(patches, ROWS, panelled(weights, unit), 1, sums, PANEL)
            expected = np.full_like(sums, 7)
            expected[ROWS:, PANEL : 2 * PANEL] = patches[ROWS:].astype(np.int64) @ weights[PANEL:].astype(np.int64).T
            assert np.array_equal(sums, expected), (words, length, extreme)
if isinstance(multiply, Kernel):
    from numba.core.registry import cpu_target

    has = "+avx512vnni" in cpu_target.target_context.codegen().magic_tuple()[2].split(",")
    emitted = " ".join(multiply.entry.inspect_asm().values())
    print(has, *(f"vpdp{name}" in emitted for name in ("busd", "wssd")))
"""


def run_with(directory: Path, **settings: str) -> list[str]:
    root = str(Path(__file__).parents[3])
    # From a file, since Numba keeps what it compiles beside a source.
    program = directory / "program.py"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, str(program)],
        env=os.environ | {"PYTHONPATH": root, "ACCELSIM_CACHE": str(directory)} | settings,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("settings", [{}, {"NUMBA_CPU_NAME": "generic"}], ids=["this machine", "any machine"])
def test_a_tile_is_a_product_of_matrices_by_the_instructions_at_hand(tmp_path, settings) -> None:
    has, of_bytes, of_halves = run_with(tmp_path, **settings)
    assert has == of_bytes == of_halves
    assert has == "False" or not settings


def test_a_tile_is_a_product_of_matrices_as_plain_python(tmp_path) -> None:
    assert run_with(tmp_path, NUMBA_DISABLE_JIT="1") == []
