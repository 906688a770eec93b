from __future__ import annotations

import json
from typing import Any

import pytest

from accelsim.errors import InputError
from accelsim.workload.trace_meta import check_meta, read_meta

Meta = dict[str, Any]


def problems(meta: Meta) -> list[str]:
    with pytest.raises(InputError) as caught:
        check_meta(meta, "t.npz")
    return [str(problem) for problem in caught.value.problems]


def test_defaults(meta: Meta) -> None:
    _, graph = read_meta(json.dumps(meta), "t.npz")
    image, pool, conv, add, last = graph.layers
    assert (image.kernel, image.stride, image.padding) == ((3, 3), (1, 1), (1, 1))
    assert (image.timesteps, image.bits_per_step, image.word_bits, image.out_word_bits) == (1, 8, 8, 4)
    assert (pool.stride, pool.weight_bits, pool.fires) == ((2, 2), 0, True)
    assert (conv.kind, conv.timesteps, conv.bits_per_step, conv.word_bits) == ("spikes", 4, 1, 4)
    assert (add.inputs, add.word_bits, add.out_word_bits, add.fires) == (("conv2", "pool1"), 4, 5, True)
    assert (last.in_shape, last.kernel, last.out_shape) == ((4, 4, 4), (4, 4), (10, 1, 1))
    assert (last.fires, last.out_word_bits, last.weight_bits) == (False, 32, 8)


def test_every_key_is_checked(meta: Meta) -> None:
    meta["format"] = "trace"
    meta["version"] = 2
    meta["images"] = 0
    del meta["timesteps"]
    meta["encoding"]["form"] = "dense"
    meta["bit_order"] = "last step first"
    meta["layers"][0]["op"] = "conv1d"
    del meta["layers"][1]["kernel"]
    meta["layers"][2]["weight_bits"] = "8"
    meta["layers"][2]["in_shape"] = [4, 4]
    meta["layers"][3]["name"] = "a/b"
    meta["layers"][4]["colour"] = "red"
    found = problems(meta)
    assert found == [
        "t.npz: meta.format: is not one of the choices (got 'trace'); allowed: accelsim-trace",
        "t.npz: meta.version: is not one of the choices (got 2); allowed: 1",
        "t.npz: meta.images: must be at least 1 (got 0)",
        "t.npz: meta.timesteps: is missing",
        "t.npz: meta.encoding.form: is not one of the choices (got 'dense'); allowed: packed, serial",
        "t.npz: meta.bit_order: is not one of the choices (got 'last step first'); "
        "allowed: first step = most significant bit",
        "t.npz: meta.layers[0].op: is not one of the choices; did you mean conv2d? (got 'conv1d'); "
        "allowed: conv2d, linear, attention_scores, attention_values, maxpool2d, avgpool2d, add, concat, upsample",
        "t.npz: meta.layers[1].kernel: is missing: maxpool2d needs it",
        "t.npz: meta.layers[2].in_shape: must be one number or three (got [4, 4]); "
        "allowed: [features] or [channels, rows, columns]",
        "t.npz: meta.layers[2].weight_bits: must be a whole number (got '8')",
        "t.npz: meta.layers[3].name: must be a name without spaces, commas and slashes (got 'a/b')",
        "t.npz: meta.layers[4].colour: unknown key; allowed: bits_per_step, dilation, factor, fires, groups, heads, "
        "in_shape, inputs, kernel, kind, name, op, out_shape, out_word_bits, padding, stride, timesteps, weight_bits, "
        "weight_density, word_bits",
    ]


def test_the_graph_is_checked_with_its_place_in_meta(meta: Meta) -> None:
    meta["layers"][0]["out_shape"] = [4, 7, 7]
    meta["layers"][3]["in_shape"] = meta["layers"][3]["out_shape"] = [4, 5, 5]
    assert problems(meta) == [
        "t.npz: meta.layers[0].out_shape: conv2d makes another shape of 3x8x8 (got [4, 7, 7]); allowed: 4x8x8",
    ]
    meta["layers"][0]["out_shape"] = [4, 8, 8]
    assert problems(meta)[0] == (
        "t.npz: meta.layers[3].inputs: conv2 makes 4x4x4, but add consumes 4x5x5; allowed: the shape that it consumes"
    )
    meta["layers"][3]["inputs"] = ["conv2"]
    assert problems(meta) == [
        "t.npz: meta.layers[3].inputs: add sums the words of two layers (got 1); allowed: two names"
    ]
