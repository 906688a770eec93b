"""Addresses of tensors: nothing overlaps, rows go to the controllers in turn, and tiles write where readers read."""

from __future__ import annotations

import re

import numpy as np
import pytest
from chips import chip
from hypothesis import given, settings
from hypothesis import strategies as st
from small_workload import SmallWorkload, residual_layers

from accelsim.build.layout import Layout, Place, check_capacity, make_layout
from accelsim.build.lower import lower
from accelsim.build.planning import plan_workload
from accelsim.errors import InputError
from accelsim.kernels import state as k
from accelsim.kernels.neuron_unit import store_address
from accelsim.units import ceil_div

SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 9), st.integers(1, 7))


@given(
    controllers=st.integers(1, 4),
    maps=st.lists(st.tuples(SHAPES, st.integers(1, 9)), max_size=4),
    blocks=st.lists(st.integers(1, 100), max_size=6),
)
def test_no_byte_belongs_to_two_tensors(
    controllers: int, maps: list[tuple[tuple[int, int, int], int]], blocks: list[int]
) -> None:
    layout = Layout(controllers, 32, 8)
    used: set[tuple[int, int]] = set()
    taken = 0

    def take(place: Place, size: int) -> None:
        nonlocal taken
        taken += size
        used.update((place.controller, byte) for byte in range(place.address, place.address + size))

    for number, (shape, bits) in enumerate(maps):
        for image in range(2):
            found = layout.map(number, image, shape, bits)
            assert all(base % 32 == 0 for base in found.bases)
            for row in range(shape[1]):
                take(found.row(row), ceil_div(shape[0] * shape[2] * bits, 8))
        if number < len(blocks):
            take(layout.weights(0, number, blocks[number]), blocks[number])
    for number, size in enumerate(blocks[len(maps) :], start=len(maps)):
        take(layout.weights(1, number, size), size)
    assert len(used) == taken
    assert all(byte < layout.bytes for _, byte in used)


def test_rows_go_to_the_controllers_in_turn_and_so_do_maps_and_blocks() -> None:
    layout = Layout(3, 64, 8)
    first, second = (layout.map(name, 0, (2, 7, 4), 8) for name in "ab")
    assert [first.row(row) for row in range(5)] == [
        Place(0, 0),
        Place(1, 0),
        Place(2, 0),
        Place(0, 8),
        Place(1, 8),
    ]
    assert [second.row(row).controller for row in range(4)] == [1, 2, 0, 1]
    assert [layout.weights(0, block, 10).controller for block in range(4)] == [0, 1, 2, 0]


def test_channels_of_a_range_lie_together_in_a_row() -> None:
    """8 channels of 4 words of 4 bits: 2 bytes a channel."""
    found = Layout(1, 64, 8).map("map", 0, (8, 2, 4), 4)
    assert found.row(1, 3) == Place(0, 16 + 6)
    assert found.bit(1, 3) == (0, 8 * 22)


def test_weights_of_a_layer_follow_each_other_from_a_burst_on() -> None:
    layout = Layout(1, 64, 8)
    assert [layout.weights(layer, layer * 10 + block, 13).address for layer in (0, 1) for block in (0, 1)] == [
        0,
        16,
        64,
        80,
    ]
    assert layout.weights(0, 1, 13).address == 16


def test_images_take_turns_in_two_places() -> None:
    layout = Layout(2, 64, 8)
    places = [layout.map("in", image, (1, 4, 8), 8).row(0) for image in range(4)]
    assert places[0] == places[2] != places[1] == places[3]


@settings(deadline=None)
@given(
    controllers=st.integers(1, 4),
    shape=SHAPES,
    bits=st.integers(1, 33),
    first_row=st.integers(0, 8),
    data=st.data(),
)
def test_a_packet_is_stored_where_its_words_lie(
    controllers: int, shape: tuple[int, int, int], bits: int, first_row: int, data: st.DataObject
) -> None:
    """A group of channels in a row: its words by column, one bit after the other."""
    channels, rows, columns = shape
    first = data.draw(st.integers(0, channels - 1))
    outs = data.draw(st.integers(1, channels - first))
    column = data.draw(st.integers(0, columns - 1))
    first_row = min(first_row, rows - 1)
    turn = data.draw(st.integers(0, (rows - 1 - first_row) // controllers))
    stored = Layout(controllers, 64, 8).map("map", 0, shape, bits)
    controller, bit = stored.bit(first_row, first)
    path = np.zeros(k.ROUTE_COLUMNS, np.int64)
    path[[k.R_CHANNELS, k.R_WORDS, k.R_SKIP]] = outs, bit, controllers - 1
    work = np.zeros(k.PASS_COLUMNS, np.int64)
    work[[k.W_OUT_CHANNELS, k.W_OUT_COLUMNS, k.W_OUT_BITS]] = channels, columns, bits
    scalars = np.zeros(k.TILE_SCALARS, np.int64)
    scalars[k.S_EMIT_COLUMN] = column
    row = first_row + turn * controllers
    begin = stored.row(row)
    assert begin.controller == controller
    expected = 8 * begin.address + (first * columns + column * outs) * bits
    assert store_address(scalars, work, path, turn * controllers) == expected // 8


def test_what_a_layer_spills_is_read_where_it_was_written() -> None:
    workload = SmallWorkload(residual_layers(16, 8))
    through = ", ".join(f"{layer.name}: {{through_dram: true}}" for layer in workload.layers)
    arch = chip("dram={preset: lpddr4_3200, latency_ns: 15}", f"mapping={{layers: {{{through}}}}}")
    plan = plan_workload(arch, workload, workload.layers)
    program = lower(plan, workload, arch, images=1, verify=False)
    written: set[tuple[int, int]] = set()
    for script in program.scripts:
        for command in script.commands:
            work = command.work
            row_bytes = ceil_div(int(work[k.W_OUT_CHANNELS] * work[k.W_OUT_COLUMNS] * work[k.W_OUT_BITS]), 8)
            for path in program.contents.routes[work[k.W_ROUTES] :][: work[k.W_ROUTE_COUNT]]:
                if path[k.R_KIND] != k.STORE:
                    continue
                controller = arch.controller_nodes.index(int(path[k.R_TARGET]))
                bits = int(path[k.R_CHANNELS] * work[k.W_OUT_COLUMNS] * work[k.W_OUT_BITS])
                for turn in range(len(range(path[k.R_FIRST_ROW], path[k.R_LAST_ROW], path[k.R_SKIP] + 1))):
                    bit = int(path[k.R_WORDS]) + 8 * row_bytes * turn
                    written.update((controller, byte) for byte in range(bit // 8, (bit + bits - 1) // 8 + 1))
    read: set[tuple[int, int]] = set()
    for transfer in program.contents.transfers:
        if transfer[k.D_KIND] == k.SPIKES and workload.layers[transfer[k.D_LAYER]].inputs:
            begin = int(transfer[k.D_ADDRESS])
            read.update((int(transfer[k.D_CHANNEL]), byte) for byte in range(begin, begin + int(transfer[k.D_BYTES])))
    assert read
    assert read <= written


def test_tensors_that_do_not_fit_are_refused() -> None:
    arch = chip("dram={preset: lpddr4_3200, latency_ns: 15, rows: 4}")
    layout = make_layout(arch)
    layout.weights(0, "block", 8 * 4 * 2048)
    check_capacity(layout, arch)
    layout.weights(0, "more", 1)
    layout.weights(0, "and more", 100)
    message = (
        "--set: dram.rows: weights and maps take 65636 bytes behind a memory controller, there are 65536 (got 4); "
        "allowed: >= 5"
    )
    with pytest.raises(InputError, match=re.escape(message)):
        check_capacity(layout, arch)
