"""The result directory: whole or not at all, never over foreign files, and never read blindly."""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim.errors import InputError
from accelsim.report import files
from accelsim.report.files import is_result, load, save


@dataclass
class Result:
    report: dict[str, Any]
    timeline: dict[str, Any]
    arch_text: str = "clock_mhz: 500\n"


@pytest.fixture
def result(report: dict[str, Any], timeline: dict[str, Any]) -> Result:
    return Result(report, timeline)


def message(problem: str) -> str:
    return f"^{re.escape(problem)}$"


def test_what_is_saved_is_loaded(result: Result, tmp_path: Path) -> None:
    target = save(result, tmp_path / "deep" / "er", "text\n")
    assert sorted(path.name for path in target.iterdir()) == ["arch.yaml", "report.json", "report.txt", "timeline.npz"]
    assert (target / "report.txt").read_text() == "text\n"
    assert (target / "arch.yaml").read_text() == "clock_mhz: 500\n"
    report, timeline = load(target)
    assert report == result.report
    assert timeline.keys() == result.timeline.keys()
    for name, array in timeline.items():
        np.testing.assert_array_equal(array, result.timeline[name])
    assert is_result(target)


def test_saving_twice_gives_the_same_bytes(result: Result, tmp_path: Path) -> None:
    first, second = save(result, tmp_path / "a", "t"), save(result, tmp_path / "b", "t")
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes()


def test_numpy_scalars_become_json_numbers(result: Result, tmp_path: Path) -> None:
    result.report["total"] |= {"cycles": np.int64(7), "time_s": np.float64(0.5), "steps": np.arange(3)}
    text = (save(result, tmp_path / "r", "t") / "report.json").read_text()
    total = json.loads(text)["total"]
    assert (total["cycles"], total["time_s"], total["steps"]) == (7, 0.5, [0, 1, 2])


def test_a_previous_result_is_replaced_with_its_pictures(result: Result, tmp_path: Path) -> None:
    target = save(result, tmp_path / "r", "old")
    (target / "timeline.png").write_bytes(b"old")
    save(result, target, "new")
    assert (target / "report.txt").read_text() == "new"
    assert not (target / "timeline.png").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_an_empty_directory_is_taken(result: Result, tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    save(result, tmp_path / "r", "t")
    assert is_result(tmp_path / "r")


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["thesis.tex"], "thesis.tex"),
        (["a.png", "b.png"], "a.png, b.png"),
        (["report.json", "notes.txt"], "notes.txt"),
        (["1.txt", "2.txt", "3.txt", "4.txt", "5.txt"], "1.txt, 2.txt, 3.txt and 2 more"),
    ],
)
def test_foreign_files_are_never_replaced(result: Result, tmp_path: Path, names: list[str], shown: str) -> None:
    target = tmp_path / "work"
    target.mkdir()
    for name in names:
        (target / name).write_text("mine")
    problem = f"{target}: holds files that are no result, so it is not replaced: {shown}"
    with pytest.raises(InputError, match=message(problem)):
        save(result, target, "t")
    assert {path.name for path in target.iterdir()} == set(names)
    assert all((target / name).read_text() == "mine" for name in names)
    assert [path.name for path in tmp_path.iterdir()] == ["work"]


def test_a_subdirectory_is_foreign(result: Result, tmp_path: Path) -> None:
    target = save(result, tmp_path / "r", "t")
    (target / "sub.png").mkdir()
    with pytest.raises(InputError, match=r"it is not replaced: sub\.png$"):
        save(result, target, "t")


def test_a_file_in_the_way(result: Result, tmp_path: Path) -> None:
    (tmp_path / "r").write_text("")
    with pytest.raises(InputError, match=message(f"{tmp_path / 'r'}: a file has the name of the result directory")):
        save(result, tmp_path / "r", "t")
    with pytest.raises(
        InputError, match=message(f"{tmp_path / 'r' / 's'}: {tmp_path / 'r'} is a file, not a directory")
    ):
        save(result, tmp_path / "r" / "s", "t")


def test_a_failure_leaves_the_old_result_and_nothing_else(
    result: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = save(result, tmp_path / "r", "old")

    def full(*args: object, **arrays: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.np, "savez_compressed", full)
    with pytest.raises(InputError, match=message(f"{target}: cannot write the result: No space left on device")):
        save(result, target, "new")
    assert (target / "report.txt").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_a_failed_rename_puts_the_old_result_back(
    result: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = save(result, tmp_path / "r", "old")
    replace = os.replace
    calls: list[object] = []

    def second_fails(source: Path, destination: Path) -> None:
        calls.append(destination)
        if len(calls) == 2:
            raise OSError(5, "Input/output error")
        replace(source, destination)

    monkeypatch.setattr(files.os, "replace", second_fails)
    with pytest.raises(InputError, match=r"cannot write the result: Input/output error$"):
        save(result, target, "new")
    assert (target / "report.txt").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["r"]


def test_our_own_mistakes_are_no_input_errors(result: Result, tmp_path: Path) -> None:
    result.report["total"]["fps"] = float("nan")
    with pytest.raises(ValueError, match="not JSON compliant"):
        save(result, tmp_path / "r", "t")
    result.report["total"]["fps"] = object()
    with pytest.raises(TypeError, match="a report holds no object"):
        save(result, tmp_path / "r", "t")
    assert list(tmp_path.iterdir()) == []


def test_loading_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message(f"{tmp_path / 'x'}: no such directory")):
        load(tmp_path / "x")
    with pytest.raises(
        InputError, match=message(f"{tmp_path}: not a result directory: no report.json and no timeline.npz")
    ):
        load(tmp_path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [("{", "cannot be read: "), ("[1]", "not a report of accelsim"), ("{}", "not a report of accelsim")],
)
def test_damaged_reports(result: Result, tmp_path: Path, text: str, problem: str) -> None:
    target = save(result, tmp_path / "r", "t")
    (target / "report.json").write_text(text)
    with pytest.raises(InputError, match=f"^{re.escape(str(target / 'report.json'))}: {problem}"):
        load(target)


def npz(**members: bytes) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return data.getvalue()


def npy(array: np.ndarray[Any, Any]) -> bytes:
    data = io.BytesIO()
    np.save(data, array, allow_pickle=True)
    return data.getvalue()


def lying_header(extent: int) -> bytes:
    data = io.BytesIO()
    np.lib.format.write_array_header_1_0(data, {"descr": "<i8", "fortran_order": False, "shape": (extent,)})
    return data.getvalue() + bytes(16)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is no readable .npz archive: File is not a zip file"),
        (npz(a=npy(np.arange(9)))[:-40], "is no readable .npz archive: File is not a zip file"),
        (npz(a=b"no array"), r"a: the magic string is not correct; expected b'\x93NUMPY', got b'no arr'"),
        (npz(a=npy(np.array([{}], dtype=object))), "a: holds Python objects (a pickle), which are never read"),
        (npz(a=lying_header(10**12)), "a: holds 16 bytes, but its shape [1000000000000] of int64 needs 8000000000000"),
        (npz(a=lying_header(1)), "a: holds 16 bytes, but its shape [1] of int64 needs 8"),
    ],
)
def test_damaged_timelines(result: Result, tmp_path: Path, content: bytes, problem: str) -> None:
    target = save(result, tmp_path / "r", "t")
    (target / "timeline.npz").write_bytes(content)
    with pytest.raises(InputError) as caught:
        load(target)
    assert str(caught.value) == f"{target / 'timeline.npz'}: {problem}"


def test_a_timeline_too_large_to_load(result: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = save(result, tmp_path / "r", "t")
    monkeypatch.setattr(files, "MAX_TIMELINE_BYTES", 100)
    with pytest.raises(InputError, match=r"the arrays are too large \(got '\d+ bytes'\); allowed: at most 100 bytes$"):
        load(target)


def test_a_timeline_of_something_else_is_refused(result: Result, tmp_path: Path) -> None:
    save(result, tmp_path / "out", "text")
    np.savez(tmp_path / "out" / "timeline.npz", cycles=np.zeros(3), other=np.zeros(3))
    with pytest.raises(InputError) as caught:
        load(tmp_path / "out")
    assert str(caught.value) == (
        f"{tmp_path}/out/timeline.npz: is no timeline: bin_cycles, cycles, clock_mhz, state_names, "
        "tile_states, link_names, link_flits, dram_read_bytes, dram_write_bytes, dram_peak_bytes_per_cycle, "
        "layer_names, layer_start, layer_end missing or of another shape"
    )
