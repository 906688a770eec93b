"""Layers on FireFly v1 and v2 by the rules read from their public RTL, to hold the dataflow `unrolled` to."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from dataflow_cases import layer_task
from step_player import Memory, Played, play, rate

from accelsim.dataflows import NO_MASK, Schedule, Task
from accelsim.dataflows.task import Words
from accelsim.dataflows.unrolled import DATAFLOW, Parallel, UnrolledSettings

ANY_WORDS: Words = np.zeros((1, 1, 1), np.int32)
"""Cycles do not depend on them."""


def firefly_v1(channels: int) -> UnrolledSettings:
    """FireFly v1 with P = `channels`."""
    return UnrolledSettings(
        spike_mode="bit_serial",
        stationary="weights",
        parallel=Parallel(output_channels=channels, input_channels=channels, kernel=9),
        weight_reload_cycles=channels + 1,
        flush_lines=1,
        first_window_cycles=2,
        linear_multiple=288,
        parameter_bits=16,
        stream_input=True,
        pipeline_cycles={16: 23, 32: 25}.get(channels, 20),
    )


def firefly_v2() -> UnrolledSettings:
    """FireFly v2 with (M, V, N, t) = (16, 16, 8, 4)."""
    return UnrolledSettings(
        spike_mode="bit_serial",
        stationary="outputs",
        parallel=Parallel(output_channels=16, input_channels=16, pixels=8, time=4),
        native_step_bits=4,
        least_tile_cycles=8,
        parameter_bits=32,
        pipeline_cycles=36,
    )


def tasks_of(array: UnrolledSettings, layer: Task) -> list[Task]:
    """A whole layer, cut by output channels as a mapping cuts it."""
    width = DATAFLOW.outputs(array)
    return [
        layer._replace(first_out=first, outs=min(width, layer.outs - first), reach=min(width, layer.outs - first))
        for first in range(0, layer.outs, width)
    ]


def schedules_of(array: UnrolledSettings, layer: Task) -> list[Schedule]:
    return [DATAFLOW.schedule(array, task, ANY_WORDS, NO_MASK) for task in tasks_of(array, layer)]


def loaded_bytes(array: UnrolledSettings, task: Task) -> int:
    """Bytes that a task loads: parameters, weights, and zeros where channels are padded."""
    weights = -(-task.inputs * task.reach * task.weight_bits // 8)
    parameters = DATAFLOW.parameter_bytes(array, task.layer_outs, task.first_out, task.outs)
    return parameters + weights + DATAFLOW.padding_bytes(array, task)


def run(array: UnrolledSettings, layer: Task, memory: Memory | None = None) -> Played:
    """A layer's tasks one after another."""
    loaded = [loaded_bytes(array, task) for task in tasks_of(array, layer)]
    return play(schedules_of(array, layer), loaded, memory)


def convolution(size: tuple[int, int] | int, channels: int, outs: int, timesteps: int = 4) -> Task:
    """A 3 x 3 convolution at stride 1 that keeps the size of the map."""
    height, width = (size, size) if isinstance(size, int) else size
    return layer_task(height, width, channels, outs, kernel=3, padding=1, planes=timesteps)


def memory_v1(channels: int) -> Memory:
    """A weight port of P/2 bytes a cycle, 2 cycles from the last weight of a matrix to its first window."""
    return Memory(weights=rate(channels // 2, 2), stream_rate=Fraction(4))


def memory_v2(layer: Task, bytes_per_cycle: int = 16) -> Memory:
    """2 cycles from the last byte of an entry to the beat that takes it.

    The map is pushed from cycle 0 on, 16 channels of 4 planes of a pixel a cycle with the zeros around it, and columns
    to fill the last tile; 12 cycles later it can be read.
    """
    columns = -(-layer.out_columns // 8) * 8 + 2 * layer.padding_columns
    vectors = columns * -(-layer.channels // 16) * -(-layer.planes // 4)
    return Memory(
        weights=rate(bytes_per_cycle, 2),
        row=lambda row: vectors * (row + layer.padding_rows + 1) + 12 if row < layer.height else 0,
    )


def resident_v1(layer: Task, channels: int) -> int:
    """V1-A: cycles until the last window when weights are at hand."""
    windows, width = layer.pixels, layer.out_columns
    matrices, groups = -(-layer.channels // channels), -(-layer.outs // channels)
    turns = groups * layer.planes
    first, others = max(channels + 1, width + 2), max(channels + 1, width)
    return first + turns * (matrices * windows + (matrices - 1) * (channels + 1)) + (turns - 1) * others


def cold_v1(layer: Task, channels: int) -> int:
    """V1-B: cycles until the last window from a cold start, while weights come faster than they are used up."""
    windows, width = layer.pixels, layer.out_columns
    matrices, groups = -(-layer.channels // channels), -(-layer.outs // channels)
    turns = groups * layer.planes
    bias = 4 * groups
    steady = turns * (matrices * windows + (matrices - 1) * (channels + 1)) + (turns - 1) * max(channels + 1, width)
    return bias + 18 * channels + 2 + steady + (matrices - 1) * max(0, 18 * channels - windows - channels - 1)


def cold_v2(layer: Task, bytes_per_cycle: int) -> int:
    """V2-A: cycles until the last beat from a cold start; the larger of both rates in each group of outputs."""
    entries = max(8, layer.kernel_rows * layer.kernel_columns * -(-layer.channels // 16))
    groups = -(-layer.outs // 16)
    tiles = layer.last_row * -(-layer.out_columns // 8) * -(-layer.planes // 4)
    arrival, compute = entries * 256 // bytes_per_cycle, tiles * entries
    bias = 64 * groups // bytes_per_cycle
    return bias + arrival + 3 + (groups - 1) * max(arrival, compute) + compute - entries
