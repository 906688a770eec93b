from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accelsim.errors import InputError
from accelsim.workload.trace import Trace, read_trace, write_trace

Meta = dict[str, Any]
Arrays = dict[str, Any]


def written(directory: Path, meta: Meta, arrays: Arrays, seed: int = 0) -> Trace:
    write_trace(directory / "t.npz", meta, arrays)
    return read_trace(directory / "t.npz", seed)


def unchecked(directory: Path, meta: Meta, arrays: Arrays) -> Path:
    """A trace as a program that knows little of the format writes it."""
    import json

    path = directory / "t.npz"
    np.savez(path, meta=np.array(json.dumps(meta)), **arrays)
    return path


def problems(path: Path) -> list[str]:
    with pytest.raises(InputError) as caught:
        read_trace(path)
    return [str(problem).replace(str(path), "FILE") for problem in caught.value.problems]


def test_what_is_written_is_read(tmp_path: Path, meta: Meta, arrays: Arrays) -> None:
    trace = written(tmp_path, meta, arrays)
    assert (trace.name, trace.dataset, trace.images, trace.timesteps) == ("small", "noise", 2, 4)
    assert [layer.name for layer in trace.layers] == ["conv1", "pool1", "conv2", "add", "fc"]
    assert trace.labels is not None
    assert trace.labels.tolist() == [3, 8]
    for image in range(2):
        assert np.array_equal(trace.input_words("conv1", image), arrays["in/conv1"][image])
        assert np.array_equal(trace.input_words("conv2", image), arrays["in/conv2"][image])
        assert np.array_equal(trace.output_words("conv2", image), arrays["out/conv2"][image])
        assert np.array_equal(trace.output_words("fc", image), arrays["out/fc"][image].reshape(10, 1, 1))


def test_a_layer_without_its_own_output_produces_what_its_consumer_recorded(
    tmp_path: Path, meta: Meta, arrays: Arrays
) -> None:
    trace = written(tmp_path, meta, arrays)
    assert np.array_equal(trace.output_words("pool1", 1), arrays["in/conv2"][1])
    assert np.array_equal(trace.output_words("add", 1), arrays["in/fc"][1].reshape(4, 4, 4))


def test_operands_of_an_add_are_its_producers_words(tmp_path: Path, meta: Meta, arrays: Arrays) -> None:
    trace = written(tmp_path, meta, arrays)
    assert np.array_equal(trace.input_words("add", 0, 0), arrays["out/conv2"][0])
    assert np.array_equal(trace.input_words("add", 0, 1), arrays["in/conv2"][0])


def test_an_add_that_nobody_recorded_is_computed(tmp_path: Path, meta: Meta, arrays: Arrays) -> None:
    del arrays["in/fc"]
    trace = written(tmp_path, meta, arrays)
    assert np.array_equal(trace.output_words("add", 1), arrays["out/conv2"][1] + arrays["in/conv2"][1])
    assert "add" not in trace.drawn


def test_images_wrap_round(tmp_path: Path, meta: Meta, arrays: Arrays) -> None:
    trace = written(tmp_path, meta, arrays)
    for name in ("conv1", "conv2", "fc"):
        assert np.array_equal(trace.input_words(name, 3), trace.input_words(name, 1))
        assert np.array_equal(trace.output_words(name, 3), trace.output_words(name, 1))


def test_words_that_nobody_recorded_are_drawn_and_named(tmp_path: Path, meta: Meta, arrays: Arrays) -> None:
    del arrays["out/conv2"], arrays["out/fc"]
    trace = written(tmp_path, meta, arrays)
    assert trace.drawn == ("conv1", "conv2", "fc")
    assert trace.notes == ("not recorded, so drawn at random: outputs of conv1, conv2, fc",)
    words, sums = trace.output_words("conv2", 0), trace.output_words("fc", 0)
    assert words.shape == (4, 4, 4)
    assert words.max() < 16
    assert sums.shape == (10, 1, 1)
    assert sums.min() < 0 < sums.max()
    again = read_trace(tmp_path / "t.npz")
    assert np.array_equal(again.output_words("fc", 0), sums)
    assert np.array_equal(again.output_words("conv2", 0), words)
    assert not np.array_equal(again.output_words("conv2", 1), words)
    assert not np.array_equal(read_trace(tmp_path / "t.npz", seed=1).output_words("conv2", 0), words)


def test_what_a_recorded_max_pool_consumed_is_drawn_so_that_pooling_gives_it(
    tmp_path: Path, meta: Meta, arrays: Arrays
) -> None:
    trace = written(tmp_path, meta, arrays)
    drawn = trace.output_words("conv1", 1)
    assert trace.drawn == ("conv1",)
    assert drawn.shape == (4, 8, 8)
    assert np.array_equal(drawn.reshape(4, 4, 2, 4, 2).max(axis=(2, 4)), arrays["in/conv2"][1])
    assert np.array_equal(trace.input_words("pool1", 1), drawn)


def test_drawn_words_are_as_dense_as_their_consumers(tmp_path: Path, meta: Meta, arrays: Arrays) -> None:
    rng = np.random.default_rng(1)
    shape = [16, 32, 32]
    for entry in meta["layers"]:
        entry["in_shape"] = entry["out_shape"] = shape
    meta["layers"] = [meta["layers"][0], meta["layers"][2], meta["layers"][3]]
    meta["layers"][1]["inputs"] = ["conv1"]
    meta["layers"][2]["inputs"] = ["conv2", "conv1"]
    sparse = rng.choice([0, 8, 12], (2, *shape), p=[0.8, 0.1, 0.1]).astype(np.uint8)
    trace = written(tmp_path, meta, {"in/conv1": sparse, "in/conv2": sparse, "out/add": sparse})
    drawn = trace.output_words("conv2", 0)
    assert trace.drawn == ("conv2",)
    assert np.count_nonzero(drawn) / drawn.size == pytest.approx(0.2, abs=0.02)
    bits = (drawn[..., None] >> np.arange(4)) & 1
    assert bits.mean() == pytest.approx((0.1 * 1 + 0.1 * 2) / 5, abs=0.01)


def test_parameters(tmp_path: Path, meta: Meta, arrays: Arrays) -> None:
    trace = written(tmp_path, meta, arrays)
    assert trace.parameters("conv1") is None
    found = trace.parameters("conv2")
    assert found is not None
    assert np.array_equal(found.weights, arrays["weights/conv2"])
    assert found.bias.tolist() == [0, 1, 2, 3]
    assert found.theta.tolist() == [1, 2, 3, 4]
    last = trace.parameters("fc")
    assert last is not None
    assert last.weights.shape == (10, 4, 4, 4)
    assert np.array_equal(last.weights.reshape(10, 64), arrays["weights/fc"])
    assert last.bias.tolist() == [0] * 10
    assert last.theta.tolist() == [1] * 10


def test_the_same_trace_is_the_same_file_wherever_it_is_written(tmp_path: Path, meta: Meta, arrays: Arrays) -> None:
    write_trace(tmp_path / "a.npz", meta, arrays)
    write_trace(tmp_path / "b.npz", meta, arrays)
    one, other = np.load(tmp_path / "a.npz"), np.load(tmp_path / "b.npz")
    assert one.files == other.files
    assert all(np.array_equal(one[key], other[key]) for key in one.files)


def test_a_trace_is_written_whole_or_not_at_all(tmp_path: Path, meta: Meta, arrays: Arrays) -> None:
    path = tmp_path / "t.npz"
    path.write_text("precious")
    arrays["in/conv2"] = arrays["in/conv2"] + 16
    with pytest.raises(InputError, match="in/conv2: holds words wider than word_bits = 4"):
        write_trace(path, meta, arrays)
    assert path.read_text() == "precious"
    assert os.listdir(tmp_path) == ["t.npz"]


def test_a_trace_is_as_readable_as_other_files(tmp_path: Path, meta: Meta, arrays: Arrays) -> None:
    (tmp_path / "other").touch()
    write_trace(tmp_path / "t.npz", meta, arrays)
    assert stat.S_IMODE((tmp_path / "t.npz").stat().st_mode) == stat.S_IMODE((tmp_path / "other").stat().st_mode)


def test_a_directory_that_is_missing_is_told(tmp_path: Path, meta: Meta, arrays: Arrays) -> None:
    with pytest.raises(InputError, match="cannot be written: No such file or directory"):
        write_trace(tmp_path / "no" / "t.npz", meta, arrays)


def test_provenance(tmp_path: Path, meta: Meta, arrays: Arrays) -> None:
    trace = written(tmp_path, meta, arrays)
    assert trace.source["path"] == str(tmp_path / "t.npz")
    assert trace.source["format"] == "accelsim-trace 1"
    assert len(trace.source["sha256"]) == 64


def test_pools_left_out_of_meta_are_inferred(tmp_path: Path, meta: Meta, arrays: Arrays) -> None:
    del meta["layers"][1]
    meta["layers"][1]["inputs"] = ["conv1"]
    meta["layers"][2]["inputs"] = ["conv2", "conv2"]
    trace = written(tmp_path, meta, arrays)
    assert [layer.name for layer in trace.layers] == ["conv1", "conv1_pool", "conv2", "add", "fc"]
    assert trace.notes[0] == "conv1_pool: 2x2 max pool inferred, as conv1 makes 4x8x8 and conv2 consumes 4x4x4"
    assert trace.source["inferred"] == [trace.notes[0]]


def test_every_problem_of_the_arrays_is_told_at_once(tmp_path: Path, meta: Meta, arrays: Arrays) -> None:
    del arrays["in/conv1"], arrays["theta/conv2"]
    arrays["in/conv2"] = arrays["in/conv2"].astype(np.float32)
    arrays["out/fc"] = arrays["out/fc"][:, :9]
    arrays["in/add"] = np.zeros((2, 4, 4, 4), dtype=np.uint8)
    arrays["in/conv9"] = arrays["in/add"]
    arrays["weights/pool1"] = np.zeros((4, 4, 2, 2), dtype=np.int8)
    arrays["weights/fc"] = arrays["weights/fc"].astype(np.int16)
    arrays["bias/fc"] = np.zeros(9, dtype=np.int64)
    arrays["spikes"] = arrays["in/add"]
    arrays["labels"] = np.zeros(2)
    assert problems(unchecked(tmp_path, meta, arrays)) == [
        "FILE: in/conv2: has the wrong type (got 'float32'); allowed: unsigned integers",
        "FILE: out/fc: has the wrong shape (got [2, 9]); allowed: [2, 10, 1, 1] or [2, 10]",
        "FILE: weights/fc: has the wrong type (got 'int16'); allowed: int8",
        "FILE: labels: has the wrong type (got 'float64'); allowed: integers",
        "FILE: in/add: add consumes what its 2 inputs produce: give their out/ arrays",
        "FILE: in/conv9: names no layer conv9; allowed: conv1, pool1, conv2, add, fc",
        "FILE: weights/pool1: maxpool2d has no weights",
        "FILE: bias/fc: has the wrong shape (got [9]); allowed: [10]",
        "FILE: spikes: is no array of a trace; allowed: meta, labels, in/<layer>, out/<layer>, weights/<layer>, "
        "bias/<layer>, theta/<layer>",
        "FILE: in/conv1: is missing: the words that conv1 consumes",
        "FILE: theta/conv2: is missing: conv2 has weights and fires, so it needs thresholds",
    ]


def test_every_number_out_of_range_is_told_at_once(tmp_path: Path, meta: Meta, arrays: Arrays) -> None:
    arrays["in/conv2"][1, 2, 3, 0] = 16
    arrays["out/conv2"][0, 0, 0, 0] = 200
    arrays["theta/conv2"][1] = 0
    meta["layers"][4]["weight_bits"] = 4
    arrays["weights/fc"][2, 2] = -128
    assert problems(unchecked(tmp_path, meta, arrays)) == [
        "FILE: in/conv2: holds words wider than word_bits = 4 (got 16)",
        "FILE: out/conv2: holds words wider than out_word_bits = 4 (got 200)",
        "FILE: theta/conv2: holds a threshold that is not positive (got 0)",
        "FILE: weights/fc: holds weights wider than weight_bits = 4 (got -128)",
    ]


def test_a_layer_needs_words_that_are_known(tmp_path: Path, meta: Meta, arrays: Arrays) -> None:
    del arrays["in/fc"], arrays["out/conv2"]
    assert problems(unchecked(tmp_path, meta, arrays)) == ["FILE: in/fc: is missing: the words that fc consumes"]


@pytest.mark.parametrize(
    ("array", "rule"),
    [
        (None, "meta: is missing; allowed: one text, as numpy.array(json.dumps(meta)) gives it"),
        (np.zeros(3), "meta: holds no description; allowed: one text, as numpy.array(json.dumps(meta)) gives it"),
        (np.array("[1]"), "meta: must hold a JSON object"),
        (np.array("{"), "meta: is not valid JSON: Expecting property name enclosed in double quotes: line 1 column 2"),
        (np.array('{"a": 1, "a": 2}'), "meta: is not valid JSON: key 'a' given twice"),
        (np.array("[" * 100_000), "meta: is not valid JSON: maximum recursion depth exceeded"),
        (np.array("{}"), "meta.format: is missing"),
    ],
)
def test_a_description_that_is_none(tmp_path: Path, array: Any, rule: str) -> None:
    path = tmp_path / "t.npz"
    np.savez(path, **({} if array is None else {"meta": array}))
    assert problems(path)[0].startswith(f"FILE: {rule}")


@given(place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255), cut=st.booleans())
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_is_read_or_refused(
    tmp_path: Path, meta: Meta, arrays: Arrays, place: float, flip: int, cut: bool
) -> None:
    path = tmp_path / "t.npz"
    write_trace(path, meta, arrays)
    data = bytearray(path.read_bytes())
    index = int(place * len(data))
    data[index] ^= flip
    path.write_bytes(data[:index] if cut else data)
    try:
        read_trace(path)
    except InputError as error:
        assert all(problem.file == str(path) for problem in error.problems)


def test_weights_of_one_bit_are_plus_and_minus_one(tmp_path: Path, meta: Meta, arrays: Arrays) -> None:
    meta["layers"][4]["weight_bits"] = 1
    arrays["weights/fc"] = np.where(arrays["weights/fc"] < 0, -1, 1).astype(np.int8)
    assert set(np.unique(read_trace(unchecked(tmp_path, meta, arrays)).parameters("fc").weights)) == {-1, 1}
    for wide in (-2, 2):
        arrays["weights/fc"][0, 0] = wide
        assert problems(unchecked(tmp_path, meta, arrays)) == [
            f"FILE: weights/fc: holds weights wider than weight_bits = 1 (got {wide})"
        ]
