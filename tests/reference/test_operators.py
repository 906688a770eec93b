from collections import Counter
from typing import get_args

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from random_chips import RandomWorkload

from accelsim.reference import operators
from accelsim.reference.network import Network, produce
from accelsim.workload.layer import Layer, Op
from accelsim.workload.workload import Parameters


def layer(op, in_shape, out_shape, kernel, **rest) -> Layer:
    return Layer("x", op, (), in_shape, out_shape, kernel, **rest)


def parameters(weights, bias=0) -> Parameters:
    ones = np.ones(len(weights), dtype=np.int64)
    return Parameters(np.array(weights, dtype=np.int8), bias * ones, ones)


def test_linear_covers_its_whole_input() -> None:
    words = np.arange(8, dtype=np.int32).reshape(2, 2, 2)
    weights = np.arange(-8, 8).reshape(2, 2, 2, 2)
    sums = operators.synaptic_sums(
        words, layer("linear", (2, 2, 2), (2, 1, 1), (2, 2), word_bits=3), parameters(weights)
    )
    assert sums.shape == (2, 1, 1)
    assert sums.ravel().tolist() == [int((words * row).sum()) for row in weights]


@settings(deadline=None)
@given(st.integers(1, 31), st.integers(1, 40), st.booleans())
def test_sums_never_wrap(word_bits: int, fan_in: int, negative: bool) -> None:
    weight = -127 if negative else 127
    largest = 2**word_bits - 1
    words = np.full((fan_in, 1, 1), largest, dtype=np.int32)
    own = parameters(np.full((1, fan_in, 1, 1), weight), bias=5)
    sums = operators.synaptic_sums(words, layer("conv2d", (fan_in, 1, 1), (1, 1, 1), (1, 1), word_bits=word_bits), own)
    assert sums.dtype == np.int64
    assert sums.item() == weight * fan_in * largest
    assert operators.largest_accumulator(own, word_bits) == 127 * fan_in * largest + 5


def test_pools_and_add() -> None:
    words = np.array([[[1, 5, 2], [0, 3, 9]]], dtype=np.int32)
    pool = layer("maxpool2d", (1, 2, 3), (1, 1, 2), (2, 2))
    assert operators.max_pool(words, pool).tolist() == [[[5, 9]]]
    assert operators.sum_pool(words, pool).tolist() == [[[9, 19]]]
    assert operators.add(words, words[:, ::-1]).tolist() == [[[1, 8, 11], [1, 8, 11]]]


def test_every_operator_of_a_network_gives_the_same_words_by_definition() -> None:
    """Networks of all operators, in both forms of the neuron, against sums over windows and tokens in plain numpy."""
    seen = Counter()
    for seed in range(60):
        workload = RandomWorkload(seed)
        network = Network("random", workload.layers, workload._parameters, workload.timesteps)
        for layer in workload.layers:
            operands = [workload.input_words(layer.name, 0, n).astype(np.int32) for n in range(layer.operands)]
            for form in ("packed", "serial"):
                assert np.array_equal(produce(network, layer, operands, form), workload.output_words(layer.name, 0))
            seen[layer.op] += 1
    assert set(seen) == set(get_args(Op))
