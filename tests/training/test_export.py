import numpy as np
import pytest

torch = pytest.importorskip("torch")

from chips import ROOT
from packed_nets import joined, residual
from torch import nn

import accelsim
from accelsim.errors import InputError
from accelsim.reference.model import output_unit
from accelsim.reference.network import produce, run
from accelsim.reference.trace_maker import record
from accelsim.training.export import packed_model, packed_network, settle
from accelsim.training.lif import LIF
from accelsim.training.neuron import PackedNeuron
from accelsim.training.quantise import quantised
from accelsim.workload.trace import write_trace

SHAPE = (2, 8, 8)
IMAGES = np.random.default_rng(0).integers(0, 256, (12, *SHAPE), dtype=np.uint8)


def recorded(net, images) -> dict[str, tuple[np.ndarray, np.ndarray, PackedNeuron]]:
    """Of each layer of `Residual` that fires: the words that it read, its membranes, and its neuron."""
    membranes = {net.shared: [], net.within: []}
    hooks = [neuron.register_forward_pre_hook(lambda module, x: membranes[module].append(x[0])) for neuron in membranes]
    with torch.no_grad():
        net(torch.from_numpy(images).double() / 255)
        (stem, outer), (inner,) = membranes[net.shared], membranes[net.within]
        first, within = net.shared.words(stem), net.within.words(inner)
    for hook in hooks:
        hook.remove()
    layers = {
        "stem": (images, stem, net.shared),
        "inner": (first, inner, net.within),
        "outer": (within, outer, net.shared),
    }
    return {name: (np.asarray(words), np.asarray(sums), neuron) for name, (words, sums, neuron) in layers.items()}


@pytest.mark.parametrize("options", [{}, {"rounding": "down"}, {"comparator": ">"}])
@pytest.mark.parametrize(("timesteps", "bits"), [(1, 8), (4, 8), (8, 8), (4, 4), (4, 1)])
def test_a_layer_fires_what_the_module_fires(timesteps: int, bits: int, options) -> None:
    """Thresholds and biases of the network are integers: that moves U / theta by at most (z + 2) / (2 theta)."""
    net = residual(3, timesteps, bits, **options).double()
    network = packed_network(net, SHAPE)
    assert (network.timesteps, network.comparator) == (timesteps, options.get("comparator", ">="))
    layers = {layer.name: layer for layer in network.layers}
    for name, (words, membranes, neuron) in recorded(net, IMAGES).items():
        expected = neuron.words(torch.from_numpy(membranes)).detach().numpy()
        fired = np.stack([produce(network, layers[name], [image.astype(np.int32)]) for image in words])
        assert layers[name].weight_bits == bits
        scaled = membranes / neuron.theta.item() + (0.5 if neuron.rounding == "nearest" else 0)
        theta = network.parameters[name].theta[:, None, None]
        assert (np.abs(fired - expected) <= 1).all()
        assert (np.abs(scaled - scaled.round()) <= (expected + 2) / (2 * theta) + 1e-9)[fired != expected].all()


@pytest.mark.parametrize("options", [{}, {"rounding": "down"}, {"comparator": ">"}])
@pytest.mark.parametrize(("timesteps", "bits"), [(1, 8), (4, 8), (8, 8), (4, 4), (4, 1)])
def test_a_settled_module_fires_the_words_of_its_network(timesteps: int, bits: int, options) -> None:
    net = residual(5, timesteps, bits, **options).double()
    network = packed_network(net, SHAPE)
    before = outputs(net)
    settle(net, SHAPE)
    assert_same_network(packed_network(net, SHAPE), network)
    expected = [run(network, image) for image in IMAGES]
    for name, (_, membranes, neuron) in recorded(net, IMAGES).items():
        words = neuron.words(torch.from_numpy(membranes)).detach().numpy()
        assert words.tolist() == np.stack([run[name] for run in expected]).tolist()
    unit = packed_model(net, SHAPE).scale["head.2"][0] * net.shared.theta.item() / 4
    integers = np.stack([run["head.2"].ravel() for run in expected])
    assert outputs(net) == pytest.approx(integers * unit, rel=1e-9, abs=1e-12)
    if bits == 8 and timesteps > 1:
        assert np.abs(outputs(net) - before).max() < 0.05 * np.abs(before).max()


def outputs(net) -> np.ndarray:
    with torch.no_grad():
        return net(torch.from_numpy(IMAGES).double() / 255).numpy()


def assert_same_network(one, other) -> None:
    assert one.layers == other.layers
    for name, parameters in one.parameters.items():
        for array in ("weights", "bias", "theta"):
            assert np.array_equal(getattr(parameters, array), getattr(other.parameters[name], array)), (name, array)


@pytest.mark.parametrize(("timesteps", "bits"), [(2, 8), (4, 2)])
def test_maps_are_joined_and_several_answers_given(timesteps: int, bits: int) -> None:
    net = joined(2, timesteps, bits).double()
    settle(net, SHAPE)
    model, network = packed_model(net, SHAPE), packed_network(net, SHAPE)
    assert model.outputs == ("mask", "kind")
    assert [layer.name for layer in network.layers] == ["down", "pool", "low", "up", "cat", "pool_1", "mask", "kind"]
    with torch.no_grad():
        expected = dict(zip(model.outputs, net(torch.from_numpy(IMAGES).double() / 255), strict=True))
    for index, image in enumerate(IMAGES):
        words = run(network, image)
        for name, values in expected.items():
            found = words[name] * output_unit(model, name, timesteps)
            assert found.reshape(values[index].shape) == pytest.approx(values[index].numpy(), rel=1e-9, abs=1e-12)


def test_the_trace_of_a_trained_module_can_be_simulated(tmp_path) -> None:
    trace = record(packed_network(residual(3), SHAPE, name="trained"), IMAGES[:2])
    write_trace(tmp_path / "trained.npz", trace.meta, trace.arrays)
    arch = accelsim.load_arch(ROOT / "arch_configs" / "spikepack.yaml")
    result = accelsim.simulate(arch, accelsim.load_trace(tmp_path / "trained.npz"), verify=True)
    assert result.report["verified"]["differing_words"] == 0


@pytest.mark.parametrize("first", [nn.MaxPool2d(2), nn.AvgPool2d(2), nn.Upsample(scale_factor=2)])
def test_the_image_may_be_pooled_or_repeated_first(first) -> None:
    conv, head = nn.Conv2d(2, 3, 3, padding=1), nn.Linear(3, 3)
    net = nn.Sequential(
        first, quantised(conv, bits=8), PackedNeuron(4), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        quantised(head, bits=8, per_channel=False),
    ).double().eval()  # fmt: skip
    settle(net, SHAPE)
    network = packed_network(net, SHAPE)
    last = network.layers[-1].name
    unit = output_unit(packed_model(net, SHAPE), last, network.timesteps)
    integers = np.stack([run(network, image)[last].ravel() for image in IMAGES])
    assert integers * unit == pytest.approx(outputs(net), rel=1e-9, abs=1e-12)


def test_a_channel_that_normalisation_switches_off_stays_silent() -> None:
    net = residual(0).double()
    with torch.no_grad():
        net.norm1.weight[2], net.norm1.bias[2] = 0, -1
    network = packed_network(net, SHAPE)
    words = run(network, IMAGES[0])["inner"]
    assert words[2].max() == 0
    assert words[3].max() > 0


class Sum(nn.Module):
    def __init__(self, *neurons) -> None:
        super().__init__()
        self.left = quantised(nn.Conv2d(1, 2, 1), 8)
        self.right = quantised(nn.Conv2d(1, 2, 1), 8)
        self.neurons = nn.ModuleList(neurons)

    def forward(self, images):
        return self.neurons[0](self.left(images)) + self.neurons[-1](self.right(images))


class Twice(nn.Module):
    """One convolution, and one normalisation, in two places."""

    def __init__(self) -> None:
        super().__init__()
        self.weigh, self.norm, self.fire = quantised(nn.Conv2d(1, 1, 1), 8), nn.BatchNorm2d(1), PackedNeuron(4)
        self.other = quantised(nn.Conv2d(1, 1, 1), 8)

    def forward(self, images):
        first = self.fire(self.norm(self.weigh(images)))
        return self.fire(self.norm(self.other(first))), self.fire(self.weigh(first))


class Branching(nn.Module):
    def forward(self, images):
        return images if images.sum() > 0 else -images


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weigh, self.fire = quantised(nn.Conv2d(1, 1, 1), 8), PackedNeuron(4)

    def forward(self, images, others):
        return self.fire(self.weigh(images))


class Doubled(nn.Module):
    def forward(self, words):
        return words * 2


def conv(**options) -> nn.Module:
    return quantised(nn.Conv2d(1, 2, 3, **options), 4)


SUPPORTED = (
    "; allowed: convolutions and linear layers, batch normalisation and packed neurons after them, max and mean "
    "pooling, upsampling, sums and concatenations of words, flattening, dropout"
)


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (
            nn.Sequential(conv(), nn.ReLU(), nn.Flatten()),
            f"1: no counterpart for this module on sums that no neuron fired on (got 'ReLU'){SUPPORTED}",
        ),
        (
            nn.Sequential(conv(), PackedNeuron(4), nn.BatchNorm2d(2)),
            f"2: no counterpart for this module on words (got 'BatchNorm2d'){SUPPORTED}",
        ),
        (
            nn.Sequential(nn.Conv2d(1, 2, 3), PackedNeuron(4)),
            "0: weights are not quantised (got 'Conv2d'); allowed: quantised(module, bits)",
        ),
        (
            nn.Sequential(conv(padding="same"), PackedNeuron(4)),
            "0: padding is not a number of zeros (got 'same, zeros'); allowed: padding=(rows, columns)",
        ),
        (
            nn.Sequential(conv(padding=1), PackedNeuron(4), nn.AdaptiveAvgPool2d(3)),
            "2: windows may differ (got '3'); allowed: 1",
        ),
        (
            nn.Sequential(conv(padding=1), PackedNeuron(4), nn.MaxPool2d(3, ceil_mode=True)),
            "2: no counterpart for these windows (got 'MaxPool2d'); allowed: whole windows, zeros counted",
        ),
        (
            nn.Sequential(conv(), PackedNeuron(4), nn.Upsample(scale_factor=1.5)),
            "2: does not repeat words (got 'Upsample'); allowed: nearest by whole factors",
        ),
        (
            nn.Sequential(conv(), PackedNeuron(4), Doubled()),
            f"mul: no counterpart for this operation (got '<built-in function mul>'){SUPPORTED}",
        ),
        (
            nn.Sequential(conv(), nn.BatchNorm2d(2, affine=False), PackedNeuron(4)),
            "1: normalises twice, or without gain or statistics (got 'BatchNorm'); allowed: both",
        ),
        (
            nn.Sequential(conv(), PackedNeuron(4), quantised(nn.Linear(2, 3), 8)),
            "2: reads a part of each map (got 2); allowed: 8",
        ),
        (
            nn.Sequential(conv(), LIF(4)),
            f"1: no counterpart for this module on sums that no neuron fired on (got 'LIF'){SUPPORTED}",
        ),
        (
            Branching(),
            "what it computes depends on values (got 'symbolically traced variables cannot be used as inputs to "
            "control flow')",
        ),
        (Two(), "several inputs (got 'images, others'); allowed: one: the images"),
        (
            Twice(),
            "norm: called twice; allowed: one call of a module with parameters\n"
            "weigh: called twice; allowed: one call of a module with parameters",
        ),
        (
            nn.Sequential(quantised(nn.Conv2d(1, 2, 1), 8, per_channel=False)),
            "no packed neurons; allowed: PackedNeuron",
        ),
        (
            nn.Sequential(conv(), PackedNeuron(4, tau=1.5)),
            "1: words of this neuron are not integers (got 1.5); allowed: tau = 2",
        ),
        (
            nn.Sequential(conv(), PackedNeuron(4), quantised(nn.Conv2d(2, 2, 1), 8), PackedNeuron(2)),
            "neurons differ in their timesteps (got {'1': 4, '3': 2}); allowed: one T",
        ),
        (
            nn.Sequential(conv(), PackedNeuron(4), quantised(nn.Conv2d(2, 2, 1), 8)),
            "2: channels that are compared have several scales (got 2); "
            "allowed: quantised(module, bits, per_channel=False)",
        ),
        (
            Sum(PackedNeuron(4), PackedNeuron(4)),
            "add: operands of add differ (got ['[2, 4, 4] of neurons.0', '[2, 4, 4] of neurons.1']); "
            "allowed: words of one shape, fired by one neuron",
        ),
    ],
)
def test_what_has_no_counterpart_is_named(net, message) -> None:
    with pytest.raises(InputError) as caught:
        packed_model(net.eval(), (1, 4, 4))
    assert str(caught.value) == message


def test_all_problems_are_gathered() -> None:
    with pytest.raises(InputError) as caught:
        packed_model(Sum(nn.ReLU(), nn.Tanh()), (1, 4, 4))
    assert [problem.value for problem in caught.value.problems] == ["ReLU", "Tanh"]
