"""Weights files: what is written is read, and damaged files are told apart from pickles and strangers."""

import json
import zipfile
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from random_anns import random_ann

from accelsim.errors import InputError
from accelsim.reference import model_file
from accelsim.reference.convert import convert
from accelsim.reference.model import Model
from accelsim.reference.model_file import find_model, read_model, write_model

WORKLOADS = Path(__file__).resolve().parents[2] / "workloads"


def converted(seed: int) -> Model:
    ann = random_ann(seed)
    return convert(ann, np.random.default_rng(0).normal(size=(1, *ann.input_shape)))


@pytest.mark.parametrize("seed", [2, 30, 31, 32])
def test_round_trip(seed, random_model, tmp_path) -> None:
    model = random_model(seed) if seed == 2 else converted(seed)
    path = tmp_path / "weights.npz"
    write_model(path, model)
    again = read_model(path)
    for field in fields(model):
        old, new = getattr(model, field.name), getattr(again, field.name)
        if isinstance(old, dict):
            assert old.keys() == new.keys()
            for name, array in old.items():
                assert np.asarray(new[name]).dtype == np.asarray(array).dtype
                assert np.asarray(new[name]).tolist() == np.asarray(array).tolist()
        elif isinstance(old, np.ndarray):
            assert new.tolist() == old.tolist()
        else:
            assert new == old


def test_models_are_found_by_name_and_by_path(random_model, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "workloads" / "mine").mkdir(parents=True)
    write_model(tmp_path / "workloads" / "mine" / "weights.npz", random_model(0))
    assert find_model("mine").resolve() == tmp_path / "workloads" / "mine" / "weights.npz"
    assert find_model("workloads/mine/weights.npz").is_file()
    assert find_model("resnet18_digits").is_file()
    with pytest.raises(InputError) as caught:
        find_model("theirs")
    shipped = {path.parent.name for path in WORKLOADS.glob("*/weights.npz")}
    allowed = ", ".join(sorted({"mine", "resnet18_digits", *shipped}))
    assert str(caught.value) == f"no such network (got 'theirs'); allowed: {allowed}"


def damaged(path, how):
    if how == "text":
        path.write_text("not a zip")
    elif how == "truncated":
        np.savez_compressed(path, meta=np.zeros(1000))
        path.write_bytes(path.read_bytes()[:-30])
    elif how == "pickled":
        np.savez(path, meta=np.array([{}], dtype=object))
    return path


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("missing", "no such file"),
        ("text", "is no readable .npz archive: File is not a zip file"),
        ("truncated", "is no readable .npz archive: File is not a zip file"),
        ("pickled", "meta: holds Python objects (a pickle), which are never read"),
    ],
)
def test_unreadable_files(how, message, tmp_path) -> None:
    path = damaged(tmp_path / "weights.npz", how)
    with pytest.raises(InputError) as caught:
        read_model(path)
    assert str(caught.value) == f"{path}: {message}"


@pytest.mark.parametrize(
    "meta",
    [
        {"format": "accelsim-trace", "version": 1},
        {"format": "accelsim-model", "version": 2},
        {"format": "accelsim-model", "version": 1},
        [],
        {"layers": [{"name": "a", "op": ["conv2d"]}]},
        {"layers": [{"name": "a", "op": "add", "inputs": [["a"]]}]},
        {"layers": [{"name": "a", "op": "add", "colour": "red"}]},
        {"layers": [{"name": "a", "op": "add", "stream": ["a"]}]},
        {"layers": [{"name": "a", "op": "add", "inputs": {}, "stream": {"a": 1}}]},
        {"layers": [{"name": "a", "op": "add"}], "outputs": [["a"]]},
    ],
)
def test_strangers(meta, random_model, tmp_path) -> None:
    path = tmp_path / "weights.npz"
    write_model(path, random_model(0))
    arrays = dict(np.load(path))
    if "layers" in meta:
        meta = json.loads(str(arrays["meta"])) | meta
    np.savez(path, **(arrays | {"meta": np.array(json.dumps(meta))}))
    with pytest.raises(InputError) as caught:
        read_model(path)
    assert str(caught.value) == f"{path}: not a weights file (accelsim-model version 1)"


def test_nested_text_without_end(random_model, tmp_path) -> None:
    path = tmp_path / "weights.npz"
    write_model(path, random_model(0))
    np.savez(path, **(dict(np.load(path)) | {"meta": np.array("[" * 100_000)}))
    with pytest.raises(InputError) as caught:
        read_model(path)
    assert str(caught.value) == f"{path}: not a weights file (accelsim-model version 1)"


def test_headers_that_promise_too_much_are_refused_before_memory_is_reserved(tmp_path) -> None:
    path = tmp_path / "weights.npz"
    with zipfile.ZipFile(path, "w") as archive, archive.open("meta.npy", "w") as stream:
        header = {"descr": "<f8", "fortran_order": False, "shape": (10**12,)}
        np.lib.format.write_array_header_1_0(stream, header)
    with pytest.raises(InputError) as caught:
        read_model(path)
    assert str(caught.value) == (
        f"{path}: meta: holds 0 bytes, but its shape [1000000000000] of float64 needs 8000000000000"
    )


def test_huge_files_are_refused_before_they_are_unpacked(random_model, tmp_path, monkeypatch) -> None:
    path = tmp_path / "weights.npz"
    write_model(path, random_model(0))
    monkeypatch.setattr(model_file, "LARGEST_BYTES", 100)
    with pytest.raises(InputError, match=r"the arrays are too large \(got '\d+ bytes'\); allowed: at most 100 bytes$"):
        read_model(path)
