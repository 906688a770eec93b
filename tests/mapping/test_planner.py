"""From layers to a plan: nothing is computed twice, nothing lies outside its buffer, and misfits are explained."""

from dataclasses import replace

import pytest
from capacities import CAPACITY
from hypothesis import given, settings
from hypothesis import strategies as st
from small_workload import conv, residual_layers

from accelsim.errors import InputError
from accelsim.mapping.plan import Plan
from accelsim.mapping.planner import make_plan
from accelsim.workload.layer import Layer


def plan(layers: list[Layer] | tuple[Layer, ...], **changes: object) -> Plan:
    return make_plan(layers, replace(CAPACITY, **changes), {})  # type: ignore[arg-type]


@given(
    st.integers(1, 40), st.integers(1, 40), st.integers(1, 9), st.sampled_from([1, 3]), st.integers(1, 2), st.booleans()
)
@settings(max_examples=60, deadline=None)
def test_every_output_is_computed_once(
    in_channels: int, out_channels: int, size: int, kernel: int, stride: int, serial: bool
) -> None:
    layer = conv("a", (in_channels, size, size), out_channels, kernel=kernel)
    out_size = (size - 1) // stride + 1
    layer = replace(layer, stride=(stride, stride), out_shape=(out_channels, out_size, out_size))
    found = plan([layer], bit_serial=serial, lane_bits=1 if serial else 4)
    channels, rows, _ = layer.out_shape
    computed = [
        (channel, row)
        for part in found.layers[0].parts
        for strip in part.strips
        for group in part.groups
        for channel in range(*group)
        for row in range(*strip.rows)
    ]
    assert sorted(computed) == [(channel, row) for channel in range(channels) for row in range(rows)]
    for part in found.layers[0].parts:
        assert [place for chunk in part.chunks for place in range(*chunk)] == list(range(in_channels))
        for strip in part.strips:
            assert all(box.offset + box.bytes <= CAPACITY.spike_buffer_bytes for box in strip.boxes)


def test_words_stay_on_the_chip_when_they_fit() -> None:
    found = plan(residual_layers())
    assert found.notes == ()
    assert [layer.stores for layer in found.layers] == [False] * (len(found.layers) - 1) + [True]


def test_words_that_do_not_fit_go_through_memory_in_strips() -> None:
    first = conv("first", (4, 16, 16), 32)
    second = conv("second", first.out_shape, 16, kernel=1, inputs=("first",))
    found = plan([first, second], spike_buffer_bytes=512)
    assert found.notes == ("first: outputs go through DRAM, the spike buffers have no room",)
    assert found.layers[0].stores and not found.layers[0].consumers
    assert all(len(part.strips) > 1 for part in found.layers[1].parts)
    assert all(box.producer is None for part in found.layers[1].parts for s in part.strips for box in s.boxes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"spike_buffer_bytes": 16},
            "spike_buffer.bytes: no tiling fits the spike buffer: one output row of a needs 96 bytes, there are 16; "
            "allowed: >= 96",
        ),
        (
            {"weight_buffer_bytes": 256},
            "weight_buffer.bytes: no tiling fits the weight buffer: one input channel of a needs 144 bytes at once, "
            "there are 128; allowed: >= 288",
        ),
        (
            {"bit_serial": True, "lane_bits": 1, "accumulator_words": 100},
            "accumulator_buffer.bytes: no tiling fits the accumulator buffer: one output row of a needs 384 bytes, "
            "there are 300; allowed: >= 384",
        ),
    ],
)
def test_a_layer_that_nothing_fits_is_explained(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as caught:
        plan([conv("a", (8, 8, 8), 16)], **changes)
    assert str(caught.value) == message


def test_chunks_of_input_channels_fit_half_the_weight_buffer() -> None:
    found = plan([conv("a", (64, 8, 8), 16)], weight_buffer_bytes=4096)
    chunks = found.layers[0].parts[0].chunks
    assert chunks == ((0, 13), (13, 26), (26, 39), (39, 52), (52, 64))
    assert max(last - first for first, last in chunks) * 9 * 16 <= 2048


def test_a_pixel_of_a_pool_or_an_addition_fits_a_packet() -> None:
    layers = residual_layers()
    found = plan(layers, packet_bits=32)
    for entry in found.layers:
        if entry.layer.op in ("add", "maxpool2d"):
            for part in entry.parts:
                assert [channel for group in part.groups for channel in range(*group)] == list(range(*part.channels))
                assert all((last - first) * entry.layer.out_word_bits <= 32 for first, last in part.groups)


def test_the_smallest_buffer_that_fits_holds_one_row_of_windows() -> None:
    """Three input rows of 8 words of 8 channels, 4 bits each."""
    layer = conv("a", (8, 8, 8), 16)
    parts = plan([layer], spike_buffer_bytes=96).layers[0].parts
    assert any(part.slots == 1 and len(part.strips) > 1 for part in parts)
    with pytest.raises(InputError):
        plan([layer], spike_buffer_bytes=95)
