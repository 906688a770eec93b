"""Exports run where torch is installed: the recorded networks are those of the example, and read back as themselves."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chips import ROOT

from accelsim.interop.onnx import read_onnx
from accelsim.reference.ann import forward
from examples import load_example

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")

GOLDEN = ROOT / "tests" / "golden" / "onnx"


@pytest.fixture(scope="module")
def example() -> Any:
    return load_example("export_onnx")


def test_the_recorded_networks_are_the_examples(example: Any) -> None:
    assert sorted(example.NETWORKS) == sorted(path.stem for path in GOLDEN.glob("*.npz"))
    for name in example.NETWORKS:
        network, shape, outputs = example.build(name, small=True)
        again = example.record(network, shape, outputs)
        with np.load(GOLDEN / f"{name}.npz") as recorded:
            assert set(recorded.files) == set(again)
            for key, values in again.items():
                scale = np.abs(recorded[key]).max()
                assert np.abs(values - recorded[key]).max() <= 1e-4 * scale, f"{name}: {key}"


@pytest.mark.parametrize("exporter", ["dynamo", "torchscript"])
def test_the_command_exports_what_reads_back(
    example: Any, exporter: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["unet", "--small", "--exporter", exporter, "--record", "-o", str(tmp_path / "u.onnx")]
    monkeypatch.setattr(sys, "argv", ["export_onnx.py", *arguments])
    example.main()
    size = (tmp_path / "u.onnx").stat().st_size
    assert capsys.readouterr().out == f"{tmp_path / 'u.onnx'}: {size} bytes, images [n, 1, 16, 16]\n"
    with np.load(tmp_path / "u.npz") as recorded:
        assert np.array_equal(np.load(tmp_path / "u.npy"), recorded["images"])
        given = forward(read_onnx(tmp_path / "u.onnx"), recorded["images"])["classes"]
        assert np.abs(given - recorded["classes"]).max() <= 1e-4 * np.abs(recorded["classes"]).max()


@pytest.mark.filterwarnings("ignore")  # of the exporter's own making
def test_weights_in_a_file_beside_as_the_exporter_writes_them(tmp_path: Path) -> None:
    nn = torch.nn
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 8, 3), nn.PReLU(8), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(72, 64)).eval()
    images = torch.rand(2, 1, 8, 8)
    torch.onnx.export(network, (images,), str(tmp_path / "m.onnx"), dynamo=True, verbose=False)
    assert (tmp_path / "m.onnx.data").exists()
    ann = read_onnx(tmp_path / "m.onnx")
    expected = network(images).detach().numpy()
    assert np.abs(forward(ann, images.numpy())[ann.outputs[0]].reshape(2, 64) - expected).max() <= 1e-5
