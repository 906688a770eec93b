"""ONNX files as bytes: what is refused before a graph is looked at, by its whole message."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx_models import CONV, W, model, node

from accelsim.errors import InputError
from accelsim.interop.onnx import file as onnx_file
from accelsim.interop.onnx import read_onnx
from accelsim.interop.onnx.file import read_graph


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Messages show paths as they are given: tests give relative ones."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(path: str = "m.onnx") -> str:
    with pytest.raises(InputError) as caught:
        read_graph(path)
    return str(caught.value)


def small() -> onnx.ModelProto:
    return model([CONV, node("Relu", "c", "y")], W)


def written(changed: onnx.ModelProto) -> None:
    Path("m.onnx").write_bytes(changed.SerializeToString())


def test_nodes_attributes_and_constants() -> None:
    written(
        model([node("Conv", "image w -", "c", auto_pad="VALID", group=1), node("LeakyRelu", "c", "y", alpha=0.5)], W)
    )
    graph = read_graph("m.onnx")
    conv, leaky = graph.nodes
    assert (conv.name, conv.op, conv.inputs, conv.outputs) == ("the_c", "Conv", ("image", "w", ""), ("c",))
    assert (dict(conv.attributes), dict(leaky.attributes)) == ({"auto_pad": "VALID", "group": 1}, {"alpha": 0.5})
    assert np.array_equal(graph.constants["w"], W["w"])
    assert (graph.inputs, graph.outputs) == ({"image": (None, 3, 8, 8)}, ("y",))


@pytest.mark.parametrize("kind", [np.float16, np.float64, np.int32, np.uint8, bool])
def test_numbers_of_any_type(kind: Any) -> None:
    array = np.array([[0, 1], [1, 0]]).astype(kind)
    written(model([node("Relu", "image", "y")], {"k": array}))
    read = read_graph("m.onnx").constants["k"]
    assert read.dtype == (np.float32 if array.dtype.kind == "f" else bool if kind is bool else np.int64)
    assert np.array_equal(read, array)


def test_data_in_a_file_beside() -> None:
    saved = small()
    onnx.save_model(saved, "m.onnx", save_as_external_data=True, location="m.data", size_threshold=0)
    assert Path("m.data").stat().st_size >= W["w"].nbytes
    assert np.array_equal(read_graph("m.onnx").constants["w"], W["w"])


def external(**places: str) -> None:
    changed = small()
    tensor = changed.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in places.items():
        tensor.external_data.add(key=key, value=value)
    written(changed)


@pytest.mark.parametrize(
    ("places", "message"),
    [
        ({"location": "../secret"},
         "m.onnx: w: data lies outside of the model's directory (got '../secret'); "
         "allowed: the name of a file beside the model"),
        ({"location": "link"},
         "m.onnx: w: data lies outside of the model's directory (got 'link'); "
         "allowed: the name of a file beside the model"),
        ({},
         "m.onnx: w: data lies outside of the model's directory (got ''); "
         "allowed: the name of a file beside the model"),
        ({"location": "gone"}, "m.onnx: w: data is missing (got 'gone'); allowed: a file beside the model"),
        ({"location": "short"}, "m.onnx: w: tensor is damaged: short is shorter than its data"),
        ({"location": "long", "offset": "9"}, "m.onnx: w: tensor is damaged: long is shorter than its data"),
        ({"location": "long", "offset": "-4"}, "m.onnx: w: tensor is damaged: long is shorter than its data"),
        ({"location": "long", "offset": "x"},
         "m.onnx: w: tensor is damaged: invalid literal for int() with base 10: 'x'"),
    ],
)  # fmt: skip
def test_data_elsewhere(places: dict[str, str], message: str) -> None:
    Path("short").write_bytes(b"1234")
    Path("long").write_bytes(bytes(W["w"].nbytes))
    Path("link").symlink_to("/etc/hostname")
    external(**places)
    assert refused() == message


def test_no_model_at_all(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused("gone.onnx") == "gone.onnx: no such file"
    (here / "directory").mkdir()
    assert refused("directory") == "directory: is not a file"
    Path("text").write_text("hello")
    assert refused("text") == "text: is no ONNX model"
    Path("empty").write_bytes(b"")
    assert refused("empty") == "empty: is no ONNX model, or one without nodes or outputs"
    whole = small().SerializeToString()
    Path("cut").write_bytes(whole[: len(whole) // 2])
    assert refused("cut").startswith("cut: is no ONNX model")
    monkeypatch.setattr(onnx_file, "LARGEST_BYTES", 4)
    assert refused("text") == "text: is too large (got 5); allowed: 4 bytes"


def test_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    written(small())
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert refused() == "reading ONNX needs a package: pip install 'accelsim[onnx]'"


def test_old_foreign_and_sparse_parts_are_told_together() -> None:
    changed = small()
    changed.opset_import[0].version = 6
    changed.graph.node[1].domain = "com.example"
    changed.graph.sparse_initializer.add()
    assert refused_after(changed) == (
        "m.onnx: opset: operator set is too old (got 6); allowed: 7 and newer\n"
        "m.onnx: holds sparse tensors; allowed: dense tensors\n"
        "m.onnx: the_y: is no operator of the standard set (got 'com.example.Relu'); allowed: standard ONNX operators"
    )


def test_damaged_tensors_and_odd_attributes_are_told_together() -> None:
    changed = small()
    changed.graph.initializer[0].raw_data = b"123"
    changed.graph.initializer.add(name="text", data_type=TensorProto.STRING, dims=[1], string_data=[b"x"])
    inner = helper.make_graph([node("Relu", "c", "q")], "inner", [], [])
    changed.graph.node.append(helper.make_node("Loop", ["c"], ["z"], name="looped", body=inner))
    message = refused_after(changed).splitlines()
    assert message[0].startswith("m.onnx: w: tensor is damaged: ")
    assert message[1:] == [
        f"m.onnx: text: tensor of an unknown type (got {TensorProto.STRING}); allowed: numbers and booleans",
        "m.onnx: looped: attribute body is no number, text or tensor (got 'Loop')",
    ]


def test_sizes_that_promise_more_than_there_is() -> None:
    changed = small()
    changed.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.zeros(2, np.float32), "w"))
    changed.graph.initializer[0].dims[:] = [1 << 40, 1 << 20]
    assert refused_after(changed).startswith("m.onnx: w: tensor is damaged: ")


def refused_after(changed: onnx.ModelProto) -> str:
    written(changed)
    return refused()


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=8), st.integers(0, 9))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_bytes_that_changed_end_in_a_network_or_in_problems(changes: list[tuple[int, int]], cut: int) -> None:
    content = bytearray(small().SerializeToString())
    for place, byte in changes:
        content[place % len(content)] = byte
    Path("changed.onnx").write_bytes(content[: len(content) - cut * 9])
    try:
        assert read_onnx("changed.onnx").nodes
    except InputError as error:
        assert all(str(problem).startswith("changed.onnx") for problem in error.problems)
