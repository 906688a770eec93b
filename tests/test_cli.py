from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from accelsim import cli
from accelsim.errors import InputError, Problem, SimulationError

ROOT = Path(__file__).resolve().parents[1]


def accelsim(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command as a user types it."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "100", "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "accelsim", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        **options,
    )


def test_version_from_every_entry() -> None:
    assert accelsim("--version").stdout == "accelsim 0.1.0\n"
    script = subprocess.run(
        [sys.executable, ROOT / "run_sim.py", "--version"], capture_output=True, text=True, check=True
    )
    assert script.stdout == "accelsim 0.1.0\n"


def test_help_lists_the_commands_that_exist() -> None:
    run = accelsim("--help")
    assert run.returncode == 0
    listed = [line.split()[0] for line in run.stdout.split("COMMAND\n")[-1].splitlines() if line.startswith("    ")]
    assert listed == ["run", "plan", "check", "plot", "sweep", "trace", "certify", "compare", "noc", "rtl"]
    for command in (
        ["run"],
        ["plan"],
        ["check"],
        ["plot"],
        ["sweep"],
        ["compare"],
        ["noc"],
        ["rtl"],
        ["trace"],
        ["trace", "make"],
        ["trace", "import"],
    ):
        assert accelsim(*command, "--help").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["run", "a.yaml"], "the following arguments are required: INPUT"),
        (["a.yaml"], "the following arguments are required: INPUT"),
        (
            ["chek", "a.yaml"],
            "no such command or file: 'chek'; did you mean check? "
            "(commands: run, plan, check, plot, sweep, trace, certify, compare, noc, rtl)",
        ),
        (["a.yaml", "b.npz", "--images", "0"], "argument --images: must be 1 or more (got '0')"),
        (
            ["a.yaml", "b.npz", "--seed", "-1"],
            "argument --seed: must be a whole number below 10^9, not negative (got '-1')",
        ),
        (
            ["a.yaml", "b.npz", "--images", "1e99"],
            "argument --images: must be a whole number below 10^9, not negative (got '1e99')",
        ),
        (["a.yaml", "b.npz", "--imag", "2"], "unrecognized arguments: --imag 2"),
        (["check"], "the following arguments are required: ARCH"),
        (["sweep", "spec.yaml"], "the following arguments are required: --out"),
        (["trace"], "the following arguments are required: ACTION"),
        (["trace", "make", "net"], "the following arguments are required: -o/--out"),
        (["trace", "import", "raw.npz", "-o", "t.npz"], "the following arguments are required: --layers"),
    ],
)
def test_bad_usage(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines()[-1].endswith(f"error: {message}")


def test_usage_errors_leave_the_process_with_2() -> None:
    run = accelsim("sweep")
    assert run.returncode == 2
    assert "Traceback" not in run.stderr


def test_a_closed_pipe_is_no_error_to_tell() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        program = "import sys; from accelsim import cli; cli._check = print; sys.exit(cli.main(['check', 'a.yaml']))"
        run = subprocess.run(
            [sys.executable, "-c", program], stdout=pipe, stderr=subprocess.PIPE, env=environment, check=False
        )
    assert (run.returncode, run.stderr) == (cli.CLOSED_PIPE, b"")


@pytest.mark.parametrize(
    "statement", ["import accelsim", "import accelsim.cli; accelsim.cli._parse(['a.yaml', 'b.npz'])"]
)
def test_starting_loads_nothing_heavy(statement: str) -> None:
    heavy = "{'numpy', 'numba', 'simpy', 'yaml', 'pydantic', 'matplotlib', 'rich'}"
    run = subprocess.run(
        [sys.executable, "-c", f"import sys; {statement}; print({heavy} & set(sys.modules))"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert run.stdout == "set()\n"


Install = Callable[[str, Any], None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Puts a function in the place of the one that the command line imports when it runs."""

    def put(name: str, function: Any) -> None:
        module_name, _, attribute = name.rpartition(".")
        module = sys.modules.get(module_name)
        if module is None:
            module = ModuleType(module_name)
            monkeypatch.setitem(sys.modules, module_name, module)
        monkeypatch.setattr(module, attribute, function, raising=False)
        parent, _, child = module_name.rpartition(".")
        if parent != "accelsim":
            monkeypatch.setattr(sys.modules[parent], child, module, raising=False)

    return put


class Machine:
    """Stands for everything below the command line, and remembers what it was asked."""

    def __init__(self, install: Install) -> None:
        self.asked: dict[str, Any] = {}
        self.simulate: Callable[..., Any] = lambda *_, **__: self.result
        self.result = SimpleNamespace(
            report={"total": {"cycles": np.int64(7)}}, timeline={"bins": np.arange(2)}, arch_text="clock_mhz: 500\n"
        )
        import accelsim.build
        import accelsim.report.comparison_files
        import accelsim.report.plot
        import accelsim.workload

        assert accelsim.build and accelsim.report.comparison_files and accelsim.report.plot and accelsim.workload
        install("accelsim.build.load_arch", self.load_arch)
        install("accelsim.build.planning.check", lambda arch, workload: [f"{arch.name} runs {workload}"])
        install("accelsim.workload.load_input", self.load_input)
        install("accelsim.simulation.simulate", self._simulate)
        install("accelsim.report.text.render", lambda report: f"{report['total']['cycles']} cycles")
        install("accelsim.report.files.save", self.save)
        install("accelsim.report.files.load", lambda directory: ({"schema": 1}, {"bins": directory}))
        install("accelsim.report.files.is_result", lambda directory: (directory / "report.json").exists())
        install("accelsim.report.plot.plot_timeline", self.plot)

    def load_arch(self, path: str, overrides: list[str]) -> Any:
        self.asked["arch"] = (path, overrides)
        if "bad" in path:
            raise InputError(
                [Problem("is missing", path, 3, "clock_mhz"), Problem("unknown key", path, 4, "x", 1, "y")]
            )
        return SimpleNamespace(name=Path(path).stem)

    def load_input(self, path: str, seed: int) -> Any:
        self.asked["input"] = (path, seed)
        if "bad" in path:
            raise InputError(Problem("no such file", path))
        return Path(path).stem

    def _simulate(self, arch: Any, workload: Any, **options: Any) -> Any:
        self.asked["simulate"] = (arch.name, workload, options)
        return self.simulate()

    def save(self, result: Any, directory: Path, text: str) -> None:
        self.asked["save"] = (result, directory, text)

    def plot(self, report: Any, timeline: Any, path: Path) -> None:
        self.asked["plot"] = path


@pytest.fixture
def machine(install: Install, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Machine]:
    monkeypatch.chdir(tmp_path)
    yield Machine(install)


def test_run_without_the_word_run(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["chips/a.yaml", "traces/b.npz"]) == 0
    assert machine.asked["arch"] == ("chips/a.yaml", [])
    assert machine.asked["simulate"] == (
        "a",
        "b",
        {"images": 1, "layers": None, "verify": False, "seed": 0, "progress": None},
    )
    assert machine.asked["save"] == (machine.result, Path("results/a__b"), "7 cycles")
    assert "plot" not in machine.asked
    assert capsys.readouterr() == ("7 cycles\nresults in results/a__b\n", "")


def test_run_hands_its_options_down(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    line = "run a.yaml b.npz --set noc=none --set x.y=1 --out here --json --plot --images 3 --layers c1,c2 --verify"
    assert cli.main([*line.split(), "--seed", "5"]) == 0
    assert machine.asked["arch"] == ("a.yaml", ["noc=none", "x.y=1"])
    assert machine.asked["input"] == ("b.npz", 5)
    assert machine.asked["simulate"][2] == {
        "images": 3,
        "layers": ["c1", "c2"],
        "verify": True,
        "seed": 5,
        "progress": None,
    }
    assert machine.asked["plot"] == Path("here/timeline.png")
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"total": {"cycles": 7}}
    assert printed.err == "7 cycles\nresults in here\n"


def test_quiet_json_is_json_alone(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["a.yaml", "b.npz", "--json", "--quiet"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"total": {"cycles": 7}}
    assert printed.err == ""


@pytest.mark.parametrize("command", ["run", "check"])
def test_problems_of_chip_and_input_are_told_together(
    machine: Machine, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert cli.main([command, "bad.yaml", "bad.npz"]) == 2
    assert capsys.readouterr() == (
        "",
        "bad.yaml:3: clock_mhz: is missing\nbad.yaml:4: x: unknown key (got 1); allowed: y\nbad.npz: no such file\n",
    )
    assert "save" not in machine.asked


def test_check(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "a.yaml"]) == 0
    assert cli.main(["check", "a.yaml", "b.npz"]) == 0
    assert capsys.readouterr().out == "a.yaml: ok\na runs b\na.yaml: ok\nb.npz: ok\n"


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (SimulationError("deadlock: tile 3 waits for tile 4"), 3, "deadlock: tile 3 waits for tile 4"),
        (InputError(Problem("fits no tiling", "b.npz", key="conv1")), 2, "b.npz: conv1: fits no tiling"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (MemoryError(), 3, "needs more memory than there is"),
        (PermissionError(13, "Permission denied", "/out"), 2, "/out: Permission denied"),
    ],
)
def test_exit_codes(
    machine: Machine, capsys: pytest.CaptureFixture[str], error: BaseException, code: int, message: str
) -> None:
    def fail() -> None:
        raise error

    machine.simulate = fail
    assert cli.main(["a.yaml", "b.npz"]) == code
    assert capsys.readouterr() == ("", message + "\n")
    assert "save" not in machine.asked


def test_an_output_directory_of_other_things_is_refused_before_the_run(
    machine: Machine, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("dear")
    (tmp_path / "file").write_text("")
    assert cli.main(["a.yaml", "b.npz", "--out", "home"]) == 2
    assert cli.main(["a.yaml", "b.npz", "--out", "file"]) == 2
    assert "simulate" not in machine.asked
    assert capsys.readouterr().err == (
        "home: holds other files than a result's: results go to a directory of their own\nfile: is not a directory\n"
    )
    (tmp_path / "home" / "report.json").write_text("{}")
    assert cli.main(["a.yaml", "b.npz", "--out", "home", "--quiet"]) == 0


def test_plot(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["plot", "results/a__b"]) == 0
    assert machine.asked["plot"] == Path("results/a__b/timeline.png")
    assert capsys.readouterr().out == "results/a__b/timeline.png\n"


def test_trace_commands(machine: Machine, install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    import accelsim.interop
    import accelsim.reference

    assert accelsim.interop and accelsim.reference
    written: list[Any] = []
    install("accelsim.reference.make_trace", lambda *asked: SimpleNamespace(meta=asked[0], arrays=asked[1:]))
    install("accelsim.reference.model_file.find_model", lambda name: f"file of {name}")
    install("accelsim.reference.model_file.read_model", lambda path: f"model in {path}")
    install("accelsim.interop.images.read_images", lambda path: f"pixels of {path}")
    install("accelsim.interop.raw.import_raw", lambda raw, layers: (str(raw), str(layers), ["inferred a pool"]))
    install("accelsim.workload.trace.write_trace", lambda *arguments: written.append(arguments))
    install("accelsim.workload.describe.describe", lambda workload: f"about {workload}")
    assert cli.main(["trace", "make", "net", "-T", "2", "--images", "x.npy", "-o", "t.npz"]) == 0
    assert cli.main(["trace", "import", "raw.npz", "--layers", "l.yaml", "-o", "u.npz"]) == 0
    assert cli.main(["trace", "show", "t.npz"]) == 0
    assert written == [
        (Path("t.npz"), "model in file of net", (2, "pixels of x.npy", 8)),
        (Path("u.npz"), "raw.npz", "l.yaml"),
    ]
    assert capsys.readouterr() == ("t.npz\nu.npz\nabout t\n", "inferred a pool\n")


def test_progress_goes_to_a_terminal_only(
    machine: Machine, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert cli.main(["a.yaml", "b.npz"]) == 0
    advance = machine.asked["simulate"][2]["progress"]
    advance(1, 2, "conv[1]")
    assert cli.main(["a.yaml", "b.npz", "--quiet"]) == 0
    assert machine.asked["simulate"][2]["progress"] is None
    assert "cycles" in capsys.readouterr().out


@pytest.mark.parametrize("names", ["", ","])
def test_no_layers_are_none_to_run(names: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["a.yaml", "b.npz", "--layers", names])
    assert caught.value.code == 2
    assert f"argument --layers: must name a layer (got {names!r})" in capsys.readouterr().err


def test_check_takes_its_input_also_after_an_option(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "a.yaml", "--set", "x=1", "b.npz"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "b.npz: ok"
    with pytest.raises(SystemExit):
        cli.main(["check", "a.yaml", "b.npz", "c.npz"])
    assert "unrecognized arguments: c.npz" in capsys.readouterr().err


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_are_no_error(closed: str) -> None:
    command = f'"{sys.executable}" -m accelsim check "{ROOT}/arch_configs/spikepack.yaml" {closed}'
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    run = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=environment, check=False)
    assert (run.returncode, run.stderr) == (0, "")
