"""The fabric as plain Python, and compiled with bounds checks: the same run to the last counter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from chips import ROOT

RUN = """
import json
from chips import chip
from small_workload import SmallWorkload, operator_layers, residual_layers
from snapshot import snapshot
from accelsim.kernels.fabric import advance
from accelsim.simulation.run import run_engine
from accelsim.simulation.verify import verify_outputs

pressed = chip("spike_buffer.bytes=1 KiB", "weight_buffer.bytes=2 KiB", "network_interface.queue_flits=8")
snapshots = []
for layers, images in ((residual_layers(16, 8), 2), (operator_layers(4), 1)):
    run = run_engine(pressed, SmallWorkload(layers), images=images, verify=True)
    verify_outputs(run)
    snapshots.append(snapshot(run))
print(json.dumps([len(advance.signatures), snapshots]))
"""


def run_with(**environment: str) -> tuple[int, list[Any]]:
    """(compiled versions of `advance`, snapshots) of small runs in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        env=os.environ | environment | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests" / "support")])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    versions, found = json.loads(done.stdout)
    return versions, found


@pytest.fixture(scope="module")
def compiled() -> list[Any]:
    versions, found = run_with()
    assert versions == 1
    return found


def test_plain_python_runs_the_same(compiled: list[Any]) -> None:
    assert run_with(NUMBA_DISABLE_JIT="1") == (0, compiled)


@pytest.mark.long
def test_no_index_is_out_of_bounds(compiled: list[Any]) -> None:
    """Compiles the fabric anew."""
    assert run_with(NUMBA_BOUNDSCHECK="1") == (1, compiled)
