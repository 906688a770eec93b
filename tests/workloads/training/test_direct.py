"""The networks of the comparison: alike but for their neurons, trained for a moment."""

import json

import numpy as np
import pytest

from accelsim.reference.network import classify

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")


@pytest.fixture
def direct(script):
    return script("direct")


def test_kinds_are_written_and_read(direct) -> None:
    names = [str(kind) for kind in direct.KINDS]
    assert names == ["ann", *(f"{neuron}_t{t}" for neuron in ("packed", "lif") for t in (1, 2, 4, 8))]
    assert [direct.Kind.parse(name) for name in names] == list(direct.KINDS)


def test_kinds_differ_in_their_neurons_alone(direct) -> None:
    def shapes(kind) -> list[tuple[int, ...]]:
        parameters = dict(direct.Kind.parse(kind).build().named_parameters())
        return [tuple(tensor.shape) for name, tensor in sorted(parameters.items()) if "theta" not in name]

    assert sorted(shapes("ann")) == sorted(shapes("packed_t4")) == sorted(shapes("lif_t8"))


def test_an_image_is_shown_in_every_step_and_answers_are_averaged(direct) -> None:
    kind = direct.Kind("lif", 3)
    net = torch.nn.Flatten()
    images = torch.arange(20.0).reshape(2, 1, 1, 10)
    assert torch.equal(kind.scores(net, images), images.reshape(2, 10))


def test_a_packed_network_learns_and_is_judged_as_integers(direct) -> None:
    images, labels = direct.load(direct.SIZE)
    assert (images.shape, images.dtype) == ((1797, 1, 16, 16), np.uint8)
    kind = direct.Kind("packed", 4)
    net = direct.train(kind, images[:600], labels[:600], seed=0, epochs=6)
    answers = direct.inference(kind, net)(torch.from_numpy(images[600:])).argmax(dim=1).numpy()
    assert (answers == labels[600:]).mean() > 0.75
    expected = classify(direct.packed_network(net, direct.SHAPE), images[600:620])
    assert answers[:20].tolist() == expected.tolist()


def test_a_measurement_counts_what_is_kept(direct, capsys) -> None:
    ann, packed = (direct.measure(direct.Kind.parse(name), "cpu") for name in ("ann", "packed_t2"))
    assert set(ann) == {"epoch_s", "image_s", "saved_bytes", "peak_bytes"}
    assert min(ann["epoch_s"], ann["image_s"], ann["saved_bytes"]) > 0
    # Of each neuron the membrane besides, 4 bytes for each of a batch.
    neurons = sum(width * (16 >> stage) ** 2 for stage, width in enumerate(direct.WIDTHS))
    assert packed["saved_bytes"] - ann["saved_bytes"] >= 4 * neurons * direct.MEASURED_BATCH
    json.dumps(packed)
