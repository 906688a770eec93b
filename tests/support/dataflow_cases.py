"""Shares of layers to try dataflows on: of given sizes, or random small ones, with every remainder and edge."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

from accelsim.dataflows import NO_MASK, ArraySettings, Dataflow, Schedule, Task
from accelsim.dataflows.task import COUNTS, KIND, PIXELS, REPEAT, ROW, STEP_COLUMNS, STREAM, WEIGHTS, Mask, Words


@dataclass(frozen=True)
class Case:
    """What a dataflow is asked for; printed in full when a test fails."""

    task: Task
    words: Words = field(repr=False)
    mask: Mask = field(repr=False)

    def __repr__(self) -> str:
        return f"Case({self.task}, words={self.words.tolist()}, mask={self.mask.astype(int).tolist()})"


def layer_task(
    height: int,
    width: int,
    channels: int,
    outs: int,
    *,
    kernel: tuple[int, int] | int = 1,
    stride: tuple[int, int] | int = 1,
    padding: tuple[int, int] | int = 0,
    dilation: tuple[int, int] | int = 1,
    planes: int = 4,
    step_bits: int = 1,
    weight_bits: int = 8,
) -> Task:
    """A whole layer without groups, as one task; `._replace(...)` makes shares of it."""
    (kernel_rows, kernel_columns), (stride_rows, stride_columns) = _pair(kernel), _pair(stride)
    (padding_rows, padding_columns), (dilation_rows, dilation_columns) = _pair(padding), _pair(dilation)
    return Task(
        height=height,
        width=width,
        channels=channels,
        kernel_rows=kernel_rows,
        kernel_columns=kernel_columns,
        stride_rows=stride_rows,
        stride_columns=stride_columns,
        padding_rows=padding_rows,
        padding_columns=padding_columns,
        dilation_rows=dilation_rows,
        dilation_columns=dilation_columns,
        first_channel=0,
        last_channel=channels,
        first_row=0,
        last_row=_out_size(height, kernel_rows, stride_rows, padding_rows, dilation_rows),
        out_columns=_out_size(width, kernel_columns, stride_columns, padding_columns, dilation_columns),
        first_out=0,
        outs=outs,
        layer_outs=outs,
        reach=outs,
        planes=planes,
        step_bits=step_bits,
        weight_bits=weight_bits,
    )


def packed(spikes: Any) -> Words:
    """Words [height, width, channels] of 0/1 spikes [time step, channel, height, width], first step = highest bit."""
    found = np.asarray(spikes, np.int64)
    places = 1 << np.arange(len(found))[::-1]
    return np.ascontiguousarray(np.tensordot(places, found, 1).transpose(1, 2, 0).astype(np.int64))


@st.composite
def cases(
    draw: st.DrawFn,
    *,
    planes: st.SearchStrategy[int] | None = None,
    step_bits: st.SearchStrategy[int] | None = None,
    max_channels: int = 24,
    max_outs: int = 40,
    groups: bool = True,
    row_ranges: bool = True,
    masks: bool = False,
) -> Case:
    """Any small share of a layer: strides, padding, dilation, groups, part of the rows, part of the outputs.

    `row_ranges`: whether a task may be less than the whole map. `masks`: weights of any density, else all count.
    """
    kernel = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    dilation = draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
    stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    padding = draw(st.tuples(st.integers(0, 2), st.integers(0, 2)))
    reached = [(taps - 1) * apart + 1 for taps, apart in zip(kernel, dilation, strict=True)]
    height, width = (
        draw(st.integers(max(1, size - 2 * pad), max(1, size - 2 * pad) + 5))
        for size, pad in zip(reached, padding, strict=True)
    )
    bits = draw(st.integers(1, 8) if planes is None else planes)
    group_count = draw(st.integers(1, 3)) if groups else 1
    group_channels = draw(st.integers(1, max_channels // group_count))
    group_outs = draw(st.integers(1, max_outs // group_count))
    read = draw(st.integers(1, group_count))
    first_group = draw(st.integers(0, group_count - read))
    # A task is a part of one group's outputs, or all of several groups'.
    outs = draw(st.integers(1, group_outs)) if read == 1 else read * group_outs
    task = layer_task(
        height,
        width,
        group_count * group_channels,
        group_count * group_outs,
        kernel=kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        planes=bits,
        step_bits=draw(st.integers(1, bits) if step_bits is None else step_bits),
        weight_bits=draw(st.sampled_from([2, 4, 8])),
    )
    first_row = draw(st.integers(0, task.last_row - 1)) if row_ranges else 0
    last_row = draw(st.integers(first_row + 1, task.last_row)) if row_ranges else task.last_row
    spare = group_outs - outs if read == 1 else 0
    task = task._replace(
        first_channel=first_group * group_channels,
        last_channel=(first_group + read) * group_channels,
        first_row=first_row,
        last_row=last_row,
        first_out=first_group * group_outs + draw(st.integers(0, spare)),
        outs=outs,
        reach=min(outs, group_outs),
    )
    return Case(task, draw(words_of(task)), draw(masks_of(task)) if masks else NO_MASK)


@st.composite
def words_of(draw: st.DrawFn, task: Task) -> Words:
    """Words of any density of bits, from all silent to all ones."""
    density = draw(st.sampled_from([0.0, 0.1, 0.3, 0.6, 1.0]))
    random = np.random.default_rng(draw(st.integers(0, 2**16)))
    spikes = random.random((task.planes, task.channels, task.height, task.width)) < density
    return packed(spikes)


@st.composite
def masks_of(draw: st.DrawFn, task: Task) -> Mask:
    """Weight masks of any density, or the one where all weights count."""
    density = draw(st.sampled_from([None, 0.0, 0.2, 0.7, 1.0]))
    if density is None:
        return NO_MASK
    random = np.random.default_rng(draw(st.integers(0, 2**16)))
    return random.random((task.inputs, task.outs)) < density


def assert_kernel_equals_twin(dataflow: Dataflow, settings: ArraySettings, case: Case) -> Schedule:
    """Same cycles, counts and needs; the schedule is well formed. Tests of this are named test_kernel_equals_twin..."""
    found = dataflow.schedule(settings, case.task, case.words, case.mask)
    slow = dataflow.twin(settings, case.task, case.words, case.mask)
    np.testing.assert_array_equal(found.steps, slow.steps)
    np.testing.assert_array_equal(found.counts, slow.counts)
    assert_well_formed(found, case.task)
    return found


def assert_well_formed(schedule: Schedule, task: Task) -> None:
    """What the player of a schedule relies on."""
    steps, counts = schedule
    assert steps.dtype == counts.dtype == np.int64
    assert steps.shape[1:] == (STEP_COLUMNS,) and counts.shape == (COUNTS,)
    assert (steps[:, REPEAT] >= 1).all() and set(steps[:, KIND].tolist()) <= {0, 1}
    assert (steps[:, [ROW, WEIGHTS]] >= -1).all() and (steps[:, ROW] < task.height).all()
    assert (np.delete(steps, [ROW, WEIGHTS], axis=1) >= 0).all() and (steps[:, STREAM] >= 0).all()
    assert int((steps[:, PIXELS] * steps[:, REPEAT]).sum()) == task.pixels
    assert (counts >= 0).all()


def _pair(value: tuple[int, int] | int) -> tuple[int, int]:
    return value if isinstance(value, tuple) else (value, value)


def _out_size(size: int, taps: int, stride: int, padding: int, dilation: int) -> int:
    return (size + 2 * padding - dilation * (taps - 1) - 1) // stride + 1
