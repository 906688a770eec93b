"""Whole conversions: the network of words against the network of real numbers that it came from."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_anns import random_ann

from accelsim.errors import InputError
from accelsim.reference.ann import RELU, Activation, Ann, forward
from accelsim.reference.convert import convert
from accelsim.reference.model import ann_of, integer_network, output_unit, units
from accelsim.reference.model_check import model_problems
from accelsim.reference.network import run
from accelsim.reference.node import Node
from accelsim.reference.reals import compute


def network_of_everything(seed: int = 0) -> Ann:
    """Residuals before and after a ReLU, a leaky layer, pools, a skip into a concat, attention, two outputs."""
    nodes = (
        Node("stem", "conv2d", (), (3, 3), (1, 1), (1, 1)),
        Node("leaky", "conv2d", ("stem",), (3, 3), (1, 1), (1, 1)),
        Node("branch", "conv2d", ("leaky",), (3, 3), (1, 1), (1, 1)),
        Node("sum", "add", ("stem", "branch")),
        Node("half", "maxpool2d", ("sum",), (2, 2), (2, 2)),
        Node("deep", "conv2d", ("half",), (3, 3), (1, 1), (2, 2), dilation=(2, 2)),
        Node("up", "upsample", ("deep",), factor=(2, 2)),
        Node("skip", "concat", ("up", "sum")),
        Node("map", "conv2d", ("skip",)),
        Node("q", "conv2d", ("map",)),
        Node("k", "conv2d", ("map",)),
        Node("v", "conv2d", ("map",), groups=2),
        Node("scores", "attention_scores", ("q", "k"), groups=2),
        Node("values", "attention_values", ("scores", "v"), groups=2),
        Node("projection", "conv2d", ("values",)),
        Node("residual", "add", ("projection", "map")),
        Node("mean", "avgpool2d", ("residual",), (8, 8), (8, 8)),
        Node("classes", "linear", ("mean",)),
    )
    rng = np.random.default_rng(seed)
    shapes = {"stem": (8, 3, 3), "leaky": (8, 8, 3), "branch": (8, 8, 3), "deep": (16, 8, 3), "map": (8, 24, 1)}
    shapes |= dict.fromkeys(("q", "k", "projection"), (8, 8, 1)) | {"v": (8, 4, 1), "classes": (10, 8, 1)}
    weights = {
        name: (rng.normal(size=(outs, ins, kernel, kernel)) / np.sqrt(ins * kernel**2)).astype(np.float32)
        for name, (outs, ins, kernel) in shapes.items()
    }
    bias = {name: rng.normal(size=len(values)) / 10 for name, values in weights.items()}
    activation = dict.fromkeys(("stem", "sum", "deep", "map", "q", "k"), RELU) | {"leaky": Activation(0.1)}
    gain = {"scores": 1 / 64, "values": 1 / 8}
    return Ann("everything", (3, 8, 8), nodes, weights, bias, activation, gain, ("classes", "map"))


def outputs(model, timesteps: int, images, form="packed") -> dict[str, np.ndarray]:
    network = integer_network(model, timesteps)
    runs = [run(network, image, form) for image in model.encode(images)]
    return {
        name: np.stack([words[name] for words in runs]) * output_unit(model, name, timesteps) for name in model.answers
    }


@pytest.mark.parametrize(
    ("calibration", "limits"), [("max", (0.09, 0.25)), ("percentile", (0.12, 0.22)), ("least_squares", (0.14, 0.19))]
)
def test_outputs_approach_those_of_real_numbers(calibration, limits) -> None:
    ann = network_of_everything()
    images = np.random.default_rng(1).normal(size=(16, 3, 8, 8)).astype(np.float32)
    expected = forward(ann, images)
    model = convert(ann, images, calibration=calibration)
    for timesteps, factor in ((4, 1.0), (8, 0.25)):
        made = outputs(model, timesteps, images)
        for name, limit in zip(("classes", "map"), limits, strict=True):
            missed = np.sqrt(((made[name] - expected[name]) ** 2).mean() / (expected[name] ** 2).mean())
            assert missed < limit * factor
    again = forward(ann_of(model), model.encode(images) * model.image_step)
    for name, values in expected.items():
        np.testing.assert_allclose(again[name], values, atol=0.05)


def test_images_are_checked_before_anything_else() -> None:
    ann = network_of_everything()
    with pytest.raises(InputError) as caught:
        convert(ann, np.zeros((0, 8, 8), dtype=np.int64))
    assert str(caught.value) == (
        "images: images of the wrong type (got 'int64'); allowed: uint8 or real numbers\n"
        "images: images of the wrong shape (got (0, 8, 8)); allowed: [image, 3, 8, 8], at least one image"
    )


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 4, 8]), st.booleans())
def test_every_layer_rounds_what_its_words_give_to_the_nearest_of_its_own(seed, timesteps, per_channel) -> None:
    ann = random_ann(seed)
    images = np.random.default_rng(seed).normal(size=(2, *ann.input_shape)).astype(np.float32)
    model = convert(ann, images, per_channel=per_channel)
    assert model_problems(model, "") == []
    network, real, unit = integer_network(model, timesteps), ann_of(model), units(model, timesteps)
    image = model.encode(images)[0]
    words = run(network, image)
    values = {"": image * model.image_step} | {name: word * unit[name] for name, word in words.items()}
    for node in model.nodes:
        operands = [values[name][None].astype(np.float32) for name in node.inputs or ("",)]
        exact = compute(
            node, operands, real.weights.get(node.name), real.bias.get(node.name), real.gain.get(node.name, 1.0)
        )
        exact, made = exact[0].astype(np.float64), values[node.name]
        slack = 1e-4 * (1 + np.abs(exact).max())
        if node.name not in network.parameters:
            np.testing.assert_allclose(made, exact, atol=slack)
        elif not node.stream:
            assert np.abs(made - exact).max() <= unit[node.name] / 2 + slack
        else:
            theta = network.parameters[node.name].theta
            full = model.step(node.stream, timesteps) * (2**timesteps - 1)
            integers = (1.0 / theta)[:, None, None] * (model.step(node.stream, timesteps) + full)
            missed = np.abs(made - np.clip(exact, 0, full))
            assert (missed <= model.step(node.stream, timesteps) / 2 + integers + slack).all()
