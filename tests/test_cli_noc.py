"""`accelsim noc` as a user types it."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim import cli

ROOT = Path(__file__).resolve().parents[1]
MESH = str(ROOT / "arch_configs" / "mesh_booksim.yaml")
GOLDEN = ROOT / "tests" / "golden" / "booksim2" / "mesh_4x4.npz"
LOG = ("pid", "src", "dst", "size", "ctime", "itime", "atime_head", "atime_tail", "hops")


def run(*arguments: str, directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "run_sim.py"), *arguments],
        capture_output=True,
        text=True,
        cwd=directory,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("rc1va1sa1st1_v1_b4_r0.2_p5", {"virtual_channels": 1, "buffer_flits": 4, "routing_cycles": 1}),
        ("lookahead_spec_v4_b4_r0.2_p1", {"virtual_channels": 4, "buffer_flits": 4, "routing_cycles": 0}),
    ],
)
def test_a_replay_of_a_booksim_log(tmp_path: Path, name: str, settings: dict[str, int]) -> None:
    with np.load(GOLDEN, allow_pickle=False) as archive:
        trace = archive["trace_" + "_".join(name.split("_")[-2:])].astype(int)
        expected = archive[name].astype(int)
    np.savetxt(tmp_path / "in.csv", trace, fmt="%d", delimiter=",")
    given = settings | {
        "columns": 4,
        "rows": 4,
        "vc_allocation_cycles": 1,
        "switch_allocation_cycles": 1,
        "traversal_cycles": 1,
        "link_cycles": 1,
        "speculative": "true" if name.startswith("lookahead") else "false",
    }
    overrides = [part for key, value in given.items() for part in ("--set", f"noc.{key}={value}")]
    done = run("noc", MESH, "--packets", "in.csv", "--log", "out.csv", *overrides, directory=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{len(trace):,} packets, {trace[:, 3].sum():,} flits" in done.stdout
    with (tmp_path / "out.csv").open(newline="") as lines:
        assert next(csv.reader(lines)) == list(LOG)
        rows = np.array([[int(value) for value in row] for row in csv.reader(lines)])
    wanted = np.column_stack([trace[:, [1, 2, 3, 0]], trace[:, :1] + np.cumsum(expected, axis=1)])
    assert sorted(rows[:, 1:8].tolist()) == sorted(wanted.tolist())
    assert (np.diff(rows[:, 7]) >= 0).all()
    assert sorted(rows[:, 0].tolist()) == list(range(len(trace)))


def test_traffic_leaves_a_report_and_pictures(tmp_path: Path) -> None:
    arguments = [
        "--traffic",
        "transpose",
        "--rate",
        "0.1,0.2",
        "--cycles",
        "500",
        "--warmup",
        "100",
        "--plot",
        "--json",
    ]
    done = run("noc", MESH, *arguments, directory=tmp_path)
    assert done.returncode == 0
    report = json.loads(done.stdout)
    assert [point["rate"] for point in report["points"]] == [0.1, 0.2]
    directory = tmp_path / "results" / "mesh_booksim__transpose"
    names = ["arch.yaml", "noc.json", "noc.txt", "noc_latency.png", "noc_links.png"]
    assert sorted(path.name for path in directory.iterdir()) == names
    assert json.loads((directory / "noc.json").read_text()) == report
    assert done.stderr == (directory / "noc.txt").read_text() + "\nresults in results/mesh_booksim__transpose\n"
    assert report["provenance"]["seed"] == 0


def noc(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.main(["noc", *arguments])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_the_network_of_any_chip(capsys: pytest.CaptureFixture[str]) -> None:
    chip = str(ROOT / "arch_configs" / "spikepack.yaml")
    code, out, err = noc(
        capsys, chip, "--traffic", "uniform", "--rate", "0.1", "--cycles", "200", "--set", "noc.rows=2"
    )
    assert (code, err) == (0, "")
    assert out.startswith("spikepack: 5x2 mesh, xy, 2 VCs of 6 flits, uniform traffic, packets of 1 flit\n")


def test_options_reach_the_traffic(capsys: pytest.CaptureFixture[str]) -> None:
    options = "--traffic hotspot --rate 0.02 --rate 0.04 --packet-flits 3 --cycles 300 --warmup 7 --seed 5"
    options += " --hotspot-nodes 1,2 --hotspot-weight 9 --json --quiet"
    code, out, err = noc(capsys, MESH, *options.split())
    assert (code, err) == (0, "")
    report = json.loads(out)
    assert report["traffic"] == {
        "pattern": "hotspot",
        "packet_flits": 3,
        "hotspot_nodes": [1, 2],
        "hotspot_weight": 9,
        "warmup_cycles": 7,
        "cycles": 300,
    }
    assert report["provenance"]["seed"] == 5
    assert [point["rate"] for point in report["points"]] == [0.02, 0.04]


def test_the_middle_is_hot_whatever_its_weight(capsys: pytest.CaptureFixture[str]) -> None:
    options = "--traffic hotspot --rate 0.1 --cycles 100 --warmup 0 --hotspot-weight 1 --json --quiet"
    assert json.loads(noc(capsys, MESH, *options.split())[1])["traffic"]["hotspot_nodes"] == [10]


def test_a_log_may_go_where_no_file_can_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("0,0,15,1\n")
    done = run("noc", MESH, "--packets", "in.csv", "--log", "/dev/stdout", "--quiet", directory=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == ",".join(LOG) + "\n0,0,15,1,0,0,37,37,7\n"
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_without_rates_the_curve_goes_up_to_saturation(capsys: pytest.CaptureFixture[str]) -> None:
    options = "--traffic bit_complement --cycles 500 --warmup 100 --json"
    report = json.loads(noc(capsys, MESH, *options.split())[1])
    assert report["saturation"]["rate"] > 0.3
    assert not report["points"][-1]["stable"]
    assert report["links"]["rate"] == report["saturation"]["rate"]


def test_bursts_of_a_trace(capsys: pytest.CaptureFixture[str]) -> None:
    trace = str(ROOT / "traces" / "resnet18_digits.npz")
    options = ["--traffic", "burst", "--trace", trace, "--rate", "0.4", "--json"]
    report = json.loads(noc(capsys, MESH, *options)[1])
    assert report["traffic"]["input"] == "resnet18_digits"
    assert report["traffic"]["pass_packets"] == report["points"][0]["packets"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "one of the arguments --packets --traffic is required"),
        (
            ["--packets", "a.csv", "--traffic", "uniform"],
            "argument --traffic: not allowed with argument --packets",
        ),
        (
            ["--traffic", "unifrm"],
            "argument --traffic: invalid choice: 'unifrm' (choose from uniform, transpose, bit_complement, neighbor, "
            "hotspot, burst)",
        ),
        (
            ["--traffic", "uniform", "--rate", "0.1,1.5"],
            "argument --rate: must be numbers from 1e-09 up to 1, which is all a node can send (got '0.1,1.5')",
        ),
        (
            ["--traffic", "uniform", "--rate", "x"],
            "argument --rate: must be numbers from 1e-09 up to 1, which is all a node can send (got 'x')",
        ),
        (
            ["--traffic", "uniform", "--rate", "1e-320"],
            "argument --rate: must be numbers from 1e-09 up to 1, which is all a node can send (got '1e-320')",
        ),
        (["--traffic", "uniform", "--packet-flits", "0"], "argument --packet-flits: must be 1 or more (got '0')"),
        (
            ["--traffic", "uniform", "--packet-flits", "65537"],
            "argument --packet-flits: must be at most 65536 (got '65537')",
        ),
    ],
)
def test_bad_usage(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["noc", MESH, *arguments])
    assert caught.value.code == 2
    # Python 3.11 puts the choices of an argument in quotes.
    told = re.sub(r"choose from .*", lambda found: found[0].replace("'", ""), capsys.readouterr().err.splitlines()[-1])
    assert told == f"accelsim noc: error: {message}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--packets", "in.csv"], "--log: is missing: where the log of a replay goes"),
        (["--traffic", "uniform", "--log", "out.csv"], "--log: goes with --packets only"),
        (
            ["--packets", "in.csv", "--log", "out.csv", "--rate", "0.1", "--cycles", "5", "--trace", "t.npz"],
            "--rate: goes with --traffic only\n--cycles: goes with --traffic only\n"
            "--trace: goes with --traffic burst only",
        ),
        (
            ["--traffic", "uniform", "--hotspot-nodes", "1", "--hotspot-weight", "3", "--trace", "t.npz"],
            "--trace: goes with --traffic burst only\n--hotspot-nodes: goes with --traffic hotspot only\n"
            "--hotspot-weight: goes with --traffic hotspot only",
        ),
        (
            ["--traffic", "burst"],
            "--trace: is missing: whose spikes the bursts are; allowed: .npz, .yaml, .yml",
        ),
        (["--packets", "absent.csv", "--log", "out.csv"], "absent.csv: no such file"),
        (
            ["--packets", "in.csv", "--log", "out.csv", "--set", "noc.columns=2"],
            "in.csv:1: dst: is no node of the network (got '15'); allowed: 0 to 7",
        ),
        (
            ["--packets", "in.csv", "--log", "absent/out.csv"],
            "--log: cannot be written: no such directory (got 'absent/out.csv')",
        ),
        (["--packets", "in.csv", "--log", "."], "--log: is a directory (got '.')"),
        (["--packets", "in.csv", "--log", "./in.csv"], "--log: is the list of packets itself (got './in.csv')"),
        (["--packets", "", "--log", "out.csv"], "--packets: names no file"),
        (
            ["--packets", "in.csv", "--log", "d/out.csv", "--out", "d"],
            "--log: is in the directory of --out, which holds the report only (got 'd/out.csv')",
        ),
        (
            ["--packets", "in.csv", "--log", "out.csv", "--out", ""],
            ".: holds other files than a result's: results go to a directory of their own",
        ),
        (
            ["--traffic", "uniform", "--rate", "0.5", "--warmup", "999999999"],
            "--warmup: with this rate and this many nodes makes too many packets (got 999999999); "
            "allowed: 20,000,000 packets in all",
        ),
        (
            ["--traffic", "uniform", "--set", "noc.topology=torus", "--set", "noc.virtual_channels=1"],
            "--set: noc.virtual_channels: could deadlock: packets round a torus wait for each other without a second "
            "class of channels (got 1); allowed: >= 2",
        ),
        (
            ["--traffic", "transpose", "--set", "noc.columns=5"],
            "--traffic transpose: swaps columns and rows, so there must be as many of both (got '5 x 4'); "
            "allowed: a square",
        ),
        (
            ["--traffic", "uniform", "--rate", "0.1", "--out", "."],
            ".: holds other files than a result's: results go to a directory of their own",
        ),
    ],
)
def test_bad_input(
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.csv").write_text("0,0,15,1\n")
    assert noc(capsys, MESH, *arguments) == (2, "", message + "\n")
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_a_network_alone_is_checked_but_not_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", MESH]) == 0
    assert capsys.readouterr().out == f"{MESH}: ok, a network without a chip, for `accelsim noc`\n"
    assert cli.main(["check", MESH, "--set", "noc.columns=0"]) == 2
    assert capsys.readouterr().err == "--set: noc.columns: must be at least 1 (got 0)\n"
    refused = (
        f"{MESH}: describes a network without a chip, which `accelsim noc` takes; "
        "allowed: a file with tiles and memory for the rest\n"
    )
    trace = str(ROOT / "traces" / "resnet18_digits.npz")
    for command in ("run", "check"):
        assert cli.main([command, MESH, trace]) == 2
        assert capsys.readouterr().err == refused


def test_a_deadlock_is_told_with_exit_code_3(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from accelsim.engine.replay import NetworkRun
    from accelsim.errors import SimulationError

    def stuck(_run: Any, _until: int | None = None) -> int:
        raise SimulationError("deadlock: nothing moves after cycle 7\nnode 0 waits for node 1")

    monkeypatch.setattr(NetworkRun, "run", stuck)
    (tmp_path / "in.csv").write_text("0,0,15,1\n")
    arguments = ["--packets", str(tmp_path / "in.csv"), "--log", str(tmp_path / "out.csv")]
    assert noc(capsys, MESH, *arguments) == (3, "", "deadlock: nothing moves after cycle 7\nnode 0 waits for node 1\n")
    assert not (tmp_path / "out.csv").exists()
