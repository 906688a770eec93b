"""The command that trains."""

import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")

ROOT = Path(__file__).resolve().parents[3]


def test_every_network_has_its_tasks_and_its_directory(script) -> None:
    for name in script("train").NETWORKS:
        assert callable(script(name).ship)
        assert callable(script(name).validate)
        assert (ROOT / "workloads" / name / "README.md").is_file()


def test_an_unknown_network_is_named_with_those_that_exist() -> None:
    command = [sys.executable, "workloads/training/train.py", "ship", "alexnet"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "argument network: invalid choice: 'alexnet' (choose from" in done.stderr
    assert "resnet18_digits" in done.stderr
