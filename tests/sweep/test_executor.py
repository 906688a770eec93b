from __future__ import annotations

import math
import operator
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from accelsim.errors import InputError, Problem
from accelsim.sweep.executor import THREAD_VARIABLES, Failure, run_all


def in_order(found: Any) -> list[Any]:
    return [outcome for _, outcome in sorted(found, key=operator.itemgetter(0))]


@pytest.mark.parametrize("jobs", [1, 3])
def test_every_item_has_its_outcome(jobs: int) -> None:
    items: list[Any] = [-1, 3, "x", 5, 0]
    assert in_order(run_all(math.factorial, items, jobs)) == [
        Failure("ValueError: factorial() not defined for negative values"),
        6,
        Failure("TypeError: 'str' object cannot be interpreted as an integer"),
        120,
        1,
    ]


def test_a_failure_of_ours_is_its_message_alone() -> None:
    def fail(item: int) -> int:
        raise InputError(Problem("is missing", "a.yaml", item, "x"))

    assert list(run_all(fail, [3], 1)) == [(0, Failure("a.yaml:3: x: is missing", 2))]


def test_a_process_that_dies_fails_only_its_own_item() -> None:
    items = ["0", "__import__('os')._exit(7)", "2", "3", "4"]
    assert in_order(run_all(eval, items, 2)) == [0, Failure("the worker process died"), 2, 3, 4]


def test_the_first_success_comes_from_this_process_and_workers_have_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in THREAD_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    code = f"(__import__('os').getpid(), [__import__('os').environ.get(name) for name in {THREAD_VARIABLES}])"
    first, second = in_order(run_all(eval, [code, code], 2))
    assert first == (os.getpid(), [None] * len(THREAD_VARIABLES))
    assert second[0] != os.getpid()
    assert second[1] == ["1"] * len(THREAD_VARIABLES)
    assert not any(name in os.environ for name in THREAD_VARIABLES)


def test_leaving_early_ends_the_workers(tmp_path: Path) -> None:
    """As an interrupt does: the pool must neither wait for what is running nor leave it behind."""
    program = """\
import multiprocessing, sys
from accelsim.sweep.executor import run_all

if __name__ == "__main__":
    outcomes = run_all(eval, ["1", "2", "__import__('time').sleep(60)"], 2)
    print(*sorted([next(outcomes), next(outcomes)]))
    outcomes.close()
    print(multiprocessing.active_children())
"""
    script = tmp_path / "leave.py"
    script.write_text(program)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=30, env=environment, check=False
    )
    assert done.stdout == "(0, 1) (1, 2)\n[]\n"
    assert (done.returncode, done.stderr) == (0, "")
