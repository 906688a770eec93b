"""Traces whose words lie in a temporary file: the same words, the same refusals, less memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from accelsim.errors import InputError
from accelsim.workload import archive, spool
from accelsim.workload.spool import Spool
from accelsim.workload.trace import read_trace, write_trace

ROOT = Path(__file__).resolve().parents[2]


def test_images_are_read_back() -> None:
    held = Spool()
    first = np.arange(60, dtype=np.uint16).reshape(5, 3, 4)
    second = np.arange(14, dtype=np.int64).reshape(7, 2)
    arrays = held.add([first[:2], first[2:]]), held.add(second[image : image + 1] for image in range(7))
    for array, spooled in zip((first, second), arrays, strict=True):
        assert (spooled.shape, spooled.dtype) == (array.shape, array.dtype)
        for image in reversed(range(len(array))):
            assert spooled[image].tolist() == array[image].tolist()
    with pytest.raises(IndexError, match="image 7 of 7"):
        arrays[1][7]


@pytest.fixture
def spooling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "HELD_BYTES", 10)
    monkeypatch.setattr(archive, "PIECE_BYTES", 100)


def words_of(path: Path) -> list[Any]:
    trace = read_trace(path, seed=3)
    every: list[NDArray[Any]] = []
    for layer in trace.layers:
        for image in range(3):
            every += [trace.input_words(layer.name, image, operand) for operand in range(layer.operands)]
            every.append(trace.output_words(layer.name, image))
    return [(array.dtype, array.tolist()) for array in every]


@pytest.mark.parametrize("layout", [np.ascontiguousarray, np.asfortranarray])
def test_a_spooled_trace_holds_the_same_words(
    tmp_path: Path, meta: dict[str, Any], arrays: dict[str, Any], request: pytest.FixtureRequest, layout: Any
) -> None:
    path = tmp_path / "t.npz"
    np.savez(path, meta=np.array(json.dumps(meta)), **{key: layout(array) for key, array in arrays.items()})
    expected = words_of(path)
    request.getfixturevalue("spooling")
    assert words_of(path) == expected


def test_a_spooled_trace_is_checked_too(
    tmp_path: Path, meta: dict[str, Any], arrays: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    path = tmp_path / "t.npz"
    key = next(key for key in arrays if key.startswith("in/"))
    arrays[key] = arrays[key].astype(np.uint16)
    arrays[key][-1].flat[-1] = 40_000
    np.savez(path, meta=np.array(json.dumps(meta)), **arrays)

    def found() -> list[str]:
        with pytest.raises(InputError) as caught:
            read_trace(path)
        return [str(problem) for problem in caught.value.problems]

    held = found()
    assert len(held) == 1
    assert "holds words wider than word_bits" in held[0]
    request.getfixturevalue("spooling")
    assert found() == held


def test_no_room_in_the_temporary_directory(
    tmp_path: Path, meta: dict[str, Any], arrays: dict[str, Any], spooling: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def add(self: Spool, pieces: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Spool, "add", add)
    write_trace(tmp_path / "t.npz", meta, arrays)
    with pytest.raises(InputError) as caught:
        read_trace(tmp_path / "t.npz")
    rule = f"does not fit the temporary directory {tempfile.gettempdir()}: No space left on device"
    assert all(str(problem).endswith(f": {rule}") for problem in caught.value.problems)
    assert len(caught.value.problems) == sum(key.startswith(("in/", "out/")) for key in arrays)


LONG = """
import resource, sys
from accelsim.workload import spool
spool.HELD_BYTES = int(sys.argv[2])
from accelsim.workload.trace import read_trace
resource.setrlimit(resource.RLIMIT_DATA, (200 << 20, resource.RLIM_INFINITY))
trace = read_trace(sys.argv[1])
print(sum(int(trace.input_words("conv", image).sum()) for image in range(trace.images)))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only there the limit counts all that a process allocates")
def test_a_trace_larger_than_its_memory_is_read_image_by_image(tmp_path: Path) -> None:
    """300 images of 1 MiB in a process that may allocate 200 MiB."""
    shape = [64, 128, 128]
    layer = {"name": "conv", "op": "conv2d", "inputs": [], "in_shape": shape, "out_shape": [1, 128, 128], "kernel": 1}
    layer |= {"weight_bits": 8, "kind": "integers", "word_bits": 8}
    meta = {"format": "accelsim-trace", "version": 1, "network": "long", "images": 300, "timesteps": 4}
    meta |= {"bit_order": "first step = most significant bit", "layers": [layer]}
    words = np.zeros((300, *shape), np.uint8)
    words[:, 0, 0, 0] = 1
    np.savez(tmp_path / "long.npz", meta=np.array(json.dumps(meta)), **{"in/conv": words})
    del words

    def read(held_bytes: int) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", LONG, str(tmp_path / "long.npz"), str(held_bytes)]
        environment = {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True)

    spooled = read(64 << 20)
    assert (spooled.returncode, spooled.stdout) == (0, "300\n"), spooled.stderr
    held = read(1 << 40)
    assert "MemoryError" in held.stderr
