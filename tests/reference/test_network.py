"""The untimed run: serial against packed on random networks and on the shipped one, and the checks of widths."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.errors import InputError
from accelsim.reference.model import integer_network
from accelsim.reference.model_file import find_model, read_model
from accelsim.reference.network import Network, classify, run, run_all
from accelsim.workload.layer import Layer
from accelsim.workload.workload import Parameters

SHIPPED = sorted(path.parent.name for path in (Path(__file__).parents[2] / "workloads").glob("*/weights.npz"))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    timesteps=st.integers(1, 8),
    weight_bits=st.integers(2, 8),
    comparator=st.sampled_from([">=", ">"]),
)
def test_serial_and_packed_agree_on_every_layer(random_model, seed, timesteps, weight_bits, comparator) -> None:
    model = random_model(seed)
    made = integer_network(model, timesteps, weight_bits)
    network = Network(made.name, made.layers, made.parameters, timesteps, comparator)
    packed = run(network, model.images[0])
    serial = run(network, model.images[0], "serial")
    for layer in network.layers:
        assert packed[layer.name].shape == layer.out_shape
        assert packed[layer.name].tolist() == serial[layer.name].tolist()
        if layer.fires:
            assert 0 <= packed[layer.name].min() <= packed[layer.name].max() < 2**layer.out_word_bits


@pytest.mark.parametrize("timesteps", [1, 2, 4, 8])
@pytest.mark.parametrize("name", SHIPPED)
def test_serial_and_packed_agree_on_the_shipped_networks(name: str, timesteps: int) -> None:
    model = read_model(find_model(name))
    random = np.random.default_rng(0).integers(0, 2**model.image_bits, model.image_shape)
    image = model.images[0] if len(model.images) else random
    network = integer_network(model, timesteps)
    packed = run(network, image)
    serial = run(network, image, "serial")
    assert list(packed) == [node.name for node in model.nodes]
    for layer, words in packed.items():
        assert np.array_equal(words, serial[layer]), layer


def network(word_bits: int, weight: int = 1, theta: int = 3, bias: int = 1, fires: bool = True, timesteps=2) -> Network:
    layer = Layer("only", "conv2d", (), (1, 1, 3), (1, 1, 3), weight_bits=8, word_bits=word_bits, fires=fires)
    own = Parameters(np.full((1, 1, 1, 1), weight, dtype=np.int8), np.array([bias]), np.array([theta]))
    return Network("tiny", (layer,), {"only": own}, timesteps)


@pytest.mark.parametrize("form", ["packed", "serial"])
def test_a_layer_by_hand(form) -> None:
    image = np.array([[[0, 5, 200]]])
    assert run(network(8), image, form)["only"].tolist() == [[[0, 2, 3]]]
    assert run(network(8, weight=-2, fires=False), image, form)["only"].tolist() == [[[1, -9, -399]]]


def test_classify_takes_the_largest_accumulator(random_model) -> None:
    model = random_model(1)
    made = integer_network(model, 4)
    expected = [run(made, image)["read"].ravel().tolist() for image in model.images]
    assert classify(made, model.images).tolist() == [sums.index(max(sums)) for sums in expected]


@pytest.mark.parametrize("form", ["packed", "serial"])
def test_methods_and_threads_change_no_word(random_model, form) -> None:
    model = random_model(2)
    made = integer_network(model, 4)
    images = [*model.images, *model.images[::-1], model.images[0]]
    expected = [run(made, image, form) for image in images]

    def assert_equal(found) -> None:
        assert len(found) == len(expected)
        for words, wanted in zip(found, expected, strict=True):
            assert words.keys() == wanted.keys()
            assert all(np.array_equal(words[name], wanted[name]) for name in wanted)

    for method in ("dense", "halves", "skip"):
        assert_equal([run(made, image, form, method=method) for image in images])
    assert_equal([run(made, image, form, threads=3) for image in images])
    for threads in (1, 2, 9):
        assert_equal(list(run_all(made, images, form, threads)))
        assert classify(made, np.stack(images), form, threads).tolist() == [int(w["read"].argmax()) for w in expected]


@pytest.mark.parametrize("keep", [(), ("read",), ("stem", "down", "read")])
def test_words_that_nobody_asked_for_are_let_go(random_model, keep) -> None:
    model = random_model(2)
    made = integer_network(model, 4)
    everything, kept = run(made, model.images[0]), run(made, model.images[0], keep=keep)
    assert set(kept) == set(keep)
    assert all(np.array_equal(words, everything[name]) for name, words in kept.items())


def test_integers_that_could_overflow_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        network(40)
    assert str(caught.value) == (
        "tiny.only: words are too wide for the reference model (got 40); allowed: at most 31 bits"
    )
    with pytest.raises(InputError) as caught:
        network(8, theta=2**62, bias=2**63 - 2)
    assert str(caught.value) == (
        f"tiny.only: sums may not fit an integer of 64 bits (got {2**63 + 253}); allowed: below 2^63\n"
        f"tiny.only: thresholds may not fit an integer of 64 bits (got {3 * 2**62}); allowed: below 2^63"
    )
