"""The tutorial's dataflow as a package of its own: its code is what the page shows, its chip takes its cycles."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from chips import DIGITS, ROOT

from accelsim.build.shares import as_taken, make_task
from accelsim.dataflows import NO_MASK
from accelsim.report.dataflow_chapters import chapter
from accelsim.workload import load_input
from accelsim.workload.layer import ARRAY_OPS

EXAMPLE = ROOT / "examples" / "lockstep_lanes"
PAGE = (ROOT / "docs" / "add_a_dataflow.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory like a checkout, where the package is installed in `site`."""
    root = tmp_path_factory.mktemp("tutorial")
    for name in ("arch_configs", "examples", "traces"):
        (root / name).symlink_to(ROOT / name)
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text(encoding="utf-8"))
    (root / "site").mkdir()
    for module in project["tool"]["setuptools"]["py-modules"]:
        (root / "site" / f"{module}.py").write_bytes((EXAMPLE / f"{module}.py").read_bytes())
    name, version = project["project"]["name"].replace("-", "_"), project["project"]["version"]
    metadata = root / "site" / f"{name}-{version}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    points = project["project"]["entry-points"]
    lines = [
        f"[{group}]\n" + "".join(f"{key} = {value}\n" for key, value in of.items()) for group, of in points.items()
    ]
    (metadata / "entry_points.txt").write_text("\n".join(lines))
    return root


def python(checkout: Path, arguments: Sequence[str], **environment: str) -> str:
    path = os.pathsep.join(map(str, (checkout / "site", ROOT, ROOT / "tests" / "support")))
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=checkout,
        env=os.environ | {"PYTHONPATH": path} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def dataflow() -> Any:
    """The dataflow, its module loaded from the file without being installed."""
    spec = importlib.util.spec_from_file_location("lockstep_lanes_example", EXAMPLE / "lockstep_lanes.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("language", "text"), [block for block in BLOCKS if block[0] != "sh"])
def test_the_page_shows_the_code_as_it_is(language: str, text: str) -> None:
    kind = {"python": "*.py", "toml": "*.toml", "yaml": "*.yaml"}[language]
    assert any(text in path.read_text(encoding="utf-8") for path in EXAMPLE.glob(kind))


@pytest.mark.parametrize("compiled", [True, False], ids=["compiled", "plain"])
def test_its_own_tests_pass(checkout: Path, compiled: bool) -> None:
    tests = str(EXAMPLE / "test_lockstep_lanes.py")
    chosen = () if compiled else ("-k", "kernel_equals_twin")
    environment = {} if compiled else {"NUMBA_DISABLE_JIT": "1"}
    printed = python(checkout, ["-m", "pytest", "-q", "-p", "no:cacheprovider", tests, *chosen], **environment)
    assert re.search(r"\d passed", printed)


def test_its_chapter_names_its_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    from accelsim.report import dataflow_chapters

    module = dataflow()
    monkeypatch.setattr(dataflow_chapters, "find_dataflow", lambda name: module.DATAFLOW)
    text = chapter("lockstep_lanes", module.__doc__)
    assert text.startswith("### Lockstep lanes: `lockstep_lanes`\n")
    tests = (EXAMPLE / "test_lockstep_lanes.py").read_text(encoding="utf-8")
    named = re.findall(r"`test_lockstep_lanes\.(\w+)`", text)
    assert len(named) == 2
    assert all(f"def test_{name}(" in tests for name in named)


def test_every_number_of_its_chip_has_a_source_or_is_called_an_estimate() -> None:
    for line in (EXAMPLE / "lockstep_lanes.yaml").read_text(encoding="utf-8").splitlines():
        setting, _, comment = line.partition("#")
        if re.search(r"[:\[,]\s*\d", setting):
            assert re.search(r"\bsource: \S|\bestimate: \S", comment), line


def test_the_commands_of_the_page_run_and_the_chip_takes_the_cycles_of_its_schedule(checkout: Path) -> None:
    for language, text in BLOCKS:
        if language == "sh" and text.startswith("accelsim "):
            python(checkout, ["-m", *shlex.split(text)])
    cycles = scheduled_cycles()
    for name in ("lockstep", "lockstep_alone"):
        report = json.loads((checkout / "results" / name / "report.json").read_text())
        found = {layer["name"]: layer for layer in report["layers"]}
        assert {layer: found[layer]["compute_cycles"] for layer in cycles} == cycles
        if name == "lockstep_alone":
            assert {layer: found[layer]["cycles"] for layer in cycles} == cycles
    comparison = json.loads((checkout / "results" / "lockstep_compared" / "comparison.json").read_text())
    assert [chip["name"] for chip in comparison["chips"]] == ["lockstep_lanes", "spikepack"]


def scheduled_cycles() -> dict[str, int]:
    """Cycles of the twin for each layer of the trace with weights, all groups of output channels."""
    flow = dataflow().DATAFLOW
    keys = yaml.safe_load((EXAMPLE / "lockstep_lanes.yaml").read_text(encoding="utf-8"))["pe_array"]
    settings = flow.settings_class(**keys)
    workload = load_input(DIGITS)
    cycles = {}
    for layer in workload.layers:
        if layer.op in ARRAY_OPS:
            outs = (0, layer.out_shape[0])
            task = make_task(layer, (0, layer.out_shape[1]), outs, (0, layer.in_shape[0]))
            words = workload.input_words(layer.name, 0).reshape(layer.in_shape).transpose(1, 2, 0).astype("int32")
            one_group = flow.twin(settings, as_taken(flow, settings, task), words, NO_MASK).cycles
            cycles[layer.name] = one_group * -(-outs[1] // settings.columns)
    return cycles
