from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.workload.layer import Layer
from accelsim.workload.words import attention_product, compute_words, smallest_unsigned, unpool


@pytest.mark.parametrize(
    ("bits", "dtype"), [(1, np.uint8), (8, np.uint8), (9, np.uint16), (16, np.uint16), (17, np.uint32)]
)
def test_smallest_unsigned(bits: int, dtype: type) -> None:
    assert smallest_unsigned(bits) is dtype


@given(
    rows=st.integers(2, 9),
    columns=st.integers(2, 9),
    window=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    seed=st.integers(0, 1000),
)
def test_unpool_is_undone_by_pooling(rows: int, columns: int, window: tuple[int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    before = rng.integers(0, 16, (3, rows, columns), dtype=np.uint8)
    out_shape = (3, rows // window[0], columns // window[1])
    pooled = rng.integers(0, 16, out_shape, dtype=np.uint8)
    layer = Layer("p", "maxpool2d", (), before.shape, out_shape, window, window, word_bits=4, out_word_bits=4)
    assert np.array_equal(compute_words(layer, [unpool(rng, pooled, before, window)]), pooled)


def test_pools_and_adds() -> None:
    words = np.arange(16, dtype=np.uint8).reshape(1, 4, 4)
    layer = Layer("p", "maxpool2d", (), (1, 4, 4), (1, 2, 2), (3, 3), (2, 2), (1, 1), out_word_bits=4)
    assert compute_words(layer, [words]).tolist() == [[[5, 7], [13, 15]]]
    average = Layer("p", "avgpool2d", (), (1, 4, 4), (1, 2, 2), (2, 2), (2, 2), out_word_bits=6)
    assert compute_words(average, [words]).tolist() == [[[10, 18], [42, 50]]]
    add = Layer("s", "add", ("a", "b"), (1, 4, 4), (1, 4, 4), out_word_bits=9)
    full = np.full((1, 4, 4), 255, dtype=np.uint8)
    assert (compute_words(add, [full, full]) == 510).all()


def test_maps_are_joined_and_repeated() -> None:
    words = np.arange(8, dtype=np.uint8).reshape(2, 2, 2)
    joined = Layer("j", "concat", ("a", "b"), (4, 2, 2), (4, 2, 2), out_word_bits=4, operand_channels=(2, 2))
    assert compute_words(joined, [words, words[::-1]]).tolist() == [*words.tolist(), *words[::-1].tolist()]
    repeated = Layer("r", "upsample", ("a",), (2, 2, 2), (2, 2, 4), out_word_bits=4, factor=(1, 2))
    assert compute_words(repeated, [words])[0].tolist() == [[0, 0, 1, 1], [2, 2, 3, 3]]


@given(
    heads=st.integers(1, 3),
    channels=st.integers(1, 4),
    rows=st.integers(1, 3),
    columns=st.integers(1, 3),
    wide=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_attention_products_are_the_sums_of_their_definition(
    heads: int, channels: int, rows: int, columns: int, wide: bool, seed: int
) -> None:
    """In floats where these are exact, else in integers."""
    rng = np.random.default_rng(seed)
    shape, tokens, bits = (heads * channels, rows, columns), rows * columns, 27 if wide else 4
    made = (heads * tokens, rows, columns)
    q, k, v = (rng.integers(0, 1 << bits, shape, dtype=np.uint32) for _ in range(3))
    widths = {"word_bits": bits, "weight_bits": bits, "groups": heads}
    scores = attention_product(Layer("s", "attention_scores", ("q", "k"), shape, made, **widths), q, k)
    values = attention_product(
        Layer("v", "attention_values", ("s", "v"), made, shape, **widths), q_like := scores % 7, v
    )
    for head, i, j in np.ndindex(heads, tokens, tokens):
        of_head = slice(head * channels, (head + 1) * channels)
        pairs = zip(q.reshape(-1, tokens)[of_head, i].tolist(), k.reshape(-1, tokens)[of_head, j].tolist(), strict=True)
        assert scores.reshape(-1, tokens)[head * tokens + j, i] == sum(a * b for a, b in pairs)
    for c, i in np.ndindex(heads * channels, tokens):
        row = q_like.reshape(-1, tokens)[c // channels * tokens : (c // channels + 1) * tokens, i]
        assert values.reshape(-1, tokens)[c, i] == sum(
            a * b for a, b in zip(row.tolist(), v.reshape(-1, tokens)[c].tolist(), strict=True)
        )
