from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.workload.layer import Layer
from accelsim.workload.words import (
    Density,
    attention_product,
    compute_words,
    draw_words,
    generator,
    measure,
    smallest_unsigned,
    unpool,
)

SHAPE = (32, 40, 40)


def drawn(word_bits: int, density: Density, name: str = "a") -> np.ndarray:
    return draw_words(generator(0, name, 0), SHAPE, word_bits, density)


@pytest.mark.parametrize(
    ("bits", "dtype"), [(1, np.uint8), (8, np.uint8), (9, np.uint16), (16, np.uint16), (17, np.uint32)]
)
def test_smallest_unsigned(bits: int, dtype: type) -> None:
    assert smallest_unsigned(bits) is dtype


@given(word_bits=st.integers(1, 20), words=st.floats(0, 1), share=st.floats(0, 1))
@settings(max_examples=25, deadline=None)
def test_words_have_the_density_asked_for(word_bits: int, words: float, share: float) -> None:
    bits = words / word_bits + share * (words - words / word_bits)
    found = drawn(word_bits, Density(words, bits))
    assert found.max(initial=0) < 1 << word_bits
    assert np.count_nonzero(found) / found.size == pytest.approx(words, abs=0.012)
    ones = sum(np.count_nonzero(found >> bit & 1) for bit in range(word_bits))
    assert ones / found.size / word_bits == pytest.approx(bits, abs=0.012)


def test_without_a_density_of_bits_nonzero_words_are_uniform() -> None:
    counts = np.bincount(drawn(3, Density(0.8)).reshape(-1), minlength=8)
    assert counts[0] / counts.sum() == pytest.approx(0.2, abs=0.01)
    assert counts[1:] / counts.sum() == pytest.approx([0.8 / 7] * 7, abs=0.01)


def test_silence_and_full_activity_are_exact() -> None:
    assert not drawn(4, Density(0.0, 0.0)).any()
    assert drawn(4, Density(1.0)).all()
    assert (drawn(4, Density(1.0, 1.0)) == 15).all()


def test_the_same_name_image_and_seed_give_the_same_words() -> None:
    assert np.array_equal(drawn(4, Density(0.5)), drawn(4, Density(0.5)))
    assert not np.array_equal(drawn(4, Density(0.5)), drawn(4, Density(0.5), "b"))
    one = draw_words(generator(0, "a", 1), SHAPE, 4, Density(0.5))
    assert not np.array_equal(one, drawn(4, Density(0.5)))


def test_correlation_keeps_the_density_and_spreads_positions_or_channels() -> None:
    plain, spatial, channel = (
        drawn(4, density) != 0 for density in (Density(0.3), Density(0.3, spatial=0.5), Density(0.3, channel=0.5))
    )
    for fires in (spatial, channel):
        assert fires.mean() == pytest.approx(0.3, abs=0.08)
    assert spatial.mean(axis=0).std() > 2 * plain.mean(axis=0).std()
    assert channel.mean(axis=(1, 2)).std() > 5 * plain.mean(axis=(1, 2)).std()
    assert spatial.mean(axis=(1, 2)).std() < 5 * plain.mean(axis=(1, 2)).std()


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


def test_measured_densities_fit_words_of_another_width() -> None:
    full = np.full((1, 4, 4), 15, dtype=np.uint8)
    assert measure(full, 4, 8) == Density(1.0, 1.0)
    single = np.full((1, 4, 4), 1, dtype=np.uint8)
    assert measure(single, 8, 2) == Density(1.0, 0.5)


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
