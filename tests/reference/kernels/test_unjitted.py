"""The convolutions and accumulators as plain Python: the comparisons with their twins, run once more."""

import os
import subprocess
import sys
from pathlib import Path

REFERENCE = Path(__file__).parents[1]
TESTS = ("test_synapses.py", "test_accumulator.py")


def test_plain_python_equals_the_twins() -> None:
    files = [str(REFERENCE / name) for name in TESTS]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files]
    done = subprocess.run(command, env=os.environ | {"NUMBA_DISABLE_JIT": "1"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
