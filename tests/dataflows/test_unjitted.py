"""All dataflows as plain Python: the comparisons with their twins, run once more without compiling."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def test_plain_python_equals_the_twins() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "kernel_equals_twin", str(HERE)]
    done = subprocess.run(command, env=os.environ | {"NUMBA_DISABLE_JIT": "1"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
