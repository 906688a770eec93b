"""The command `compare` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from chips import ROOT

from accelsim.cli import main
from accelsim.report.files import load

CONFIGS = ROOT / "arch_configs"
PACKED, SERIAL = str(CONFIGS / "spikepack.yaml"), str(CONFIGS / "spikepack_serial.yaml")
SMALL = (
    "--set", "tiles={columns: 2, rows: 2}", "--set", "noc.columns=3", "--set", "noc.rows=2",
    "--set", "memory_controller.nodes=[2, 5]",
)  # fmt: skip


@pytest.fixture
def workload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.yaml").write_text(
        "name: net\ntimesteps: 4\nweight_bits: 8\nlayers:\n"
        "  - {name: c1, op: conv2d, in_shape: [16, 6, 6], out_channels: 16, kernel: 3, padding: 1, density: 0.4}\n"
        "  - {name: f1, op: linear, in_shape: [64], out_features: 10, density: 0.3}\n"
    )
    return "net.yaml"


def test_two_chips_side_by_side(workload: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["compare", workload, PACKED, SERIAL, *SMALL, "--jobs", "1", "--baseline", "spikepack_serial"]
    assert main([*line, "--equal", "area", "--layers-table", "--json", "--plot", "--out", "out"]) == 0
    printed = capsys.readouterr()
    comparison = json.loads(printed.out)
    assert printed.err.startswith("2 chips running net, 1 image")
    assert printed.err.endswith("results in out\n")
    assert [chip["name"] for chip in comparison["chips"]] == ["spikepack", "spikepack_serial"]
    assert [chip["pes"] for chip in comparison["chips"]] == [1024, 1024]
    assert comparison == json.loads(Path("out/comparison.json").read_text())
    packed, serial = comparison["chips"]
    assert packed["speedup"] == serial["time_s"] / packed["time_s"]
    assert serial["speedup"] == 1
    # Every chip's own result stands beside the table, and says the same.
    for chip in comparison["chips"]:
        report, _ = load(Path("out") / chip["name"])
        assert report["total"]["cycles"] == chip["cycles"]
        assert [layer["cycles"] for layer in report["layers"]] == [layer["cycles"] for layer in chip["layers"]]
        assert report["total"]["synops"] == comparison["synops"]
    picture = Path("out/comparison.png")
    picture.unlink()
    assert main(["plot", "out"]) == 0
    assert capsys.readouterr().out == "out/comparison.png\n"
    assert picture.is_file()


def test_one_file_under_two_names_with_overrides_for_one(workload: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["compare", workload, f"narrow={PACKED}", f"wide={PACKED}", *SMALL, "--jobs", "2", "--json", "--quiet"]
    assert main([*line, "--set", "wide:pe_array.columns=32", "--set", "wide:neuron_unit.lanes=32"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    chips = json.loads(printed.out)["chips"]
    assert [(chip["name"], chip["arch"], chip["pes"]) for chip in chips] == [
        ("narrow", "spikepack", 1024),
        ("wide", "spikepack", 2048),
    ]
    assert sorted(path.name for path in Path("results/compare__net").iterdir()) == [
        "comparison.json",
        "comparison.txt",
        "narrow",
        "wide",
    ]


def test_problems_of_all_files_are_told_together(
    workload: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "bad.yaml").write_text(Path(PACKED).read_text().replace("clock_mhz: 500", "clock_mhz: -1"))
    line = ["compare", "none.npz", PACKED, SERIAL, "bad.yaml", "gone.yaml", "--set", "noc.flit_bits=none"]
    assert main([*line, "--set", "spikepack_serial:pe_array.rows=0"]) == 2
    assert capsys.readouterr() == (
        "",
        "--set of spikepack, spikepack_serial, bad: noc.flit_bits: must be a whole number (got 'none')\n"
        "--set of spikepack_serial: pe_array.rows: must be at least 1 (got 0)\n"
        "bad.yaml:9: clock_mhz: must be at least 0.001 (got -1)\n"
        "gone.yaml: no such file\n"
        "none.npz: no such file\n",
    )
    assert not Path("results").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([PACKED, PACKED], "is the name of several chips: give them others, as in NAME=ARCH (got 'spikepack')"),
        ([PACKED, "--baseline", "x"], "--baseline: is none of the chips (got 'x'); allowed: spikepack"),
        ([PACKED, "--set", "x:a=1"], "--set: is for none of the chips (got 'x:a=1'); allowed: spikepack"),
        (
            [f"a b={PACKED}"],
            "is no name of a chip: it becomes a directory (got 'a b'); allowed: letters, digits, _ . -",
        ),
        ([f"..={PACKED}"], "is no name of a chip: it becomes a directory (got '..'); allowed: letters, digits, _ . -"),
        ([PACKED, "--layers", "c9"], "--layers: no such layer (got 'c9'); allowed: c1, f1"),
        ([PACKED, "--set", "noc.columns"], "--set: must have the form KEY=VALUE (got 'noc.columns')"),
    ],
)
def test_bad_names(workload: str, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", workload, *arguments]) == 2
    assert capsys.readouterr() == ("", message + "\n")


def test_a_chip_that_cannot_run_stops_no_other(workload: str, capsys: pytest.CaptureFixture[str]) -> None:
    line = ["compare", workload, f"tiny={PACKED}", f"good={PACKED}", *SMALL, "--jobs", "1", "--baseline", "tiny"]
    assert main([*line, "--set", "tiny:weight_buffer.bytes=64", "--set", "tiny:weight_buffer.banks=1"]) == 2
    printed = capsys.readouterr()
    assert printed.out.startswith("1 chip running net")
    assert "failed: tiny\n" in printed.out
    assert printed.err.startswith("tiny: ")
    assert "Traceback" not in printed.err
    assert [path.name for path in sorted(Path("results/compare__net").iterdir())] == [
        "comparison.json",
        "comparison.txt",
        "good",
    ]


def test_an_output_directory_of_other_things_is_refused(workload: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("home").mkdir()
    Path("home/letter.txt").write_text("dear")
    assert main(["compare", workload, PACKED, "--out", "home"]) == 2
    assert capsys.readouterr().err == (
        "home: holds other files than a result's: results go to a directory of their own\n"
    )
