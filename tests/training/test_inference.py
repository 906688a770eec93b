"""Networks of integers on torch against the reference model: every word of every layer."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from packed_nets import residual

from accelsim.reference.model import integer_network
from accelsim.reference.model_file import find_model, read_model
from accelsim.reference.network import Network, run
from accelsim.training.export import packed_network
from accelsim.training.inference import TorchNetwork
from accelsim.workload.layer import Layer
from accelsim.workload.workload import Parameters


def equal_words(network: Network, images) -> None:
    found = TorchNetwork(network).words(torch.from_numpy(images))
    for index, image in enumerate(images):
        for name, words in run(network, image).items():
            assert torch.equal(found[name][index].long(), torch.from_numpy(words)), name


@pytest.mark.parametrize("comparator", [">=", ">"])
@pytest.mark.parametrize("timesteps", [1, 4, 12])
def test_a_trained_network(timesteps: int, comparator) -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 2, 8, 8), dtype=np.uint8)
    equal_words(packed_network(residual(1, timesteps, comparator=comparator), (2, 8, 8)), images)


def test_the_shipped_network() -> None:
    model = read_model(find_model("resnet18_digits"))
    equal_words(integer_network(model, 4), model.images[:2])


def test_every_operator_without_weights() -> None:
    map_of_2, map_of_4 = (2, 4, 4), (4, 4, 4)
    layers = (
        Layer("pool", "maxpool2d", (), map_of_2, (2, 2, 2), (2, 2), (2, 2), word_bits=8),
        Layer("up", "upsample", ("pool",), (2, 2, 2), map_of_2, factor=(2, 2), word_bits=8),
        Layer("mean", "avgpool2d", ("up",), map_of_2, map_of_2, (3, 3), (1, 1), (1, 1), word_bits=8, out_word_bits=12),
        Layer("join", "concat", ("up", "mean"), map_of_4, map_of_4, word_bits=12, operand_channels=(2, 2)),
        Layer("sum", "add", ("join", "join"), map_of_4, map_of_4, word_bits=12, out_word_bits=13),
    )
    images = np.random.default_rng(0).integers(0, 256, (3, 2, 4, 4))
    equal_words(Network("operators", layers, {}, 4), images)


@pytest.mark.parametrize(("word_bits", "dtype"), [(8, torch.float32), (28, torch.float64)])
def test_wide_sums_are_kept_in_wide_numbers(word_bits: int, dtype) -> None:
    rng = np.random.default_rng(0)
    layer = Layer("c", "conv2d", (), (3, 5, 5), (4, 3, 3), (3, 3), word_bits=word_bits, timesteps=8, out_word_bits=8)
    weights = rng.integers(-127, 128, (4, 3, 3, 3)).astype(np.int8)
    theta = np.full(4, 1 << (word_bits - 1))
    network = Network("wide", (layer,), {"c": Parameters(weights, rng.integers(-99, 99, 4), theta)}, 8)
    images = rng.integers(0, 1 << word_bits, (5, 3, 5, 5))
    assert TorchNetwork(network)(torch.from_numpy(images)).dtype == dtype
    equal_words(network, images)


def test_what_torch_cannot_hold_is_refused() -> None:
    shape = (2, 3, 3)
    parameters = Parameters(np.ones((2, 2, 1, 1), np.int8), np.zeros(2, np.int64), np.array([1, 1 << 54]))
    wide = Network("wide", (Layer("c", "conv2d", (), shape, shape),), {"c": parameters}, 1)
    with pytest.raises(ValueError, match=f"^c: sums of up to {1 << 54} are not exact in float64$"):
        TorchNetwork(wide)
    scores = Layer("q", "attention_scores", ("a", "a"), shape, (9, 3, 3))
    with pytest.raises(ValueError, match=r"^q: attention products are not supported$"):
        TorchNetwork(Network("attention", (scores,), {}, 1))
