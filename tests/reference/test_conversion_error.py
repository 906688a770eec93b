"""What every layer of a converted network misses."""

import numpy as np
import pytest
from random_anns import random_ann

from accelsim.reference.ann import forward
from accelsim.reference.conversion_error import LayerError, layer_errors, output_errors
from accelsim.reference.convert import convert
from accelsim.reference.model import ann_of, integer_network, units
from accelsim.reference.network import run


def test_errors_are_root_mean_squares_of_differences() -> None:
    ann = random_ann(5)
    images = np.random.default_rng(0).random((3, *ann.input_shape)).astype(np.float32)
    model = convert(ann, images)
    network, unit, words = integer_network(model, 3, 4), units(model, 3, 4), model.encode(images)
    runs = [run(network, image) for image in words]
    found = layer_errors(model, images, 3, 4)
    assert list(found) == [node.name for node in model.nodes]
    real = forward(ann_of(model), words * model.image_step, found)
    for name, error in found.items():
        made = np.stack([one[name] for one in runs]) * unit[name]
        assert error.error == pytest.approx(np.sqrt(((made - real[name]) ** 2).mean()), rel=1e-5)
        assert error.signal == pytest.approx(np.sqrt((real[name] ** 2).mean()), rel=1e-5)
    answers = forward(ann, images)
    for name, error in output_errors(ann, model, images, 3, 4).items():
        made = np.stack([one[name] for one in runs]) * unit[name]
        assert error.error == pytest.approx(np.sqrt(((made - answers[name]) ** 2).mean()), rel=1e-5)


def test_relative_errors_of_silence() -> None:
    assert LayerError(1.0, 4.0).relative == 0.25
    assert LayerError(0.0, 0.0).relative == 0.0
    assert LayerError(0.5, 0.0).relative == 1.0


def test_more_steps_miss_less() -> None:
    ann = random_ann(11)
    images = np.random.default_rng(0).random((4, *ann.input_shape)).astype(np.float32)
    model = convert(ann, images)
    missed = [output_errors(ann, model, images, timesteps)["answer"].relative for timesteps in (2, 4, 8)]
    assert missed == sorted(missed, reverse=True)
    assert missed[2] < missed[0] / 8
