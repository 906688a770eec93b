"""Narrow accumulators against a plain loop, and what they make of a network."""

import numpy as np
import pytest
from convolutions import convolutions
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.reference.accumulator import Accumulator, Overflow
from accelsim.reference.model import integer_network
from accelsim.reference.network import Network, accumulator_bits, run, run_all
from accelsim.reference.synapses import Synapses
from accelsim.workload.layer import Layer
from accelsim.workload.workload import Parameters


def slow_sum(layer: Layer, weights, words, out: int, row: int, column: int, bits: int, overflow: str):
    """A running sum, whether it overflowed, and its largest magnitude, in Python's integers."""
    high = 2 ** (bits - 1) - 1
    total, left, largest = 0, False, 0
    first = out // layer.group_outputs * layer.group_inputs
    for tap_row in range(layer.kernel[0]):
        for tap_column in range(layer.kernel[1]):
            y = row * layer.stride[0] + tap_row * layer.dilation[0] - layer.padding[0]
            x = column * layer.stride[1] + tap_column * layer.dilation[1] - layer.padding[1]
            if not (0 <= y < layer.in_shape[1] and 0 <= x < layer.in_shape[2]):
                continue
            for channel in range(layer.group_inputs):
                total += int(weights[out, channel, tap_row, tap_column]) * int(words[first + channel, y, x])
                largest = max(largest, abs(total))
                if not -high - 1 <= total <= high:
                    left = True
                    if overflow == "saturate":
                        total = min(max(total, -high - 1), high)
                    elif overflow == "wrap":
                        total = (total + high + 1) % 2**bits - high - 1
    return total, left, largest


@settings(deadline=None)
@given(
    case=convolutions(),
    bits=st.integers(2, 20),
    overflow=st.sampled_from(["report", "saturate", "wrap"]),
    word_bits=st.integers(1, 12),
)
def test_sums_run_up_as_in_a_plain_loop(case, bits, overflow, word_bits) -> None:
    layer, rng = case
    weights = rng.integers(-128, 128, (layer.out_shape[0], layer.group_inputs, *layer.kernel))
    words = rng.integers(0, 2**word_bits, layer.in_shape, dtype=np.int32)
    accumulator = Accumulator(bits, overflow)
    sums = accumulator.sums(Synapses(layer, weights), words)
    slow = [slow_sum(layer, weights, words, *place, bits, overflow) for place in np.ndindex(layer.out_shape)]
    assert sums.ravel().tolist() == [total for total, _, _ in slow]
    found = accumulator.overflows["x"]
    assert (found.sums, found.overflowed) == (sums.size, sum(left for _, left, _ in slow))
    if found.overflowed:
        assert found.largest == max(largest for _, _, largest in slow)


def one_sum(weights: list[int], words: list[int], *, fires: bool, word_bits: int = 4) -> tuple[Network, np.ndarray]:
    count = len(weights)
    layer = Layer(
        "only",
        "conv2d",
        (),
        (count, 1, 1),
        (1, 1, 1),
        weight_bits=8,
        word_bits=word_bits,
        out_word_bits=word_bits,
        fires=fires,
    )
    own = Parameters(
        np.array(weights, dtype=np.int8).reshape(1, count, 1, 1), np.array([5]), np.array([7 if fires else 1])
    )
    return Network("tiny", (layer,), {"only": own}, word_bits), np.array(words).reshape(count, 1, 1)


@pytest.mark.parametrize(
    ("overflow", "total", "overflowed", "largest"),
    [("report", 155, 1, 250), ("saturate", 32, 1, 200), ("wrap", -101, 1, 200)],
)
def test_a_sum_by_hand(overflow, total, overflowed, largest) -> None:
    """100 + 100 + 50 - 100 in 8 bits, and the bias of 5 behind it."""
    network, image = one_sum([100, 100, 50, -100], [1, 1, 1, 1], fires=False)
    accumulator = Accumulator(8, overflow)
    assert run(network, image, accumulator=accumulator)["only"].item() == total
    assert accumulator.overflows == {"only": Overflow(1, overflowed, largest)}


def test_serial_and_packed_forms_saturate_differently() -> None:
    """Words of 15 at a weight of 20: 300 in one sum, 20 a plane. Six bits hold the planes, not the words."""
    network, image = one_sum([20], [15], fires=True)
    assert {form: run(network, image, form)["only"].item() for form in ("packed", "serial")} == {
        "packed": 15,
        "serial": 15,
    }
    packed, serial = Accumulator(6, "saturate"), Accumulator(6, "saturate")
    assert run(network, image, "packed", accumulator=packed)["only"].item() == (31 + 5) // 7
    assert run(network, image, "serial", accumulator=serial)["only"].item() == 15
    assert packed.overflows == {"only": Overflow(1, 1, 300)}
    assert serial.overflows == {"only": Overflow(4, 0, 20)}


def test_reporting_changes_no_word_and_a_wide_accumulator_overflows_nowhere(random_model) -> None:
    model = random_model(3)
    network = integer_network(model, 4)
    expected = run(network, model.images[0])
    narrow, wide = Accumulator(9), Accumulator(max(accumulator_bits(network).values()), "saturate")
    for accumulator in (narrow, wide):
        for form in ("packed", "serial"):
            found = run(network, model.images[0], form, accumulator=accumulator)
            assert all(np.array_equal(found[name], words) for name, words in expected.items())
    assert sum(found.overflowed for found in wide.overflows.values()) == 0
    assert sum(found.overflowed for found in narrow.overflows.values()) > 0
    assert set(narrow.overflows) == {layer.name for layer in network.layers if layer.weight_bits}


def test_overflows_gather_over_images_and_threads(random_model) -> None:
    model = random_model(3)
    network = integer_network(model, 4)
    alone, together = Accumulator(9, "wrap"), Accumulator(9, "wrap")
    for image in model.images:
        run(network, image, accumulator=alone)
    list(run_all(network, model.images, threads=2, accumulator=together))
    assert alone.overflows == together.overflows
    assert alone.overflows["stem"].sums == 2 * np.prod(network.layers[0].out_shape)


@settings(max_examples=30, deadline=None)
@given(weights=st.lists(st.integers(1, 127), min_size=1, max_size=5), word_bits=st.integers(1, 8))
def test_the_stated_width_suffices_and_is_needed(weights, word_bits) -> None:
    """Weights of one sign and words of ones reach the bound, the bias included."""
    network, image = one_sum(weights, [2**word_bits - 1] * len(weights), fires=False, word_bits=word_bits)
    bits = accumulator_bits(network)["only"]
    assert 2 ** (bits - 2) <= run(network, image)["only"].item() < 2 ** (bits - 1)


def test_widths_of_attention_products() -> None:
    scores = Layer(
        "s", "attention_scores", ("q", "k"), (4, 2, 2), (8, 2, 2), groups=2, word_bits=3, weight_bits=5, fires=False
    )
    network = Network("tiny", (scores,), {}, 3)
    assert accumulator_bits(network) == {"s": (2 * 7 * 31).bit_length() + 1}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bits": 0}, "an accumulator has 1 to 62 bits, not 0"),
        ({"bits": 63}, "an accumulator has 1 to 62 bits, not 63"),
        (
            {"bits": 8, "overflow": "clip"},
            r"overflow is one of \('report', 'saturate', 'wrap'\), not 'clip'",
        ),
    ],
)
def test_what_is_no_accumulator_is_refused(settings, message) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        Accumulator(**settings)
