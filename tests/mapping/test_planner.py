"""From layers to a plan: nothing is computed twice, nothing lies outside its buffer, and misfits are explained."""

from dataclasses import replace

import pytest
from capacities import CAPACITY
from hypothesis import given, settings
from hypothesis import strategies as st
from small_workload import conv, residual_layers

from accelsim.errors import InputError
from accelsim.mapping.choices import Choices, LayerChoices
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


def test_decisions_that_nothing_can_keep_are_all_told() -> None:
    layers = [conv("a", (8, 8, 8), 32), conv("b", (32, 8, 8), 16, inputs=("a",))]
    chosen = {
        "a": LayerChoices(channel_parts=3, row_parts=9),
        "b": LayerChoices(tiles=(0, 4, 4), row_parts=2),
    }
    with pytest.raises(InputError) as caught:
        make_plan(layers, CAPACITY, {}, Choices(layers=chosen))
    assert str(caught.value).splitlines() == [
        "mapping.layers.a.channel_parts: 32 output channels are 2 groups of 16 columns (got 3); allowed: 1 to 2",
        "mapping.layers.a.row_parts: the layer has 8 output rows (got 9); allowed: 1 to 8",
        "mapping.layers.b.tiles: names tiles that the chip does not have: 4, 4; allowed: 0 to 3",
        "mapping.layers.b.tiles: names a tile twice (got [0, 4, 4])",
    ]
    with pytest.raises(InputError) as caught:
        make_plan(layers, CAPACITY, {}, Choices(layers={"b": LayerChoices(tiles=(1, 3), row_parts=4)}))
    assert str(caught.value) == (
        "mapping.layers.b.row_parts: 4 parts are more than the 2 tiles that it is given, of which each part takes one "
        "(got 4); allowed: 1 to 2"
    )


def test_layers_are_where_the_user_wants_them() -> None:
    layers = [conv("a", (8, 8, 8), 32), conv("b", (32, 8, 8), 16, inputs=("a",))]
    chosen = {"a": LayerChoices(tiles=(3, 1), channel_parts=2), "b": LayerChoices(row_parts=2)}
    for schedule in ("layer_by_layer", "pipelined"):
        first, second = make_plan(layers, CAPACITY, {}, Choices(schedule=schedule, layers=chosen)).layers
        assert [(part.tile, part.channels) for part in first.parts] == [(3, (0, 16)), (1, (16, 32))]
        assert schedule == "layer_by_layer" or {part.tile for part in second.parts} == {0, 2}
        assert len({part.rows for part in second.parts}) == 2


def test_words_go_through_memory_when_the_user_says_so() -> None:
    layers = [conv("a", (8, 8, 8), 32), conv("b", (32, 8, 8), 16, inputs=("a",))]
    found = make_plan(layers, CAPACITY, {}, Choices(layers={"a": LayerChoices(through_dram=True)}))
    assert found.layers[0].stores and not found.layers[0].consumers and found.notes == ()


NEVER = Choices(split="rows", layers={"a": LayerChoices(through_dram=False), "b": LayerChoices(row_parts=1)})


def test_words_that_must_stay_on_the_chip_but_do_not_fit_are_refused_with_what_would() -> None:
    """The map between the layers has 16 x 16 x 32 words of half a byte: 4 KiB on one tile."""
    layers = [conv("a", (4, 16, 16), 32), conv("b", (32, 16, 16), 16, inputs=("a",))]
    small = replace(CAPACITY, spike_buffer_bytes=2000)
    with pytest.raises(InputError) as caught:
        make_plan(layers, small, {}, NEVER)
    assert str(caught.value) == (
        "mapping.layers.a.through_dram: no tiling fits the spike buffer of tile 0: the part of b there needs 4096 "
        "bytes besides what waits for other layers, there are 2000 (got False); "
        "allowed: true, or spike_buffer.bytes >= 5 KiB, or mapping.layers.b.row_parts: 3"
    )
    assert make_plan(layers, replace(small, spike_buffer_bytes=5 << 10), {}, NEVER).layers[0].consumers
    cut = replace(NEVER, layers={**NEVER.layers, "b": LayerChoices(row_parts=3)})
    assert make_plan(layers, small, {}, cut).layers[0].consumers
    with pytest.raises(InputError):
        make_plan(layers, small, {}, replace(NEVER, layers={**NEVER.layers, "b": LayerChoices(row_parts=2)}))
    with pytest.raises(InputError):
        make_plan(layers, replace(small, spike_buffer_bytes=4 << 10), {}, NEVER)


def test_weights_stay_unless_the_user_wants_them_not_to() -> None:
    layers = residual_layers()
    assert all(make_plan(layers, CAPACITY, {}).weights_stay)
    assert not any(make_plan(layers, CAPACITY, {}, Choices(keep_weights=False)).weights_stay)
    full = make_plan(layers, replace(CAPACITY, weight_buffer_bytes=2048), {})
    assert [size <= 2048 for size in full.weight_bytes] == list(full.weights_stay)


def test_a_pipeline_has_tiles_for_each_stage_and_room_for_two_images_between_stages() -> None:
    layers = residual_layers()
    found = make_plan(layers, CAPACITY, {}, Choices(schedule="pipelined"), images=4)
    assert len(found.stages) > 1
    tiles = [tile for stage in found.stages for tile in stage.tiles]
    assert len(tiles) == len(set(tiles))
    stage_of = {index: stage for stage in found.stages for index in range(*stage.layers)}
    names = {layer.name: index for index, layer in enumerate(layers)}
    for entry in found.layers:
        assert {part.tile for part in entry.parts} <= set(stage_of[entry.index].tiles)
        for part in entry.parts:
            boxes = part.strips[0].boxes
            inside = all(box.producer and stage_of[names[box.producer]] is stage_of[entry.index] for box in boxes)
            for box in boxes:
                assert box.copies == (1 if inside else 2)
                assert inside or box.blocked_by == (2, entry.index)


def test_a_pipeline_without_room_for_two_images_says_so() -> None:
    first = conv("a", (16, 16, 16), 16)
    second = conv("b", first.out_shape, 16, inputs=("a",))
    chosen = {name: LayerChoices(tiles=(tile,)) for tile, name in enumerate("ab")}
    choices = Choices(schedule="pipelined", layers=chosen)
    found = make_plan([first, second], replace(CAPACITY, spike_buffer_bytes=3000), {}, choices)
    assert found.notes == ("b: its inputs have room for one image, not for one being read and the next being written",)
    assert found.layers[1].parts[0].strips[0].boxes[0].copies == 1
    assert found.layers[0].parts[0].strips[0].boxes[0].copies == 1


def test_a_plan_of_a_thousand_tiles() -> None:
    layers = residual_layers(channels=256, size=64)[:4]
    many = replace(CAPACITY, tiles=1024, controllers=32)
    for schedule in ("layer_by_layer", "pipelined"):
        found = make_plan(layers, many, {}, Choices(schedule=schedule), images=3)
        assert sum(len(entry.parts) for entry in found.layers) > 600
