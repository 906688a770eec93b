"""The command `rtl` as a user types it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from chips import ROOT

from accelsim.cli import main

SPIKEPACK = ROOT / "arch_configs" / "spikepack.yaml"
SMALL = (
    "pe_array={rows: 2, columns: 2, spike_mode: packed, line_words: 4, fifo_words: 4, pixels_in_flight: 2}",
    "spike_buffer={bytes: 256}",
    "weight_buffer={bytes: 256, banks: 2}",
    "noc={columns: 5, rows: 4, flit_bits: 16, virtual_channels: 1, buffer_flits: 2}",
)


def rtl(out: Path, *overrides: str) -> int:
    return main(["rtl", str(SPIKEPACK), "-o", str(out), *(word for text in overrides for word in ("--set", text))])


def test_the_array_and_the_router_of_a_chip_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "netlists"
    assert rtl(out, *SMALL) == 0
    assert capsys.readouterr().out.splitlines() == [f"{out}/packed_array.il", f"{out}/router.il"]
    for name in ("packed_array", "router"):
        assert re.search(rf"^module \\{name}$", (out / f"{name}.il").read_text(), re.MULTILINE)
    assert rtl(out, *SMALL) == 0, "an earlier result is replaced"


def test_everything_that_the_hardware_has_not_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    overrides = ("weight_buffer.ports=2rw", "spike_buffer.read_latency_cycles=0", "noc.link_cycles=2")
    assert rtl(tmp_path / "netlists", *SMALL, *overrides) == 2
    assert capsys.readouterr().err.splitlines() == [
        "weight_buffer.ports: a bank of the RTL gives one word a cycle (got '2rw'); allowed: 1rw, 1r1w",
        "spike_buffer.read_latency_cycles: the RTL has a register there (got 0); allowed: >= 1",
        "noc.link_cycles: the RTL has no other router (got 2); allowed: 1",
    ]
    assert not (tmp_path / "netlists").exists()


def test_a_directory_of_other_files_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert rtl(tmp_path, *SMALL) == 2
    assert "holds other files than a result's" in capsys.readouterr().err


def test_without_amaranth_the_extra_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accelsim.commands.rtl.find_spec", lambda name: None)
    assert rtl(tmp_path / "netlists") == 2
    assert capsys.readouterr().err == "hardware needs the extra rtl: pip install 'accelsim[rtl]'\n"
