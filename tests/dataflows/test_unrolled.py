"""Spatially unrolled arrays: kernel and twin, cycles by the rules of FireFly v1 and v2, and Eyeriss-like lanes."""

from __future__ import annotations

from typing import Any

import pytest
from dataflow_cases import Case, assert_kernel_equals_twin, cases, layer_task
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.dataflows import NO_MASK, Task
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
