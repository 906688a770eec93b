"""Many runs over a process pool."""

from accelsim.sweep.result import SweepResult
from accelsim.sweep.spec import Sweep, load_sweep
from accelsim.sweep.sweep import run_sweep

__all__ = ["Sweep", "SweepResult", "load_sweep", "run_sweep"]
