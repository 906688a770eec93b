import pytest

torch = pytest.importorskip("torch")

from accelsim.training.quantise import fake_quantise, freeze_weights, quantise, quantised


@pytest.fixture
def weights():
    return torch.randn(6, 3, 3, 3, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("bits", range(2, 9))
def test_integers_of_so_many_bits(weights, bits: int) -> None:
    integers, scale = quantise(weights, bits)
    largest = 2 ** (bits - 1) - 1
    assert integers.abs().max() <= largest
    assert torch.equal(integers, integers.round())
    unclipped = weights.abs() <= largest * scale.reshape(-1, 1, 1, 1)
    error = (integers * scale.reshape(-1, 1, 1, 1) - weights).abs() / scale.reshape(-1, 1, 1, 1)
    assert error[unclipped].max() <= 0.5 + 1e-5
    plain = weights.abs().amax(dim=(1, 2, 3), keepdim=True) / largest
    plain_error = ((weights / plain).round() * plain - weights).square().sum(dim=(1, 2, 3))
    assert ((error * scale.reshape(-1, 1, 1, 1)).square().sum(dim=(1, 2, 3)) <= plain_error * (1 + 1e-5)).all()


def test_one_bit_is_the_sign_and_the_mean_magnitude(weights) -> None:
    weights[0, 0, 0, 0] = 0
    integers, scale = quantise(weights, 1)
    assert integers[0, 0, 0, 0] == 1
    assert torch.equal(integers, torch.where(weights < 0, -1.0, 1.0))
    assert torch.allclose(scale, weights.abs().mean(dim=(1, 2, 3)))


@pytest.mark.parametrize("bits", [1, 2, 8])
def test_a_channel_of_zeros_has_a_scale(bits: int) -> None:
    integers, scale = quantise(torch.zeros(2, 5), bits)
    assert (scale > 0).all()
    assert integers.abs().max() == (bits == 1)


@pytest.mark.parametrize("bits", [1, 3, 8])
def test_one_scale_for_channels_that_are_compared(weights, bits: int) -> None:
    integers, scale = quantise(weights, bits, per_channel=False)
    assert scale.shape == (6,)
    assert len(scale.unique()) == 1
    as_one, of_one = quantise(weights.reshape(1, -1), bits)
    assert torch.equal(integers.reshape(1, -1), as_one)
    assert scale[0] == of_one


def test_gradients_pass_as_they_are(weights) -> None:
    weights.requires_grad_()
    rounded = fake_quantise(weights, 3)
    integers, scale = quantise(weights, 3)
    assert torch.allclose(rounded, integers * scale.reshape(-1, 1, 1, 1))
    (rounded * torch.arange(6.0).reshape(-1, 1, 1, 1)).sum().backward()
    assert torch.equal(weights.grad, torch.arange(6.0).reshape(-1, 1, 1, 1).expand_as(weights))


def test_a_layer_reads_its_weights_rounded_and_learns() -> None:
    torch.manual_seed(0)
    layer = quantised(torch.nn.Conv2d(2, 4, 3), 2)
    assert all(len(channel.unique()) <= 3 for channel in layer.weight)
    layer(torch.ones(1, 2, 5, 5)).sum().backward()
    assert layer.parametrizations.weight.original.grad.abs().sum() > 0


def test_frozen_weights_are_the_rounded_ones() -> None:
    torch.manual_seed(0)
    net = torch.nn.Sequential(quantised(torch.nn.Conv2d(2, 4, 3), 2), torch.nn.Conv2d(4, 3, 1))
    image = torch.ones(1, 2, 5, 5)
    weights, values = net[0].weight.clone(), net(image)
    freeze_weights(net)
    assert type(net[0]) is torch.nn.Conv2d
    assert torch.equal(net[0].weight, weights)
    assert torch.equal(net(image), values)


@pytest.mark.parametrize("bits", [0, 9])
def test_other_widths_are_refused(bits: int) -> None:
    with pytest.raises(ValueError, match=f"^weights have 1 to 8 bits, not {bits}$"):
        quantise(torch.ones(1, 1), bits)
