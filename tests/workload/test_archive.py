from __future__ import annotations

import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from accelsim.errors import InputError
from accelsim.workload import archive as module
from accelsim.workload.archive import open_archive, write_archive


def problems(path: Path) -> list[str]:
    with pytest.raises(InputError) as caught, open_archive(path) as opened:
        for name in opened.headers:
            opened.load(name)
    return [str(problem).replace(str(path), "FILE") for problem in caught.value.problems]


def member(array: Any, allow_pickle: bool = False) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.asanyarray(array), allow_pickle=allow_pickle)
    return stream.getvalue()


def zipped(path: Path, members: list[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as content:
        for name, data in members:
            content.writestr(name, data)
    return path


def test_headers_are_read_before_arrays(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", x=np.arange(6).reshape(2, 3), **{"in/y": np.array("text")})
    with open_archive(tmp_path / "a.npz") as opened:
        assert opened.headers["x"].shape == (2, 3)
        assert opened.headers["x"].bytes == 48
        assert opened.headers["in/y"].dtype.kind == "U"
        assert opened.load("x").tolist() == [[0, 1, 2], [3, 4, 5]]


def test_a_missing_file_and_a_directory(tmp_path: Path) -> None:
    assert problems(tmp_path / "no.npz") == ["FILE: no such file"]
    assert problems(tmp_path) == ["FILE: is not a file"]


def test_what_is_no_zip(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(pickle.dumps({"a": 1}))
    assert problems(path) == ["FILE: is no readable .npz archive: File is not a zip file"]


def test_a_file_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, x=np.arange(1000))
    path.write_bytes(path.read_bytes()[:-100])
    assert problems(path) == ["FILE: is no readable .npz archive: File is not a zip file"]


def test_pickles_are_refused_unread(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.npz", [("x.npy", member(np.array([{}], dtype=object), allow_pickle=True))])
    assert problems(path) == ["FILE: x: holds Python objects (a pickle), which are never read"]


def test_members_that_are_no_arrays_or_stand_twice(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = zipped(
            tmp_path / "a.npz",
            [("x.npy", member([1])), ("x.npy", member([2])), ("readme.txt", b"hello"), ("y.npy", b"hello, world")],
        )
    assert problems(path) == [
        "FILE: x: stands twice in the archive",
        "FILE: readme.txt: is not an array (.npy)",
        "FILE: y: the magic string is not correct; expected b'\\x93NUMPY', got b'hello,'",
    ]


def test_a_shape_that_the_data_does_not_fill(tmp_path: Path) -> None:
    data = member(np.zeros(10, dtype=np.uint8)).replace(b"(10,)", b"(99,)")
    path = zipped(tmp_path / "a.npz", [("x.npy", data)])
    assert problems(path) == ["FILE: x: holds 10 bytes, but its shape [99] of uint8 needs 99"]


def test_a_negative_shape(tmp_path: Path) -> None:
    data = member(np.zeros((4, 5), dtype=np.uint8)).replace(b"(4, 5), ", b"(-4,-5),")
    path = zipped(tmp_path / "a.npz", [("x.npy", data)])
    assert problems(path) == ["FILE: x: holds 20 bytes, but its shape [-4, -5] of uint8 needs 20"]


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_damaged_data(tmp_path: Path, compression: int) -> None:
    path = zipped(tmp_path / "a.npz", [("x.npy", member(np.arange(5000)))], compression)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    found = problems(path)
    assert len(found) == 1
    assert found[0].startswith("FILE: x: cannot be read: ")


def test_more_than_fits_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_TOTAL_BYTES", 1 << 30)
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as content, content.open("x.npy", "w") as stream:
        np.lib.format.write_array(stream, np.broadcast_to(np.uint8(0), (1 << 20,)))
    grown = path.read_bytes().replace((128 + (1 << 20)).to_bytes(4, "little"), (1 << 31).to_bytes(4, "little"))
    path.write_bytes(grown)
    assert problems(path) == ["FILE: the arrays are too large (got '2147483648 bytes'); allowed: at most 1 GiB"]


def test_encrypted_and_unknown_members(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.npz", [("x.npy", member([1]))])
    data = path.read_bytes()
    place = data.index(b"PK\x01\x02")
    path.write_bytes(data[: place + 10] + (99).to_bytes(2, "little") + data[place + 12 :])
    assert problems(path) == ["FILE: x: That compression method is not supported"]


@pytest.mark.parametrize(("old", "new"), [(b"(3,), }", b"(3,), ("), (b"'descr'", b"'descra"), (b"<i8", b"<q9")])
def test_headers_that_cannot_be_parsed(tmp_path: Path, old: bytes, new: bytes) -> None:
    path = zipped(tmp_path / "a.npz", [("x.npy", member(np.arange(3)).replace(old, new))])
    (found,) = problems(path)
    assert found.startswith("FILE: x: ")


def test_what_is_no_file_is_never_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.npz"
    os.mkfifo(pipe)
    with pytest.raises(InputError) as caught:
        write_archive(pipe, {"a": np.zeros(1)})
    assert str(caught.value) == f"{pipe}: is not a file"
    assert pipe.is_fifo()
