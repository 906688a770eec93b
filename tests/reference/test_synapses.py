"""Sums of every kernel against plain NumPy in 64 bits, and which kernel is taken."""

import numpy as np
import pytest
from convolutions import convolutions, slow_sums
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.reference.kernels import dense, layers
from accelsim.reference.synapses import Synapses
from accelsim.workload.layer import Layer


@pytest.mark.parametrize("method", ["auto", "dense", "halves", "skip"])
@settings(deadline=None)
@given(
    case=convolutions(),
    weight_bits=st.sampled_from([1, 2, 4, 8, 9, 16, 20]),
    word_bits=st.sampled_from([1, 2, 4, 8, 9, 15, 16, 31]),
    density=st.sampled_from([0.0, 0.01, 0.3, 1.0]),
    signed=st.booleans(),
    threads=st.sampled_from([1, 3]),
)
def test_all_methods_give_the_sums_of_numpy(method, case, weight_bits, word_bits, density, signed, threads) -> None:
    layer, rng = case
    low, high = (-1, 2) if weight_bits == 1 else (-(2 ** (weight_bits - 1)), 2 ** (weight_bits - 1))
    weights = rng.integers(low, high, (layer.out_shape[0], layer.group_inputs, *layer.kernel), dtype=np.int32)
    words = rng.integers(-(2 ** (word_bits - 1)) if signed else 0, 2**word_bits, layer.in_shape)
    words = np.where(rng.random(words.shape) < density, words, 0).astype(np.int32)
    sums = Synapses(layer, weights).sums(words, method, threads)
    assert sums.dtype == np.int64
    assert sums.tolist() == slow_sums(layer, weights, words).tolist()


def column(fan_in: int, weight: int) -> Synapses:
    layer = Layer("x", "linear", (), (fan_in, 1, 1), (1, 1, 1))
    return Synapses(layer, np.full((1, fan_in, 1, 1), weight, dtype=np.int32))


@pytest.mark.parametrize(
    ("weight", "word", "fan_in", "kernel", "operand"),
    [
        (-128, 255, 65793, "dense", np.uint8),
        (127, 256, 100, "dense", np.int16),
        (128, 255, 100, "dense", np.int16),
        (127, -1, 100, "dense", np.int16),
        (-128, 255, 65794, "skip", np.int64),
        (127, 32767, 516, "dense", np.int16),
        (127, 32767, 517, "dense", np.uint8),
        (127, 32768, 100, "dense", np.uint8),
        (-128, 2**31 - 1, 65793, "dense", np.uint8),
        (128, 32768, 100, "skip", np.int32),
        (127, -32769, 100, "skip", np.int32),
        (32767, 32767, 2, "dense", np.int16),
        (-32768, -32768, 1, "dense", np.int16),
        (-32768, -32768, 2, "skip", np.int64),
    ],
)
def test_widths_choose_the_kernel(monkeypatch, weight, word, fan_in, kernel, operand) -> None:
    """At the very ends of what bytes, halves and sums of 32 bits hold."""
    taken = []

    def spy(module, name, kind, argument):
        original = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *args: (taken.append((kind, args[argument].dtype)), original(*args)))

    spy(dense, "convolve_dense", "dense", 0)
    spy(layers, "convolve", "skip", 1)
    sums = column(fan_in, weight).sums(np.full((fan_in, 1, 1), word, dtype=np.int32))
    assert sums.item() == weight * word * fan_in
    digits = 1 if operand != np.uint8 else -(-int(word).bit_length() // 8)
    assert taken == [(kernel, operand)] * digits


def test_silent_words_are_skipped_where_most_are_silent(monkeypatch) -> None:
    layer = Layer("x", "conv2d", (), (4, 20, 20), (2, 20, 20))
    synapses = Synapses(layer, np.ones((2, 4, 1, 1), dtype=np.int8))
    taken = []
    for module, name in ((dense, "convolve_dense"), (layers, "convolve")):
        original = getattr(module, name)
        monkeypatch.setattr(
            module, name, lambda *args, name=name, original=original: (taken.append(name), original(*args))
        )
    words = np.zeros((4, 20, 20), dtype=np.int32)
    for method in ("auto", "dense"):
        synapses.sums(words, method)
    for method in ("auto", "skip"):
        synapses.sums(words + 1, method)
    assert taken == ["convolve", "convolve_dense", "convolve_dense", "convolve"]


def test_an_unknown_method_is_named() -> None:
    with pytest.raises(ValueError, match=r"^method is one of \('auto', 'dense', 'halves', 'skip'\), not 'sparse'$"):
        column(1, 1).sums(np.zeros((1, 1, 1), dtype=np.int32), "sparse")
