"""The recorded trace: complete, consistent, reproducible, and refused for bad arguments."""

import json
from dataclasses import replace

import numpy as np
import pytest

from accelsim.errors import InputError
from accelsim.reference import make_trace
from accelsim.reference.ann import Ann
from accelsim.reference.convert import convert
from accelsim.reference.model import Model, integer_network
from accelsim.reference.model_file import find_model, read_model
from accelsim.reference.network import run
from accelsim.reference.node import Node
from accelsim.reference.trace_maker import record


@pytest.fixture(scope="module")
def digits() -> Model:
    return read_model(find_model("resnet18_digits"))


def test_every_word_of_a_random_network_is_recorded_once(random_model) -> None:
    model = random_model(8)
    network = integer_network(model, 3)
    trace = record(network, model.images, model.labels, "none")
    assert sorted(name for name in trace.arrays if name.startswith(("in/", "out/"))) == [
        "in/branch", "in/down", "in/largest", "in/mean", "in/read", "in/stem", "out/branch", "out/read",
    ]  # fmt: skip
    for number, image in enumerate(model.images):
        words = run(network, image)
        for layer in network.layers:
            if len(layer.inputs) < 2:
                source = words[layer.inputs[0]] if layer.inputs else image
                array = trace.arrays[f"in/{layer.name}"]
                assert array.dtype == np.uint8
                assert array[number].tolist() == source.tolist()
        for name in ("branch", "read"):
            assert trace.arrays[f"out/{name}"][number].tolist() == words[name].tolist()
    assert trace.arrays["out/read"].dtype == np.int32
    assert trace.arrays["labels"].tolist() == model.labels.tolist()


def test_meta_describes_format_and_layers(random_model) -> None:
    model = random_model(4)
    meta = record(integer_network(model, 3, 5), model.images, None, "none").meta
    layers = {layer["name"]: layer for layer in meta.pop("layers")}
    assert meta == {
        "format": "accelsim-trace",
        "version": 1,
        "network": "random",
        "dataset": "none",
        "images": 2,
        "timesteps": 3,
        "encoding": {
            "form": "packed", "neuron": "spikepack", "tau": 2, "reset": "subtract", "comparator": ">=",
        },
        "bit_order": "first step = most significant bit",
    }  # fmt: skip
    assert layers["sum"] == {
        "name": "sum", "op": "add", "inputs": ["branch", "stem"], "in_shape": [5, 8, 7], "out_shape": [5, 8, 7],
        "kernel": [1, 1], "stride": [1, 1], "padding": [0, 0], "weight_bits": 0, "kind": "spikes", "timesteps": 3,
        "bits_per_step": 1, "word_bits": 3, "out_word_bits": 4, "fires": True,
    }  # fmt: skip
    assert layers["read"] | {"kernel": [3, 2]} == layers["read"]
    assert (layers["read"]["weight_bits"], layers["read"]["kind"], layers["read"]["fires"]) == (5, "integers", False)


def test_words_of_the_shipped_network_fit_their_layers(digits) -> None:
    trace = make_trace(digits, 4)
    assert trace.meta["images"] >= 8
    sizes = {layer["name"]: layer for layer in trace.meta["layers"]}
    for name, array in trace.arrays.items():
        group, _, layer = name.partition("/")
        if group == "in":
            assert list(array.shape) == [trace.meta["images"], *sizes[layer]["in_shape"]]
            assert array.max() < 2 ** sizes[layer]["word_bits"]
        elif group == "theta":
            assert array.min() > 0
    assert (
        trace.arrays["out/fc"].reshape(len(trace.arrays["labels"]), 10).argmax(1).tolist()
        == trace.arrays["labels"].tolist()
    )


def test_traces_are_reproducible(digits) -> None:
    first, second = make_trace(digits, 2), make_trace(digits, 2)
    assert first.meta == second.meta
    assert first.arrays.keys() == second.arrays.keys()
    for name, array in first.arrays.items():
        assert array.dtype == second.arrays[name].dtype
        assert np.array_equal(array, second.arrays[name])


def test_own_images_and_fewer_weight_bits(digits) -> None:
    shipped = make_trace(digits, 4)
    images = shipped.arrays["in/conv1"][:2]
    again = make_trace(digits, 4, images[:, 0])
    assert "labels" not in again.arrays
    for name, array in again.arrays.items():
        expected = shipped.arrays[name][:2] if name.startswith(("in/", "out/")) else shipped.arrays[name]
        assert np.array_equal(array, expected), name
    fewer = make_trace(digits, 4, images, weight_bits=4)
    assert {layer["weight_bits"] for layer in fewer.meta["layers"]} == {0, 4}
    assert max(np.abs(array).max() for name, array in fewer.arrays.items() if name.startswith("weights/")) == 7


def test_real_images_are_encoded(random_model) -> None:
    model = random_model(6)
    given = make_trace(model, 2, model.images / 255 + 0.4 / 255)
    words = make_trace(model, 2, model.images)
    assert {name: array.tolist() for name, array in given.arrays.items()} == {
        name: array.tolist() for name, array in words.arrays.items()
    }
    assert json.loads(json.dumps(given.meta)) == given.meta


def test_signed_images_become_rails_or_are_rails_already() -> None:
    rng = np.random.default_rng(3)
    node = Node("only", "conv2d", kernel=(2, 2))
    weights = rng.normal(size=(2, 3, 2, 2)).astype(np.float32)
    ann = Ann("small", (3, 4, 4), (node,), {"only": weights}, {"only": np.zeros(2)}, outputs=("only",))
    images = rng.normal(size=(2, 3, 4, 4))
    model = convert(ann, images)
    real, rails = make_trace(model, 3, images), make_trace(model, 3, model.encode(images))
    assert real.arrays["in/only"].shape == (2, 6, 4, 4)
    assert np.array_equal(real.arrays["in/only"], rails.arrays["in/only"])
    with pytest.raises(InputError) as caught:
        make_trace(model, 3, images[:, :2])
    assert str(caught.value) == "images: images of the wrong shape (got (2, 2, 4, 4)); allowed: [image, 3, 4, 4]"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0,), "timesteps: time steps out of range (got 0); allowed: 1 to 16"),
        (
            (17, None, 9),
            "timesteps: time steps out of range (got 17); allowed: 1 to 16\n"
            "weight_bits: weight bits out of range (got 9); allowed: 1 to 8",
        ),
        (
            (4, np.zeros((2, 8, 8), dtype=np.uint8)),
            "images: images of the wrong shape (got (2, 8, 8)); allowed: [image, 1, 32, 32] or [image, 32, 32]",
        ),
        (
            (4, np.zeros((0, 1, 32, 32), dtype=np.uint8)),
            "images: images of the wrong shape (got (0, 1, 32, 32)); allowed: [image, 1, 32, 32] or [image, 32, 32]",
        ),
        ((4, np.zeros((1, 32, 32), dtype=complex)), "images: images are no numbers (got 'complex128')"),
        ((4, np.full((1, 32, 32), np.nan)), "images: images hold numbers that are not finite"),
        ((4, np.full((1, 32, 32), 256)), "images: pixels out of range (got '256 to 256'); allowed: 0 to 255"),
        ((4, np.full((1, 32, 32), -0.5)), "images: pixels out of range (got '-0.5 to -0.5'); allowed: 0 to 1"),
    ],
)
def test_bad_arguments(digits, arguments, message) -> None:
    with pytest.raises(InputError) as caught:
        make_trace(digits, *arguments)
    assert str(caught.value) == message


def test_a_network_without_images_needs_some(random_model) -> None:
    model = random_model(6)
    with pytest.raises(InputError) as caught:
        make_trace(replace(model, images=model.images[:0], labels=model.labels[:0]), 2)
    assert str(caught.value) == "images: the network brings no images of its own; allowed: images of yours"
