"""Spatially unrolled arrays: kernel and twin, cycles by the rules of FireFly v1 and v2, and Eyeriss-like lanes."""

from __future__ import annotations

from fractions import Fraction

import pytest
from dataflow_cases import Case, assert_kernel_equals_twin, cases, layer_task
from firefly import (
    cold_v1,
    cold_v2,
    convolution,
    firefly_v1,
    firefly_v2,
    loaded_bytes,
    memory_v1,
    memory_v2,
    resident_v1,
    run,
    schedules_of,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from step_player import Memory, NeuronUnit, play

from accelsim.dataflows import Task
from accelsim.dataflows.unrolled import DATAFLOW, Parallel, UnrolledSettings, cycles_of

small = st.integers(1, 3)
modes = st.sampled_from(["packed", "bit_serial", "time_serial"])


@st.composite
def weight_arrays(draw: st.DrawFn) -> UnrolledSettings:
    return UnrolledSettings(
        spike_mode=draw(modes),
        stationary="weights",
        parallel=Parallel(
            output_channels=draw(st.integers(1, 12)),
            input_channels=draw(st.integers(1, 9)),
            kernel=draw(st.integers(1, 9)),
            pixels=draw(small),
            time=draw(small),
        ),
        lane_bits=draw(small),
        weight_reload_cycles=draw(st.integers(0, 9)),
        flush_lines=draw(st.integers(0, 2)),
        first_window_cycles=draw(st.integers(0, 3)),
        linear_multiple=draw(st.integers(1, 30)),
        parameter_bits=draw(st.integers(0, 33)),
        stream_input=draw(st.booleans()),
    )


@st.composite
def output_arrays(draw: st.DrawFn) -> UnrolledSettings:
    return UnrolledSettings(
        spike_mode=draw(modes),
        stationary="outputs",
        parallel=Parallel(
            output_channels=draw(st.integers(1, 12)),
            input_channels=draw(st.integers(1, 9)),
            kernel=draw(st.integers(1, 4)),
            pixels=draw(st.integers(1, 4)),
            time=draw(small),
        ),
        lane_bits=draw(small),
        first_window_cycles=draw(st.integers(0, 3)),
        least_tile_cycles=draw(st.integers(1, 9)),
        parameter_bits=draw(st.integers(0, 33)),
    )


@st.composite
def coalesced_arrays(draw: st.DrawFn) -> UnrolledSettings:
    return UnrolledSettings(
        spike_mode=draw(modes),
        stationary="outputs",
        parallel=Parallel(output_channels=draw(st.integers(1, 12)), coalesced=draw(st.integers(2, 20))),
        lane_bits=draw(small),
    )


@st.composite
def convolutions(draw: st.DrawFn, min_size: int = 1) -> Task:
    """3 x 3 convolutions as FireFly v1 takes them."""
    size = draw(st.integers(min_size, 18)), draw(st.integers(min_size, 40))
    return convolution(size, draw(st.integers(1, 70)), draw(st.integers(1, 70)), draw(st.integers(1, 6)))


def check(array: UnrolledSettings, case: Case) -> None:
    found = assert_kernel_equals_twin(DATAFLOW, array, case)
    assert found.cycles == cycles_of(array, case.task) == DATAFLOW.estimate(array, case.task, 0.1, 0.1)


@given(weight_arrays(), cases(max_channels=12, max_outs=14, row_ranges=False))
@settings(max_examples=60, deadline=None)
def test_kernel_equals_twin_where_weights_stay(array: UnrolledSettings, case: Case) -> None:
    check(array, case)


@given(output_arrays(), cases(max_channels=12, max_outs=14))
@settings(max_examples=60, deadline=None)
def test_kernel_equals_twin_where_outputs_stay(array: UnrolledSettings, case: Case) -> None:
    check(array, case)


@given(coalesced_arrays(), cases(max_channels=6, max_outs=14))
@settings(max_examples=60, deadline=None)
def test_kernel_equals_twin_of_coalesced_lanes(array: UnrolledSettings, case: Case) -> None:
    check(array, case)


@given(st.sampled_from([8, 16, 32]), convolutions())
@settings(max_examples=60, deadline=None)
def test_firefly_v1_with_weights_at_hand(channels: int, layer: Task) -> None:
    """V1-A, for every remainder of sizes and channels."""
    assert sum(schedule.cycles for schedule in schedules_of(firefly_v1(channels), layer)) == resident_v1(
        layer, channels
    )


@given(st.sampled_from([8, 16, 32]), convolutions(min_size=8))
@settings(max_examples=30, deadline=None)
def test_firefly_v1_from_a_cold_start(channels: int, layer: Task) -> None:
    """V1-B, wherever weights come faster than they are used up; the spike port of 4 bytes a cycle costs nothing."""
    windows = layer.pixels
    assume(18 * channels <= layer.planes * (windows + channels + 1))
    assume(4 * -(-layer.outs // channels) + 18 * channels >= max(channels + 1, layer.width + 2))
    played = run(firefly_v1(channels), layer, memory_v1(channels))
    assert played.cycles == cold_v1(layer, channels)
    assert played.states["spikes missing"] == 0


@pytest.mark.parametrize(("channels", "published"), [(32, 10_125), (16, 35_321)])
def test_worked_layer_on_firefly_v1(channels: int, published: int) -> None:
    """64 to 128 channels, 16 x 16, 3 x 3, T = 4, from a cold start.

    Counted by hand on the public RTL of FireFly v1; 4 of its cycles are registers between weight port and array, the
    drain of 25 and 23 cycles is known to 2.
    """
    array = firefly_v1(channels)
    played = run(array, convolution(16, 64, 128), memory_v1(channels))
    assert played.cycles == {32: 10_096, 16: 35_294}[channels]
    assert played.cycles + 4 + array.pipeline_cycles == published


def test_peak_of_firefly_v1() -> None:
    """At least 99 % of 5.53 TOP/s, its published peak: 2 operations a synapse, 300 MHz, P = 32."""
    layer = convolution(64, 1024, 1024)
    cycles = sum(schedule.cycles for schedule in schedules_of(firefly_v1(32), layer))
    operations = 2 * layer.pixels * layer.inputs * layer.outs * layer.planes
    assert 0.99 * 5.53e12 < operations / cycles * 300e6 < 5.53e12


@pytest.mark.parametrize(
    ("channels", "layer", "published"),
    [(32, convolution(8, 128, 256), 19_662), (16, convolution(4, 256, 512), 149_058)],
)
def test_small_maps_on_firefly_v1_wait_for_weights(channels: int, layer: Task, published: int) -> None:
    """Totals of a timing model of FireFly v1's weight items, without the biases that come first, 32 channels a word."""
    played = run(firefly_v1(channels), layer, memory_v1(channels))
    biases = 4 * -(-layer.outs // channels)
    bound = 18 * layer.channels * -(-layer.outs // channels)
    assert played.cycles - biases == published
    assert bound < published < 1.1 * bound
    assert played.states["weights missing"] > published // 3


def test_fully_connected_layer_on_firefly_v1() -> None:
    """8192 to 16 inputs at P = 16: 58 matrices of 9 x 16 inputs, 18 cycles each, four times; weights take 16704."""
    layer = layer_task(1, 1, 8192, 16, planes=4)
    assert sum(schedule.cycles for schedule in schedules_of(firefly_v1(16), layer)) == 4 * 58 * 18
    played = run(firefly_v1(16), layer, memory_v1(16))
    biases = 4
    assert 16_704 + biases < played.cycles == biases + 16_704 + 2 + 1 + 3 * 58 * 18
    assert layer_cycles(firefly_v1(16), layer_task(4, 4, 512, 16, kernel=4)) == 4 * 58 * 18


@given(convolutions(), st.sampled_from([16, 32]))
@settings(max_examples=60, deadline=None)
def test_firefly_v2_from_a_cold_start(layer: Task, port: int) -> None:
    """V2-A, for every remainder of sizes, channels and time steps."""
    played = run(firefly_v2(), layer, Memory(weights=memory_v2(layer, port).weights))
    assert played.cycles == cold_v2(layer, port)


@pytest.mark.parametrize(
    ("layer", "port", "published"),
    [
        (convolution(16, 64, 128), 16, 9827),
        (convolution(16, 64, 128), 32, 9523),
        (convolution(16, 128, 128), 16, 19_583),
        (convolution(16, 128, 128), 32, 18_991),
        (convolution(8, 128, 256), 16, 19_039),
        (convolution(8, 128, 256), 32, 9791),
        (convolution(4, 256, 512), 16, 74_327),
        (convolution(4, 256, 512), 32, 37_399),
        (convolution(32, 64, 64), 16, 19_027),
        (convolution(32, 64, 64), 32, 18_888),
    ],
)
def test_layers_on_firefly_v2(layer: Task, port: int, published: int) -> None:
    """Totals of a beat-level model of FireFly v2's public RTL, drain of 36 cycles included."""
    array = firefly_v2()
    assert run(array, layer, memory_v2(layer, port)).cycles + array.pipeline_cycles == published


def test_rows_of_firefly_v2_wait_for_the_map() -> None:
    """A row of outputs begins with the last row of the map under it, rounded up to whole strides."""
    layer = layer_task(8, 8, 16, 16, kernel=3, padding=1, stride=2)
    late = Memory(row=lambda row: 100 * (row + 1))
    played = run(firefly_v2(), layer, late)
    assert layer.last_row == 4
    # Rows 2, 4, 6 and 8 of the map, the last one being padding; a tile of 9 cycles each.
    assert played.cycles == 800 + 9
    assert played.states["busy"] == 4 * 9


def test_flat_at_a_fixed_bit_budget() -> None:
    """Weight bits / spike bits / T = 8/1/4, 8/2/2 and 8/4/1 (Shen et al., CVPR 2024: bit budget 32)."""
    shapes = [layer_task(16, 16, 64, 128, kernel=3, padding=1, planes=4, step_bits=bits) for bits in (1, 2, 4)]
    for array in (firefly_v2(), firefly_v1(32)):
        assert len({layer_cycles(array, layer) for layer in shapes}) == 1
    packed = UnrolledSettings(
        spike_mode="time_serial", stationary="outputs", lane_bits=4, parallel=Parallel(output_channels=16)
    )
    assert [layer_cycles(packed, layer) // layer_cycles(packed, shapes[2]) for layer in shapes] == [4, 2, 1]


@pytest.mark.parametrize(("planes", "step_bits", "passes"), [(4, 1, 1), (5, 1, 2), (6, 2, 2), (8, 8, 2), (1, 1, 1)])
def test_passes_of_firefly_v2(planes: int, step_bits: int, passes: int) -> None:
    """ceil(T b / 4) passes over K."""
    layer = layer_task(4, 8, 16, 16, kernel=3, padding=1, planes=planes, step_bits=step_bits)
    assert layer_cycles(firefly_v2(), layer) == 4 * passes * 9


def test_narrow_layers_on_firefly_v2_are_padded() -> None:
    """A 1 x 1 kernel over 16 channels takes 8 cycles a tile, as its 8 pixels leave one a cycle, and loads 8 entries."""
    layer = layer_task(4, 8, 16, 16)
    assert layer_cycles(firefly_v2(), layer) == 4 * 8
    assert loaded_bytes(firefly_v2(), layer) == 4 * 16 + 8 * 256


def test_eyeriss_by_hand() -> None:
    """32 outputs of 2 pixels, 8 inputs, 4 time steps on 14 x 12: 3 groups x ceil(64 / 14) cycles."""
    array = UnrolledSettings(
        spike_mode="time_serial",
        stationary="outputs",
        lane_bits=8,
        parallel=Parallel(output_channels=12, coalesced=14),
    )
    assert layer_cycles(array, layer_task(1, 2, 8, 32)) == 3 * 5


def test_what_the_hardware_was_not_made_for_is_named() -> None:
    assert DATAFLOW.refuses(firefly_v1(16), convolution(8, 16, 16)) == ""
    assert DATAFLOW.refuses(firefly_v1(16), layer_task(8, 8, 3, 16, kernel=3, padding=1, planes=8, step_bits=8)) == (
        "time steps of 8 bits, where it is made for 1"
    )
    assert DATAFLOW.approximates(firefly_v1(16), layer_task(8, 8, 3, 16, kernel=5, padding=2, stride=2)) == (
        "5 x 5 kernels, where it holds 9 positions; stride 2 x 2, where it computes every window of the map"
    )
    assert DATAFLOW.approximates(firefly_v2(), layer_task(8, 8, 3, 16, kernel=5, padding=2, stride=2)) == ""


def test_strides_and_large_kernels_on_firefly_v1() -> None:
    """Every window of the 8 x 8 map, three matrices of 9 positions for 25, P = 16, T = 1."""
    layer = layer_task(8, 8, 16, 16, kernel=5, padding=2, stride=2, planes=1)
    assert layer_cycles(firefly_v1(16), layer) == 17 + 3 * 64 + 2 * 17


def test_spikes_that_come_too_slowly() -> None:
    """P = 32 needs 4 bytes a window: a port of 2 halves its speed, and only the gaps of 33 cycles help."""
    layer = convolution(16, 32, 32)
    played = run(firefly_v1(32), layer, Memory(stream_rate=Fraction(2)))
    assert played.states["busy"] == 4 * 256
    assert 4 * 230 < played.states["spikes missing"] < 4 * 256


def test_arrays_that_cannot_be() -> None:
    for wrong, message in (
        ({"stream_input": True}, "belongs to arrays whose weights stay"),
        ({"weight_reload_cycles": 1}, "belongs to arrays whose weights stay"),
        ({"flush_lines": 1}, "belongs to arrays whose weights stay"),
        ({"stationary": "weights", "least_tile_cycles": 2}, "belongs to arrays whose sums stay"),
        ({"parallel": Parallel(output_channels=4, coalesced=2, time=2)}, "coalesced lanes take all loops as one"),
        (
            {"stationary": "weights", "parallel": Parallel(output_channels=4, coalesced=2)},
            "coalesced lanes end pixel after pixel",
        ),
    ):
        good = {"spike_mode": "packed", "stationary": "outputs", "parallel": Parallel(output_channels=4)}
        with pytest.raises(ValidationError, match=message):
            UnrolledSettings.model_validate(good | wrong)


def test_nothing_is_skipped() -> None:
    assert {skip for (_, skip), reason in DATAFLOW.modes.items() if not reason} == {"nothing"}


def test_output_blocked_by_a_slow_neuron_unit() -> None:
    """The player itself: two places for results, 30 cycles a pixel, a pixel every 9 cycles."""
    array = firefly_v2().model_copy(update={"parallel": Parallel(output_channels=16, input_channels=16)})
    layer = layer_task(1, 6, 16, 16, kernel=3, padding=1, planes=1)
    played = play(schedules_of(array, layer), [1], neurons=NeuronUnit(results=2, service=30))
    # Results leave at 9, 18, then as the first and each later one is served: 39, 69, 99, 129.
    assert played.states == {"busy": 54, "output blocked": 129 - 54}
    assert played.end == 9 + 6 * 30


def layer_cycles(array: UnrolledSettings, layer: Task) -> int:
    return sum(schedule.cycles for schedule in schedules_of(array, layer))
