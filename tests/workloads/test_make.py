"""The layer lists: their weights and multiply-accumulates are those that others publish for these networks."""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from types import ModuleType

import pytest

from accelsim.workload.layer import Layer
from accelsim.workload.load import load_input

HOME = Path(__file__).resolve().parents[2] / "workloads"

TORCHVISION = {
    "alexnet_imagenet": (61_100_840, 0.714),
    "vgg11_imagenet": (132_863_336, 7.609),
    "vgg16_imagenet": (138_357_544, 15.47),
    "resnet18_imagenet": (11_689_512, 1.814),
    "resnet34_imagenet": (21_797_672, 3.664),
    "resnet50_imagenet": (25_557_032, 4.089),
    "mobilenetv2_imagenet": (3_504_872, 0.301),
}
"""num_params and _ops (10^9 multiply-accumulates) of the weights' metadata in torchvision 0.29, torchvision/models."""

BIASED = ("alexnet_imagenet", "vgg11_imagenet", "vgg16_imagenet")
"""Those whose convolutions have a bias each; those of the others have a batch norm, of two parameters a channel."""


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(HOME)
    return importlib.import_module("make")


def layers(name: str) -> list[Layer]:
    """Layers with weights of their own."""
    return [layer for layer in load_input(HOME / f"{name}.yaml").layers if layer.weight_bits == 8]


def weights(found: list[Layer]) -> int:
    return sum(layer.fan_in * layer.out_shape[0] for layer in found)


def macs(found: list[Layer]) -> int:
    return sum(layer.dense_macs for layer in found)


def channels(found: list[Layer], op: str = "conv2d") -> int:
    return sum(layer.out_shape[0] for layer in found if layer.op == op)


def test_files_are_what_the_script_writes(make: ModuleType) -> None:
    shipped = {path.stem for path in HOME.glob("*.yaml")}
    assert shipped == set(make.NETWORKS)
    for name, network in make.NETWORKS.items():
        assert (HOME / f"{name}.yaml").read_text(encoding="utf-8") == network().text(name), name


def test_an_unknown_network_is_refused(make: ModuleType) -> None:
    with pytest.raises(SystemExit, match=r"no such network: vgg99 \(networks: alexnet_cifar, .*\)"):
        make.main(["vgg99"])


def test_every_list_is_read_and_says_where_its_densities_come_from(make: ModuleType) -> None:
    for name in make.NETWORKS:
        network = load_input(HOME / f"{name}.yaml")
        assert network.name == name
        assert network.timesteps == 4
        assert network.source["note"] in ("densities are measured", "densities are estimates")
        assert [note for note in network.notes if "inferred" in note] == []


@pytest.mark.parametrize("name", TORCHVISION)
def test_imagenet_networks_are_torchvisions(name: str) -> None:
    found = layers(name)
    parameters, giga_macs = TORCHVISION[name]
    extra = channels(found, "linear") + channels(found) * (1 if name in BIASED else 2)
    assert weights(found) + extra == parameters
    assert round(macs(found) / 1e9, len(str(giga_macs).split(".")[1])) == giga_macs


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        # github.com/weiaicunzai/pytorch-cifar100, README: parameters with a head of 100 classes.
        ("resnet18_cifar_w64", 11.2),
        ("resnet34_cifar", 21.3),
        ("resnet50_cifar", 23.7),
    ],
)
def test_cifar_resnets(name: str, millions: float) -> None:
    found = layers(name)
    head = 90 * (found[-1].in_shape[0] + 1)
    assert round((weights(found) + 2 * channels(found) + 10 + head) / 1e6, 1) == millions


def test_cifar_mobilenet() -> None:
    # github.com/chenyaofo/pytorch-cifar-models, README: mobilenetv2_x1_0, 2.24 M parameters, 87.98 M operations.
    found = layers("mobilenetv2_cifar")
    assert round((weights(found) + 2 * channels(found) + 10) / 1e6, 2) == 2.24
    assert round(macs(found) / 1e6, 2) == 87.98


def test_cifar_alexnet() -> None:
    # github.com/bearpaw/pytorch-classification, README: alexnet, 2.47 M parameters.
    found = layers("alexnet_cifar")
    assert round((weights(found) + channels(found) + 10) / 1e6, 2) == 2.47


def test_cifar_vggs() -> None:
    # Keras Applications: VGG16 without its top has 14,714,688 parameters.
    found = layers("vgg16_cifar")
    assert weights(found) + channels(found) == 14_714_688 + 512 * 10
    # Li et al., Pruning filters for efficient ConvNets, ICLR 2017, arXiv 1608.08710, table 1: 3.13 x 10^8.
    assert round(macs(found) / 1e8, 2) == 3.13
    # The convolutions of torchvision's VGG-11 for ImageNet, on maps of a 49th of the size.
    small, large = layers("vgg11_cifar"), layers("vgg11_imagenet")
    assert weights(small[:-1]) == weights(large[:-3])
    assert 49 * macs(small[:-1]) == macs(large[:-3])


def test_vgg9() -> None:
    # The sum over the layers that Lee et al., Frontiers in Neuroscience 14:119, 2020, list.
    convolutions = [3 * 64, 64 * 64, 64 * 128, 128 * 128, 128 * 256, 256 * 256, 256 * 256]
    assert weights(layers("vgg9_cifar")) == 9 * sum(convolutions) + 16 * 256 * 1024 + 1024 * 10


def test_resnet19() -> None:
    # 12.63 M parameters in Zhou et al., arXiv 2209.15425, table 3; those of shortcuts and head are not told, hence 1 %.
    found = layers("resnet19_cifar")
    assert weights(found) + 2 * channels(found) + 266 == pytest.approx(12.63e6, rel=0.01)
    assert len([layer for layer in found if layer.kernel == (3, 3) or layer.op == "linear"]) == 19


@pytest.mark.parametrize(
    # Zhou et al., arXiv 2209.15425, tables 1 and 3; the first is cut off there, not rounded.
    ("name", "width", "blocks", "millions"),
    [("spikformer_imagenet", 512, 8, 29.68), ("spikformer_cifar", 384, 4, 9.32)],
)
def test_spikformers(name: str, width: int, blocks: int, millions: float) -> None:
    found = layers(name)
    classes = found[-1].out_shape[0]
    # As in github.com/ZK-Zhou/spikformer, imagenet/model.py: a batch norm behind every convolution, and biases in
    # proj, fc1, fc2 and the head.
    parameters = weights(found) + 2 * channels(found) + blocks * (width + 4 * width + width) + classes
    assert math.floor(parameters / 1e4) / 100 == millions
    attention = [layer for layer in load_input(HOME / f"{name}.yaml").layers if layer.op.startswith("attention")]
    tokens = attention[0].in_shape[1] * attention[0].in_shape[2]
    assert tokens == {"spikformer_imagenet": 196, "spikformer_cifar": 64}[name]
    assert macs(attention) == blocks * 2 * tokens * tokens * width


def test_unet() -> None:
    # Printed by training scripts that use UNet(3, 2, bilinear=True) of github.com/milesial/Pytorch-UNet.
    found = layers("unet_256")
    assert weights(found) + 2 * channels(found[:-1]) + 2 == 17_263_042


def test_yolov3_tiny() -> None:
    # The size of the file yolov3-tiny.weights at pjreddie.com: a head of 20 bytes, then 4 a number; batch norms take 4.
    found = layers("yolov3_tiny_416")
    heads = [layer for layer in found if not layer.fires]
    numbers = weights(found) + 4 * (channels(found) - channels(heads)) + channels(heads)
    assert 20 + 4 * numbers == 35_434_956
    # 5.56 billion operations there, of which a multiply-accumulate is two.
    assert 2 * macs(found) / 1e9 == pytest.approx(5.56, abs=0.005)
