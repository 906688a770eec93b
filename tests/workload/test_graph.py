from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import InputError, Problem
from accelsim.workload.graph import Graph, link, output_shape
from accelsim.workload.layer import Layer, Op


def place(index: int, key: str, rule: str, value: object, allowed: str) -> Problem:
    return Problem(rule, key=f"{index}.{key}", value=value, allowed=allowed)


def conv(name: str, *inputs: str, size: int = 8, channels: int = 4, **changes: Any) -> Layer:
    """A 3x3 convolution that keeps its square map; widths are to be filled in."""
    shape = (channels, size, size)
    layer = Layer(name, "conv2d", inputs, shape, shape, (3, 3), (1, 1), (1, 1), 8, "spikes", 4, 1, 0, 0)
    return replace(layer, **changes)


def other(name: str, op: Op, in_shape: tuple[int, int, int], out_shape: tuple[int, int, int], *inputs: str) -> Layer:
    return Layer(name, op, inputs, in_shape, out_shape, timesteps=4, word_bits=0, out_word_bits=0)


def linked(*layers: Layer) -> Graph:
    return link(layers, 4, place)


def problems(layers: Sequence[Layer]) -> list[str]:
    with pytest.raises(InputError) as caught:
        linked(*layers)
    return [str(problem) for problem in caught.value.problems]


@given(
    size=st.integers(1, 20),
    kernel=st.integers(1, 5),
    stride=st.integers(1, 4),
    padding=st.integers(0, 4),
    dilation=st.integers(1, 3),
)
def test_output_shape_counts_the_windows(size: int, kernel: int, stride: int, padding: int, dilation: int) -> None:
    span = (kernel - 1) * dilation + 1
    starts = [start for start in range(-padding, size + padding, stride) if start + span <= size + padding]
    layer = other("x", "conv2d", (3, size, size), (7, 1, 1))
    window = {"kernel": (kernel, kernel), "stride": (stride, stride), "padding": (padding, padding)}
    shape = output_shape(replace(layer, **window, dilation=(dilation, dilation)))
    if starts:
        assert shape == (7, len(starts), len(starts))
    else:
        assert min(shape) < 1


def test_output_shape_of_the_other_operators() -> None:
    def shape(op: Op, channels: int = 7, **changes: Any) -> tuple[int, int, int]:
        return output_shape(replace(other("x", op, (4, 5, 4), (channels, 1, 1)), **changes))

    assert shape("linear", kernel=(5, 4)) == (7, 1, 1)
    assert shape("add") == shape("concat") == (4, 5, 4)
    assert shape("maxpool2d", kernel=(2, 2), stride=(2, 2)) == (4, 2, 2)
    assert shape("upsample", factor=(2, 3)) == (4, 10, 12)
    assert shape("attention_scores", groups=2) == (40, 5, 4)
    assert shape("attention_values", channels=6) == (6, 5, 4)


def test_a_chain_that_fits_is_left_alone() -> None:
    graph = linked(conv("a"), conv("b", "a"))
    assert [layer.name for layer in graph.layers] == ["a", "b"]
    assert graph.notes == ()


def test_a_pool_is_inferred_where_a_map_halves() -> None:
    graph = linked(conv("a"), conv("b", "a", size=4))
    pool = graph.layers[1]
    assert (pool.name, pool.op, pool.inputs, pool.kernel, pool.stride) == (
        "a_pool",
        "maxpool2d",
        ("a",),
        (2, 2),
        (2, 2),
    )
    assert (pool.in_shape, pool.out_shape) == ((4, 8, 8), (4, 4, 4))
    assert (pool.weight_bits, pool.word_bits, pool.out_word_bits, pool.fires) == (0, 4, 4, True)
    assert graph.layers[2].inputs == ("a_pool",)
    assert graph.notes == ("a_pool: 2x2 max pool inferred, as a makes 4x8x8 and b consumes 4x4x4",)


def test_odd_maps_halve_downwards() -> None:
    graph = linked(conv("a", size=7), conv("b", "a", size=3))
    assert graph.layers[1].out_shape == (4, 3, 3)


def test_one_pool_serves_two_consumers() -> None:
    graph = linked(conv("a"), conv("b", "a", size=4), conv("c", "a", size=4), conv("d", "a"))
    assert [layer.name for layer in graph.layers] == ["a", "a_pool", "b", "c", "d"]
    assert [layer.inputs for layer in graph.layers] == [(), ("a",), ("a_pool",), ("a_pool",), ("a",)]


def test_a_linear_layer_covers_the_map_that_it_flattens() -> None:
    graph = linked(conv("a"), other("fc", "linear", (256, 1, 1), (10, 1, 1), "a"))
    assert graph.layers[1].in_shape == (4, 8, 8)
    assert graph.layers[1].kernel == (8, 8)
    assert graph.notes == ()


@pytest.mark.parametrize(
    ("features", "pools", "kernel"), [(64, ["a_pool"], (4, 4)), (16, ["a_pool", "a_pool_pool"], (2, 2))]
)
def test_pools_before_a_linear_layer_are_inferred(features: int, pools: list[str], kernel: tuple[int, int]) -> None:
    graph = linked(conv("a"), other("fc", "linear", (features, 1, 1), (10, 1, 1), "a"))
    assert [layer.name for layer in graph.layers] == ["a", *pools, "fc"]
    assert graph.layers[-1].kernel == kernel
    assert graph.layers[-1].in_shape == graph.layers[-2].out_shape


def test_widths_follow_from_producers_and_consumers() -> None:
    graph = linked(
        conv("image", kind="integers", timesteps=1, bits_per_step=8),
        conv("a", "image"),
        other("sum", "add", (4, 8, 8), (4, 8, 8), "image", "a"),
        replace(other("pool", "avgpool2d", (4, 8, 8), (4, 4, 4), "sum"), kernel=(2, 2), stride=(2, 2)),
        conv("b", "pool", size=4, fires=False),
    )
    assert [layer.word_bits for layer in graph.layers] == [8, 4, 4, 5, 7]
    assert [layer.out_word_bits for layer in graph.layers] == [4, 4, 5, 7, 32]


def test_a_produced_word_is_as_wide_as_its_consumer_says() -> None:
    graph = linked(conv("a"), conv("b", "a", bits_per_step=2), conv("c", "b", word_bits=3))
    assert [layer.word_bits for layer in graph.layers] == [4, 8, 3]
    assert [layer.out_word_bits for layer in graph.layers] == [8, 3, 4]


def test_sums_of_many_maps_are_as_wide_as_what_was_added() -> None:
    shape = (4, 8, 8)
    layers, last = [conv("a")], "a"
    for number in range(8):
        layers += [conv(f"c{number}", last), other(f"s{number}", "add", shape, shape, f"c{number}", last)]
        last = f"s{number}"
    layers.append(other("mean", "avgpool2d", shape, (4, 2, 2), last))
    layers[-1] = replace(layers[-1], kernel=(4, 4), stride=(4, 4))
    graph = linked(*layers)
    sums = [layer.out_word_bits for layer in graph.layers if layer.op == "add"]
    # 2, 3, ... 9 words up to 15 sum to 30, 45, ... 135.
    assert sums == [5, 6, 6, 7, 7, 7, 7, 8]
    assert graph.layers[-1].out_word_bits == (135 * 16).bit_length()


def test_names_inputs_and_order_are_checked_together() -> None:
    assert problems(
        [
            conv("a", "b"),
            conv("b", "a"),
            conv("c"),
            conv("c", "nobody"),
            conv("d", "e"),
            conv("e", "a", "b"),
            other("sum", "add", (4, 8, 8), (4, 8, 8), "a"),
            conv("self", "self"),
        ]
    ) == [
        "3.name: names layer 2 too (got 'c')",
        "0.inputs: form a cycle: a -> b -> a (got 'b')",
        "3.inputs: names no layer (got 'nobody'); allowed: a, b, c, d, e, sum, self",
        "4.inputs: are listed later: producers come first (got 'e')",
        "5.inputs: conv2d has one input (got 2); allowed: one name or none",
        "6.inputs: add sums the words of two layers (got 1); allowed: two names",
        "7.inputs: form a cycle: self -> self (got 'self')",
    ]


def test_shapes_of_operators_are_checked_together() -> None:
    pool = replace(other("pool", "maxpool2d", (4, 8, 8), (4, 8, 8)), kernel=(2, 2), stride=(1, 1), padding=(1, 1))
    assert problems(
        [
            conv("a", out_shape=(4, 7, 8)),
            conv("b", kernel=(11, 3)),
            other("fc", "linear", (4, 8, 8), (10, 2, 1)),
            pool,
            replace(pool, name="wide", padding=(2, 2), out_shape=(4, 11, 11)),
        ]
    ) == [
        "0.out_shape: conv2d makes another shape of 4x8x8 (got [4, 7, 8]); allowed: 4x8x8",
        "1.kernel: does not fit into the map 4x8x8 (got (11, 3))",
        "2.out_shape: linear has no rows and columns (got (10, 2, 1))",
        "3.out_shape: maxpool2d makes another shape of 4x8x8 (got [4, 8, 8]); allowed: 4x9x9",
        "4.padding: is more than half of the pool's window (got (2, 2))",
    ]


def test_layers_that_do_not_chain_are_told_together() -> None:
    assert problems(
        [
            conv("a"),
            conv("b", "a", channels=5),
            conv("c", "a", size=16),
            other("fc", "linear", (100, 1, 1), (10, 1, 1), "a"),
            other("sum", "add", (4, 4, 4), (4, 4, 4), "a", "b"),
        ]
    ) == [
        "1.inputs: a makes 4x8x8, but b consumes 5x8x8; allowed: the shape that it consumes, "
        "or one whose maps 2x2 pooling makes so",
        "2.inputs: a makes 4x8x8, but c consumes 4x16x16; allowed: the shape that it consumes, "
        "or one whose maps 2x2 pooling makes so",
        "3.inputs: a makes 4x8x8, but fc consumes 100x1x1; allowed: the shape that it consumes, "
        "or one whose maps 2x2 pooling makes so",
        "4.inputs: a makes 4x8x8, but sum consumes 4x4x4; allowed: the shape that it consumes",
        "4.inputs: b makes 5x8x8, but sum consumes 4x4x4; allowed: the shape that it consumes",
    ]


def test_the_name_of_an_inferred_pool_must_be_free() -> None:
    assert problems([conv("a"), conv("a_pool"), conv("b", "a", size=4)]) == [
        "1.name: is the name that the pool missing behind its producer would get (got 'a_pool')",
    ]


def test_words_are_no_narrower_than_they_were_made_and_not_too_wide() -> None:
    assert problems([conv("a", out_word_bits=6), conv("b", "a", word_bits=4), conv("c", timesteps=33)]) == [
        "1.word_bits: is narrower than the words of a (got 4); allowed: at least 6",
        "2.word_bits: is too wide (got 33); allowed: at most 32",
    ]


def attention(**changes: Any) -> list[Layer]:
    """Projections of q, k and v (4 channels of 8x8) and the two products of two heads; changes to the last layer."""
    values = other("values", "attention_values", (128, 8, 8), (4, 8, 8), "scores", "v")
    return [
        conv("image"),
        *(conv(name, "image") for name in "qkv"),
        replace(other("scores", "attention_scores", (4, 8, 8), (128, 8, 8), "q", "k"), groups=2, fires=False),
        replace(values, **{"groups": 2, **changes}),
    ]


def test_attention_products_take_the_width_of_their_second_operand() -> None:
    scores, values = linked(*attention()).layers[-2:]
    # Sums over 2 channels of 15 x 15, then over 64 tokens.
    assert (scores.word_bits, scores.weight_bits, scores.out_word_bits) == (4, 4, (2 * 15 * 15).bit_length())
    assert (values.word_bits, values.weight_bits, values.out_word_bits) == (9, 4, 4)
    sums = linked(*attention(fires=False)).layers[-1]
    assert sums.out_word_bits == (64 * 511 * 15).bit_length()
    assert (scores.signed, scores.computed, values.computed) == (False, True, False)


def test_a_joined_map_has_the_channels_of_its_operands() -> None:
    joined = linked(conv("a"), conv("b", channels=6), other("ab", "concat", (10, 8, 8), (10, 8, 8), "a", "b")).layers[
        -1
    ]
    assert [joined.operand_shape(operand) for operand in (0, 1)] == [(4, 8, 8), (6, 8, 8)]
    assert (joined.word_bits, joined.out_word_bits) == (4, 4)


def test_operators_that_do_not_fit() -> None:
    assert problems([conv("a", groups=3)]) == [
        "0.groups: does not divide the 4 channels that go in (got 3)",
        "0.groups: does not divide the 4 channels that go out (got 3)",
    ]
    assert problems(attention(groups=4)) == [
        "5.heads: has not a channel for each of 64 tokens of a head: 128x8x8 (got 4)"
    ]
    assert problems([conv("a"), other("ab", "concat", (8, 8, 8), (8, 8, 8), "a")]) == [
        "1.inputs: concat joins the channels of several layers (got 1); allowed: two names or more"
    ]
    assert problems([conv("a"), other("ab", "concat", (12, 8, 8), (12, 8, 8), "a", "a")]) == [
        "1.inputs: have 8 channels together, but ab consumes 12x8x8"
    ]
    assert problems([conv("a"), other("s", "attention_scores", (4, 8, 8), (64, 8, 8), "a")]) == [
        "1.inputs: attention_scores multiplies the words of two layers (got 1); allowed: two names"
    ]
    other_size = [conv("a"), conv("b", size=4), other("s", "attention_scores", (4, 8, 8), (64, 8, 8), "a", "b")]
    assert problems(other_size) == [
        "2.inputs: b makes 4x4x4, but s consumes 4x8x8; allowed: the shape that it consumes"
    ]
    large = replace(other("u", "upsample", (4, 8, 8), (4, 16, 8), "a"), factor=(2, 2))
    assert problems([conv("a"), large]) == [
        "1.out_shape: upsample makes another shape of 4x8x8 (got [4, 16, 8]); allowed: 4x16x16"
    ]


def test_sums_too_wide_to_be_words_are_refused() -> None:
    wide = [replace(layer, word_bits=16) if layer.name in ("q", "k") else layer for layer in attention()]
    assert problems([conv("image"), *(conv(n, "image", out_word_bits=16) for n in "qkv"), *wide[4:]]) == [
        "4.out_word_bits: is too wide (got 33); allowed: at most 32",
        "5.word_bits: is too wide (got 33); allowed: at most 32",
    ]
