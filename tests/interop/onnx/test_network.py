"""Networks from ONNX files: exports of PyTorch against its recorded outputs, names, shapes, and what is refused, by its
whole message."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto
from onnx_models import CONV, W, assert_equal, image, model, node, read, weights

from accelsim.errors import InputError
from accelsim.interop.onnx import read_onnx
from accelsim.interop.onnx.network import READERS, REFUSED
from accelsim.reference.ann import Activation, forward
from accelsim.reference.convert import convert
from accelsim.reference.model import integer_network, output_unit
from accelsim.reference.network import run

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = ROOT / "tests" / "golden" / "onnx"
NETWORKS = ("detector", "former", "mobilenet_v2", "resnet18", "unet", "vgg")


def test_scalars_on_the_image_cost_no_layer(tmp_path: Path) -> None:
    nodes = [node("Div", "image k", "i"), node("Conv", "i w", "y")]
    ann = read(model(nodes, {**W, "k": np.float32(255)}), tmp_path / "m.onnx")
    assert [each.op for each in ann.nodes] == ["conv2d"]
    assert np.allclose(ann.weights["the_y"], W["w"] / 255)


def test_what_follows_goes_into_the_layer(tmp_path: Path) -> None:
    gains = {name: np.abs(weights(4)) + 0.5 for name in ("gain", "offset", "mean", "var")}
    nodes = [CONV, node("BatchNormalization", "c gain offset mean var", "n"), node("Relu", "n", "r")]
    ann = read(model(nodes, {**W, **gains}, outputs="r"), tmp_path / "m.onnx")
    assert [(each.op, each.groups) for each in ann.nodes] == [("conv2d", 1)]
    assert dict(ann.activation) == {ann.nodes[0].name: Activation()}


def test_layers_are_named_as_their_modules(tmp_path: Path) -> None:
    names = [each.name for each in read_onnx(GOLDEN / "unet.torchscript.onnx").nodes]
    assert names[:4] == ["down1.first.conv", "down1.second.conv", "pool.MaxPool", "down2.first.conv"]
    assert names[-1] == "classes"
    assert read_onnx(GOLDEN / "detector.dynamo.onnx").outputs == ("classes", "boxes")


@pytest.mark.parametrize("exporter", ["dynamo", "torchscript"])
@pytest.mark.parametrize("name", NETWORKS)
def test_exports_equal_pytorch(name: str, exporter: str) -> None:
    ann = read_onnx(GOLDEN / f"{name}.{exporter}.onnx")
    with np.load(GOLDEN / f"{name}.npz") as recorded:
        given = forward(ann, recorded["images"])
        outputs = [key for key in recorded.files if key != "images"]
        assert len(outputs) == len(ann.outputs)
        for key, layer in zip(outputs, ann.outputs, strict=True):
            expected = recorded[key]
            assert np.abs(given[layer].reshape(expected.shape) - expected).max() <= 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("name", NETWORKS)
def test_exports_become_spikes_that_stay_close(name: str) -> None:
    ann = read_onnx(GOLDEN / f"{name}.dynamo.onnx")
    with np.load(GOLDEN / f"{name}.npz") as recorded:
        images = recorded["images"]
        calibration = np.random.default_rng(0).random((8, *ann.input_shape), dtype=np.float32)
        snn = convert(ann, calibration)
        network = integer_network(snn, 8)
        words = run(network, snn.encode(images)[0])
        for key, layer in zip([key for key in recorded.files if key != "images"], snn.answers, strict=True):
            given = words[layer].reshape(-1) * output_unit(snn, layer, 8)
            expected = recorded[key][0].reshape(-1)
            assert np.sqrt(np.mean((given - expected) ** 2)) <= 0.12 * expected.std()


REFUSALS: dict[str, tuple[list[Any], dict[str, Any], str]] = {
    "softmax": (
        [CONV, node("Softmax", "c", "y")], W,
        "the_y: Softmax divides by a sum over an axis, which no neuron computes; "
        "allowed: attention without it; leave it off the outputs",
    ),
    "everything at once": (
        [CONV, node("Sigmoid", "c", "a"), node("Relu", "a", "b"), node("HardSwish", "c", "d"),
         node("Add", "b d", "y")], W,
        "the_a: Sigmoid is neither zero nor straight below 0, and no spikes stand for it; "
        "allowed: Relu, LeakyRelu, PRelu, Clip from 0 on\n"
        "m.onnx: the_d: HardSwish is neither zero nor straight below 0, and no spikes stand for it; "
        "allowed: Relu, LeakyRelu, PRelu, Clip from 0 on",
    ),
    "quantised": (
        [node("QuantizeLinear", "image k", "y")], {"k": np.float32(0.1)},
        "the_y: QuantizeLinear is quantised already: integers are chosen when the time steps are; "
        "allowed: the network of real numbers",
    ),
    "unknown": ([node("Hardmax", "image", "y")], {}, f"the_y: Hardmax is not supported; allowed: {', '.join(READERS)}"),
    "gates": (
        [CONV, node("Mul", "c c", "y")], W,
        "the_y: Mul multiplies two maps value by value; allowed: a constant factor, one number or one a channel",
    ),
    "positions": (
        [node("Add", "image k", "y")], {"k": weights(1, 1, 8, 8)},
        "the_y: Add a constant that differs over more than the channels (got [1, 1, 8, 8]); "
        "allowed: one number, or one a channel (3)",
    ),
    "clips": (
        [node("Clip", "image a b", "y")], {"a": np.float32(-1), "b": np.float32(1)},
        "the_y: Clip clips elsewhere than at 0 and above (got [-1.0, 1.0]); allowed: from 0 on, as ReLU and ReLU6",
    ),
    "interpolation": (
        [node("Resize", "image - k", "y", mode="linear")], {"k": np.array([1, 1, 2, 2], np.float32)},
        "the_y: Resize interpolates (linear); allowed: mode: nearest",
    ),
    "broken factors": (
        [node("Resize", "image - k", "y", mode="nearest")], {"k": np.array([1, 1, 1.5, 2], np.float32)},
        "the_y: Resize resizes by a broken factor, or channels (got [1.0, 1.0, 1.5, 2.0]); "
        "allowed: [1, 1, N, N] of whole N up to 64",
    ),
    "one axis": (
        [node("Conv", "image w", "y")], {"w": weights(4, 3, 3)},
        "the_y: Conv convolves 1 axes; allowed: 2: rows and columns",
    ),
    "weights of the image": (
        [CONV, node("Conv", "image c", "y")], W, "the_y: Conv its weights depend on the image; allowed: constants",
    ),
    "wrong weights": (
        [node("Conv", "image w", "y")], {"w": weights(4, 2, 3, 3)},
        "the_y: Conv weights of the wrong shape (got [4, 2, 3, 3]); allowed: [out_channels, 3 / groups, rows, columns]",
    ),
    "too large a window": (
        [node("MaxPool", "image", "y", kernel_shape=[9, 2])], {},
        "the_y: MaxPool window is larger than its padded input (got 9); allowed: at most 8",
    ),
    "ceil_mode": (
        [node("MaxPool", "image", "y", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)], {},
        "the_y: MaxPool pads differ at the two ends of an axis, or ceil_mode adds a window (got [0, 0, 0, 0]); "
        "allowed: padding alike on both sides, and sizes that the strides divide",
    ),
    "borders": (
        [node("AveragePool", "image", "y", kernel_shape=[3, 3], pads=[1, 1, 1, 1])], {},
        "the_y: AveragePool averages fewer values at the borders (got 0); allowed: count_include_pad: 1",
    ),
    "concat of rows": (
        [CONV, node("Concat", "c c", "y", axis=2)], W,
        "the_y: Concat joins another axis than the channels (got 2); allowed: all channels, in order",
    ),
    "sizes that do not fit": (
        [CONV, node("Add", "c image", "y")], W,
        "the_y: Add adds tensors of unlike axes (got '[1, 4, 8, 8] and [1, 3, 8, 8]'); "
        "allowed: two tensors of one shape",
    ),
    "cut across": (
        [node("Reshape", "image k", "r"), node("Conv", "r w", "y")], {**W, "k": np.array([0, 16, 12])},
        "the_r: Reshape cuts the channels across (got [1, 16, 12]); allowed: axes that cut or join whole parts",
    ),
    "a constant that repeats the map": (
        [CONV, node("GlobalAveragePool", "c", "g"), node("Add", "g k", "y")], {**W, "k": np.ones((1, 4, 3, 3))},
        "the_y: Add a constant that the map would have to be repeated for (got [1, 4, 3, 3]); "
        "allowed: within [1, 4, 1, 1]",
    ),
    "a constant of more axes": (
        [CONV, node("Mul", "c k", "y")], {**W, "k": np.ones((2, 1, 1, 1, 1))},
        "the_y: Mul a constant that the map would have to be repeated for (got [2, 1, 1, 1, 1]); "
        "allowed: within [1, 4, 8, 8]",
    ),
    "random drops": (
        [CONV, node("Dropout", "c half yes", "y")], {**W, "half": np.float32(0.5), "yes": np.array(True)},
        "the_y: Dropout drops at random; allowed: a network exported in evaluation mode",
    ),
    "another way to neighbours": (
        [node("Resize", "image - k", "y", coordinate_transformation_mode="tf_crop_and_resize")],
        {"k": np.array([1, 1, 3, 3], np.float32)},
        "the_y: Resize finds neighbours in another way (got 'tf_crop_and_resize'); "
        "allowed: half_pixel, half_pixel_symmetric, pytorch_half_pixel, align_corners, asymmetric",
    ),
    "a window beyond pads that differ": (
        [node("AveragePool", "image", "y", kernel_shape=[2, 2], strides=[2, 2], pads=[1, 1, 0, 0], ceil_mode=1,
              count_include_pad=1)], {},
        "the_y: AveragePool ceil_mode adds a window that is not whole (got 1); allowed: ceil_mode: 0",
    ),
    "windows of padding": (
        [node("MaxPool", "image", "y", kernel_shape=[2, 3], pads=[2, 1, 2, 1])], {},
        "the_y: MaxPool has windows of padding alone (got [2, 1]); allowed: padding below [2, 3]",
    ),
    "nothing of the channels": (
        [node("Slice", "image zero before axis", "y")],
        {"zero": np.array([0]), "before": np.array([-9]), "axis": np.array([1])},
        "the_y: Slice takes a part of another axis than the channels (got 1); allowed: some channels, or heads",
    ),
    "a tensor from nowhere": (
        [node("Relu", "nothing", "y")], {}, "the_y: Relu reads a tensor that nothing before it makes (got 'nothing')",
    ),
    "padding nobody takes": (
        [node("Pad", "image k", "p"), node("Relu", "p", "y")], {"k": np.array([0, 0, 1, 1, 0, 0, 1, 1])},
        "the_y: Relu reads zeros that Pad put around a map; allowed: Pad before a convolution or average pool",
    ),
    "a constant output": (
        [node("Identity", "k", "y")], {"k": weights(2)}, "y: does not follow from the image",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nodes, constants, message = REFUSALS[name]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        read(model(nodes, constants), Path("m.onnx"))
    assert str(caught.value) == f"m.onnx: {message}"


def test_a_network_that_eats_bytes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written = model([node("Cast", "image", "f", to=1), node("Conv", "f w", "y")], W)
    written.graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8
    with pytest.raises(InputError) as caught:
        read(written, Path("m.onnx"))
    assert str(caught.value) == (
        "m.onnx: image: input is not of real numbers (got 2); "
        "allowed: real numbers: put what scales bytes before the network"
    )


def test_no_operator_is_both_read_and_refused() -> None:
    assert not READERS.keys() & REFUSED.keys()


@pytest.mark.parametrize(
    ("shape", "given", "message"),
    [
        (("batch", 3, "h", "w"), None,
         "image: leaves sizes free that only the images tell (got [None, 3, None, None]); "
         "allowed: a free batch alone, or images beside the file"),
        (("batch", 3, 8, 8), (1, 8, 8),
         "image: input has another shape than the images (got [None, 3, 8, 8]); allowed: [1, 8, 8]"),
        (("batch", 3, 8), None,
         "image: input has the wrong axes (got [None, 3, 8]); "
         "allowed: [batch, channels, rows, columns] or [batch, features]"),
    ],
)  # fmt: skip
def test_shapes_of_the_input(shape, given, message, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        read(model([node("Relu", "image", "y")], shape=shape), Path("m.onnx"), image_shape=given)
    assert str(caught.value) == f"m.onnx: {message}"


def test_images_fill_free_sizes_in(tmp_path: Path) -> None:
    written = model([CONV, node("Relu", "c", "y")], W, ("batch", 3, "h", "w"))
    assert read(written, tmp_path / "m.onnx", image_shape=(3, 5, 6)).input_shape == (3, 5, 6)


def test_features_alone(tmp_path: Path) -> None:
    nodes = [node("Gemm", "image v b", "g", transB=1), node("Relu", "g", "h"), node("Gemm", "h u", "y")]
    constants = {"v": weights(5, 7), "b": weights(5), "u": weights(5, 3)}
    ann = assert_equal(model(nodes, constants, (1, 7)), tmp_path / "m.onnx", image(1, 7))
    assert (ann.input_shape, [each.op for each in ann.nodes]) == ((7, 1, 1), ["linear", "linear"])


def test_a_fixed_batch_changes_nothing(tmp_path: Path) -> None:
    nodes = [CONV, node("Reshape", "c k", "f"), node("Gemm", "f v", "y")]
    constants = {**W, "k": np.array([4, -1]), "v": weights(256, 3)}
    assert_equal(model(nodes, constants, (4, 3, 8, 8)), tmp_path / "m.onnx", image(4, 3, 8, 8))


def test_the_document_names_what_is_read() -> None:
    table = (ROOT / "docs" / "onnx.md").read_text().split("## What is read")[1].split("A view says")[0]
    named = {word for row in table.splitlines() for word in row.split("|")[1:2] for word in re.findall(r"\w+", word)}
    assert READERS.keys() <= named
