from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from accelsim.errors import InputError
from accelsim.interop.images import read_images


def test_images_are_read_as_they_stand(tmp_path: Path) -> None:
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    np.save(tmp_path / "x.npy", images)
    read = read_images(tmp_path / "x.npy")
    assert read.dtype == np.uint8
    assert np.array_equal(read, images)


def test_bad_files_are_told(tmp_path: Path) -> None:
    np.save(tmp_path / "whole.npy", np.zeros(1000))
    (tmp_path / "cut.npy").write_bytes((tmp_path / "whole.npy").read_bytes()[:500])
    (tmp_path / "header.npy").write_bytes((tmp_path / "whole.npy").read_bytes()[:20])
    (tmp_path / "empty.npy").touch()
    (tmp_path / "text.npy").write_text("hello")
    np.save(tmp_path / "pickle.npy", np.array([{}], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "archive.npz", a=np.zeros(3))
    huge = b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }"
    (tmp_path / "huge.npy").write_bytes(huge.ljust(127) + b"\n")
    rules = {
        "none.npy": "no such file",
        ".": "is not a file",
        "archive.npz": "is an archive (.npz), not a single array (.npy)",
        **dict.fromkeys(
            ["cut.npy", "header.npy", "empty.npy", "text.npy", "pickle.npy", "huge.npy"], "is no readable .npy array: "
        ),
    }
    for name, rule in rules.items():
        with pytest.raises(InputError) as caught:
            read_images(tmp_path / name)
        # What follows the colon is the array library's own reason.
        message = str(caught.value).removeprefix(f"{tmp_path / name}: ")
        assert message == rule or (message.startswith(rule) and rule.endswith(": "))
        assert "\n" not in message
