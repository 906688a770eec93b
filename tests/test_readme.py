"""What a newcomer meets works: the README's commands and snippets run, and the files that documents name exist."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("workloads/**/*.md")])

FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
NAMED_FILE = re.compile(r"`((?:accelsim|arch_configs|benchmarks|docs|examples|tests|traces|workloads)/[\w./-]*)`")


def blocks() -> list[tuple[str, str]]:
    """(language, text) of the README's fenced blocks, in order."""
    return [(found[1], found[2]) for found in FENCED.finditer(README.read_text(encoding="utf-8"))]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A directory that looks like a checkout, with `python` and `accelsim` as an environment would have them."""
    for name in ("arch_configs", "examples", "traces", "run_sim.py"):
        (tmp_path / name).symlink_to(ROOT / name)
    for name in ("bin", "docs/images"):
        (tmp_path / name).mkdir(parents=True)
    for name, arguments in (("python", ""), ("accelsim", " -m accelsim")):
        program = tmp_path / "bin" / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}"{arguments} "$@"\n', encoding="utf-8")
        program.chmod(0o755)
    return tmp_path


def run(command: list[str], directory: Path) -> str:
    path = f"{directory / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=directory,
        env=os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_commands_and_snippets_run_in_order(checkout: Path) -> None:
    install = "pip install -e . && "
    commands = [text.strip() for language, text in blocks() if language == "sh"]
    assert commands[0].startswith("git clone <repository> accelsim && cd accelsim && python3 -m venv .venv && ")
    assert commands[1] == "pip install -e '.[test]' && python -m pytest -n 2"
    for language, text in blocks():
        if language == "yaml":
            (checkout / text.splitlines()[0].removeprefix("# ")).write_text(text, encoding="utf-8")
        elif language == "python":
            run([sys.executable, "-c", text], checkout)
        elif "export_onnx.py" in text and find_spec("torch") is None:
            assert "pip install -e '.[onnx,train]'" in README.read_text(encoding="utf-8")
        elif language == "sh" and not text.startswith("pip "):
            run(["bash", "-euc", text.partition(install)[2] or text], checkout)
    for file in (
        "results/spikepack__resnet18_digits/report.json",
        "docs/images/timeline.png",
        "results/more_banks/arch.yaml",
        "results/verified/report.json",
        "results/spikepack__mine_trace/report.txt",
        "results/sweep/points.csv",
        "results/compared/comparison.png",
        "results/compared/dense_ann/report.json",
        "results/noc/noc_latency.png",
        "results/noc/noc_links.png",
        "log.csv",
        "results/from_python/timeline.png",
    ):
        assert (checkout / file).is_file(), file


def test_the_picture_is_small() -> None:
    assert (ROOT / "docs/images/timeline.png").stat().st_size < 200_000


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_named_files_exist(document: Path) -> None:
    text = FENCED.sub("", document.read_text(encoding="utf-8"))
    targets = [unquote(link.partition("#")[0]) for link in LINK.findall(text) if "://" not in link]
    missing = [target for target in targets if target and not (document.parent / target).exists()]
    missing += [name for name in NAMED_FILE.findall(text) if not (ROOT / name).exists()]
    assert missing == []
