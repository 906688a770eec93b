"""`accelsim trace make` of ONNX files, as a user types it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx_models import CONV, W, model, node, weights

from accelsim import cli, load_trace
from accelsim.interop.onnx import read_onnx
from accelsim.reference.convert import convert
from accelsim.reference.model import integer_network
from accelsim.reference.network import run

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests" / "golden" / "onnx"


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small network with a leaky layer, and images of every kind, in the working directory."""
    monkeypatch.chdir(tmp_path)
    nodes = [CONV, node("LeakyRelu", "c", "l", alpha=0.1), node("Conv", "l v", "d"), node("Relu", "d", "r"),
             node("Flatten", "r", "f"), node("Gemm", "f u", "y")]  # fmt: skip
    constants = {**W, "v": weights(3, 4, 3, 3), "u": weights(108, 5)}
    Path("net.onnx").write_bytes(model(nodes, constants).SerializeToString())
    rng = np.random.default_rng(2)
    np.save("bytes.npy", rng.integers(0, 256, (4, 3, 8, 8), dtype=np.uint8))
    np.save("reals.npy", rng.random((4, 3, 8, 8), dtype=np.float32))
    np.save("signed.npy", rng.normal(size=(4, 3, 8, 8)))


def make(*arguments: str, model: str = "net.onnx") -> int:
    return cli.main(["trace", "make", model, *arguments, "-o", "t.npz"])


@pytest.mark.parametrize("images", ["bytes.npy", "reals.npy", "signed.npy"])
def test_every_word_of_the_trace_is_the_converted_networks(images: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert make("--images", images, "-T", "3", "--weight-bits", "4") == 0
    assert capsys.readouterr().out == "t.npz\n"
    snn = convert(read_onnx("net.onnx"), np.load(images))
    network = integer_network(snn, 3, 4)
    with np.load("t.npz") as recorded:
        for number, image in enumerate(snn.encode(np.load(images))):
            words = {"": image, **run(network, image)}
            for layer in network.layers:
                source = layer.inputs[0] if layer.inputs else ""
                if len(layer.inputs) < 2:
                    given = recorded[f"in/{layer.name}"][number]
                    assert np.array_equal(given, words[source].reshape(given.shape))
    assert load_trace("t.npz").name == "net"


def test_the_calibration_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def spy(ann, images, **options):
        asked.append((len(images), options))
        return convert(ann, images, **options)

    monkeypatch.setattr("accelsim.reference.convert.convert", spy)
    assert make("--images", "reals.npy") == 0
    assert make("--images", "reals.npy", "--calibration", "percentile", "--percentile", "99", "--per-channel") == 0
    assert make("--images", "reals.npy", "--calibration", "max", "--calibration-images", "3") == 0
    whole = np.load("reals.npy")
    span = {"image_range": (float(whole.min()), float(whole.max()))}
    assert asked == [
        (4, {"calibration": "least_squares", "percentile": 99.9, "per_channel": False} | span),
        (4, {"calibration": "percentile", "percentile": 99.0, "per_channel": True} | span),
        (3, {"calibration": "max", "percentile": 99.9, "per_channel": False} | span),
    ]


def test_images_beyond_those_of_the_calibration_keep_their_values(capsys: pytest.CaptureFixture[str]) -> None:
    images = np.load("reals.npy")
    images[3] *= -2
    np.save("later.npy", images)
    assert make("--images", "later.npy", "--calibration-images", "3") == 0
    with np.load("t.npz") as recorded:
        words = recorded[next(name for name in recorded if name.startswith("in/"))]
    assert words.shape[1] == 6
    assert words[3, 1::2].max() == 255
    assert not words[3, ::2].any()
    np.save("later.npy", np.where(images == images[3, 0, 0, 0], np.nan, images))
    assert make("--images", "later.npy", "--calibration-images", "3") == 2
    assert capsys.readouterr().err.endswith("images: images hold numbers that are not finite\n")


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "former"])
def test_exports_run_and_verify(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with np.load(GOLDEN / f"{name}.npz") as recorded:
        np.save("images.npy", recorded["images"][:1])
    assert make("--images", "images.npy", "-T", "4", model=str(GOLDEN / f"{name}.dynamo.onnx")) == 0
    arch = str(ROOT / "arch_configs" / "spikepack.yaml")
    assert cli.main([arch, "t.npz", "--verify", "--quiet", "--out", "result"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["net.onnx"], "--images: are missing: an ONNX file brings none; allowed: X.npy"),
        (
            ["net.onnx", "--images", "bytes.npy", "--percentile", "99"],
            "--percentile: needs --calibration percentile (got 99.0)",
        ),
        (["net.onnx", "--images", "flat.npy"], "flat.npy: is not [image, channels, rows, columns] (got [2, 3])"),
        (["net.onnx", "--images", "empty.npy"],
         "empty.npy: is not [image, channels, rows, columns] (got [0, 3, 8, 8])"),
        (
            ["net.onnx", "--images", "small.npy"],
            "net.onnx: image: input has another shape than the images (got [None, 3, 8, 8]); allowed: [3, 7, 7]",
        ),
        (
            ["net.onnx", "--images", "wide.npy"],
            "images: images of the wrong type (got 'int32'); allowed: uint8 or real numbers",
        ),
        (["net.onnx", "--images", "nan.npy"], "images: images hold numbers that are not finite"),
        (["gone.onnx", "--images", "bytes.npy"], "gone.onnx: no such file"),
        (["text.onnx", "--images", "bytes.npy"], "text.onnx: is no ONNX model"),
        (["net.onnx", "--images", "bytes.npy", "-T", "17"],
         "timesteps: time steps out of range (got 17); allowed: 1 to 16"),
        (["net.onnx", "--images", "bytes.npy", "--weight-bits", "9"],
         "weight_bits: weight bits out of range (got 9); allowed: 1 to 8"),
        (
            ["resnet18_digits", "--calibration", "max", "--per-channel"],
            "--calibration: a network that ships is calibrated already (got 'max'); allowed: with MODEL.onnx\n"
            "--per-channel: a network that ships is calibrated already (got True); allowed: with MODEL.onnx",
        ),
    ],
)  # fmt: skip
def test_bad_input(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    np.save("flat.npy", np.zeros((2, 3), np.uint8))
    np.save("empty.npy", np.zeros((0, 3, 8, 8), np.uint8))
    np.save("small.npy", np.zeros((1, 3, 7, 7), np.uint8))
    np.save("wide.npy", np.zeros((1, 3, 8, 8), np.int32))
    np.save("nan.npy", np.full((1, 3, 8, 8), np.nan))
    Path("text.onnx").write_text("hello")
    assert cli.main(["trace", "make", *arguments, "-o", "t.npz"]) == 2
    assert capsys.readouterr() == ("", f"{message}\n")
    assert not Path("t.npz").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--calibration", "best"],
         "argument --calibration: invalid choice: 'best' (choose from"),
        (["--percentile", "101"], "argument --percentile: must be above 0 and at most 100 (got '101')"),
        (["--percentile", "many"], "argument --percentile: must be above 0 and at most 100 (got 'many')"),
        (["--calibration-images", "0"], "argument --calibration-images: must be 1 or more (got '0')"),
    ],
)  # fmt: skip
def test_bad_usage(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        make(*arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_a_refused_operator_ends_with_its_node_and_no_traceback() -> None:
    Path("soft.onnx").write_bytes(model([CONV, node("Softmax", "c", "y")], W).SerializeToString())
    done = subprocess.run(
        [sys.executable, ROOT / "run_sim.py", "trace", "make", "soft.onnx", "--images", "bytes.npy", "-o", "t.npz"],
        capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "soft.onnx: the_y: Softmax divides by a sum over an axis, which no neuron computes; "
        "allowed: attention without it; leave it off the outputs\n"
    )
