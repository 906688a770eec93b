"""The steps of spatially unrolled arrays: compiled loops over tasks. `unrolled` tells the rules."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from accelsim.dataflows import task as k
from accelsim.dataflows._windows import last_input_row
from accelsim.dataflows.task import Task
from accelsim.jit import kernel
from accelsim.kernels import steps as p


class Machine(NamedTuple):
    """The array as a kernel sees it, for the words and weights of one layer; all whole numbers."""

    outs: int
    ins: int
    taps: int
    pixels: int
    lanes: int
    time: int
    """Operands of a word at once."""
    operands: int
    """Operands of a word: itself, its time steps or its bits."""
    passes: int
    """Times that they are gone through."""
    reload: int
    flush_lines: int
    first: int
    least: int
    linear: int
    streamed_bits: int
    """Bits that are streamed for an input channel of a window; 0: the map is in the spike buffer."""
    entry_bytes: int
    """Weights that the array takes in one cycle or as one matrix."""
    parameters: int
    """Bytes loaded before the weights of the task."""


@kernel
def push(steps: NDArray[np.int64], count: int, step: tuple[int, ...]) -> int:
    """Append a step, or repeat the one before when it is the same. Returns the number of steps."""
    cycles, repeat, pixels, kind, row, weights, stream = step
    if repeat == 0 or (cycles == 0 and pixels == 0):
        return count
    if count > 0:
        last = steps[count - 1]
        if (
            last[p.CYCLES] == cycles
            and last[p.PIXELS] == pixels
            and last[p.KIND] == kind
            and last[p.ROW] == row
            and last[p.WEIGHTS] == weights
            and last[p.STREAM] == stream
        ):
            last[p.REPEAT] += repeat
            return count
    found = steps[count]
    found[p.CYCLES] = cycles
    found[p.REPEAT] = repeat
    found[p.PIXELS] = pixels
    found[p.KIND] = kind
    found[p.ROW] = row
    found[p.WEIGHTS] = weights
    found[p.STREAM] = stream
    return count + 1


@kernel
def burst_of(beats: int, gap: int, stream: int) -> int:
    """Windows whose spikes are asked for at once, so that all can come in the gap before the first.

    A power of two up to 16 that divides them, since a player of steps is busy with each; all where nothing is streamed.
    """
    burst = 16
    while burst > 1 and (beats % burst != 0 or burst > gap):
        burst //= 2
    return burst if stream > 0 else beats


@kernel
def stationary_weights(task: Task, machine: Machine) -> Any:
    """Steps and counts of a task whose weight matrices stay while the windows of the map pass."""
    pixels = (task.last_row - task.first_row) * task.out_columns
    taps = task.kernel_rows * task.kernel_columns
    read = task.last_channel - task.first_channel
    groups = -(-task.outs // machine.outs)
    if pixels == 1 and task.padding_rows + task.padding_columns == 0:
        inputs = -(-taps * read // machine.linear) * machine.linear
        matrices = -(-inputs // (machine.taps * machine.ins))
        rows = 1
        columns = 1
        gap = max(machine.reload, machine.taps - 1)
        line = 0
        first_line = 0
        stream = -(-machine.taps * machine.ins * machine.streamed_bits // 8)
    else:
        matrices = -(-taps // machine.taps) * -(-read // machine.ins)
        columns = max(task.width, (task.out_columns - 1) * task.stride_columns + 1)
        rows = max(task.height, (task.last_row - 1) * task.stride_rows + 1)
        gap = machine.reload
        line = machine.flush_lines * columns
        first_line = line + machine.first
        stream = -(-machine.ins * machine.pixels * machine.streamed_bits // 8)
    row = -1 if machine.streamed_bits > 0 else task.height - 1
    beats = rows * -(-columns // machine.pixels)
    burst = burst_of(beats, gap, stream)
    chunks = -(-pixels // machine.pixels)
    apart = machine.passes * beats // chunks
    before = machine.passes * beats - chunks * apart
    steps = np.zeros((groups * machine.passes * (2 * matrices + 6), p.STEP_COLUMNS), np.int64)
    count = 0
    for group in range(groups):
        for turn in range(machine.passes):
            for matrix in range(matrices):
                dead = gap
                if matrix == 0:
                    dead = max(gap, first_line if task.first_out + group + turn == 0 else line)
                count = push(steps, count, (dead, 1, 0, p.FILL_DRAIN, -1, 0, 0))
                needed = machine.parameters + (group * matrices + matrix + 1) * machine.entry_bytes
                if group < groups - 1 or matrix < matrices - 1:
                    count = push(steps, count, (burst, beats // burst, 0, p.BUSY, row, needed, burst * stream))
                    continue
                # Pixels leave `apart` windows from each other. The spikes of a repetition are asked for as the one
                # before begins: where that one is shorter, it brings along what would come too late.
                place = turn * beats
                end = place + beats
                ahead = 0
                while place < end:
                    whole = place + apart - (place - before) % apart
                    taken = min(whole, end) - place
                    asked = taken - ahead
                    ahead = 0
                    if taken < apart and whole < end:
                        ahead = min(apart, end - place) - taken
                    place += taken
                    finished = 0
                    if place == whole and place > before:
                        finished = min(machine.pixels, pixels - ((place - before) // apart - 1) * machine.pixels)
                    count = push(steps, count, (taken, 1, finished, p.BUSY, row, needed, (asked + ahead) * stream))
    counts = np.zeros(k.COUNTS, np.int64)
    taken = groups * machine.passes * matrices * beats
    sums = machine.operands * rows * columns * task.outs
    counts[k.WORDS] = taken
    counts[k.MACS] = sums * taps * read
    counts[k.SUMS] = sums * matrices
    counts[k.LINES] = taken
    counts[k.LINE_WORDS] = taken * machine.ins * machine.pixels
    counts[k.WEIGHT_READS] = machine.passes * taps * read * task.outs
    counts[k.ACCUMULATOR_READS] = sums * matrices - rows * columns * task.outs * min(machine.time, machine.operands)
    counts[k.ACCUMULATOR_WRITES] = sums * matrices
    return steps[:count].copy(), counts


@kernel
def stationary_outputs(task: Task, machine: Machine) -> Any:
    """Steps and counts of a task whose sums stay in the array, tile of pixels after tile."""
    rows = task.last_row - task.first_row
    taps = task.kernel_rows * task.kernel_columns
    read = task.last_channel - task.first_channel
    groups = -(-task.outs // machine.outs)
    entries = max(-(-taps // machine.taps) * -(-read // machine.ins), machine.least)
    tiles = -(-task.out_columns // machine.pixels)
    steps = np.zeros((1 + groups * (entries + 1 + 2 * rows), p.STEP_COLUMNS), np.int64)
    count = 0
    if task.first_out == 0:
        count = push(steps, count, (machine.first, 1, 0, p.FILL_DRAIN, -1, 0, 0))
    for group in range(groups):
        loaded = machine.parameters + group * entries * machine.entry_bytes
        for out_row in range(task.first_row, task.last_row):
            row = min(last_input_row(task, out_row) + task.stride_rows - 1, task.height - 1)
            for tile in range(tiles):
                finished = 0
                if group == groups - 1:
                    finished = min(machine.pixels, task.out_columns - tile * machine.pixels)
                left = machine.passes * entries
                if out_row == task.first_row and tile == 0:
                    for _ in range(entries):
                        left -= 1
                        loaded += machine.entry_bytes
                        leaves = finished if left == 0 else 0
                        count = push(steps, count, (1, 1, leaves, p.BUSY, row, loaded, 0))
                if left > 0:
                    count = push(steps, count, (left, 1, finished, p.BUSY, row, loaded, 0))
    counts = np.zeros(k.COUNTS, np.int64)
    beats = groups * rows * tiles * machine.passes * entries
    counts[k.WORDS] = beats
    counts[k.MACS] = rows * task.out_columns * machine.operands * taps * read * task.outs
    counts[k.SUMS] = rows * task.out_columns * machine.operands * entries * task.outs
    counts[k.LINES] = beats
    counts[k.LINE_WORDS] = beats * machine.ins * machine.pixels
    counts[k.WEIGHT_READS] = rows * tiles * machine.passes * taps * read * task.outs
    return steps[:count].copy(), counts


@kernel
def coalesced(task: Task, machine: Machine) -> Any:
    """Steps and counts of a task whose pixels, planes and inputs are one loop over all lanes."""
    rows = task.last_row - task.first_row
    inputs = task.kernel_rows * task.kernel_columns * (task.last_channel - task.first_channel)
    groups = -(-task.outs // machine.outs)
    steps = np.zeros((1 + groups * rows, p.STEP_COLUMNS), np.int64)
    count = 0
    if task.first_out == 0:
        count = push(steps, count, (machine.first, 1, 0, p.FILL_DRAIN, -1, 0, 0))
    of_row = task.out_columns * machine.passes * inputs
    total = -(-rows * of_row // machine.lanes)
    for group in range(groups):
        finished = task.out_columns if group == groups - 1 else 0
        for row in range(rows):
            cycles = -(-(row + 1) * of_row // machine.lanes) - -(-row * of_row // machine.lanes)
            needed = last_input_row(task, task.first_row + row)
            count = push(steps, count, (cycles, 1, finished, p.BUSY, needed, -1, 0))
    counts = np.zeros(k.COUNTS, np.int64)
    counts[k.WORDS] = groups * rows * of_row
    counts[k.MACS] = rows * of_row * task.outs
    counts[k.SUMS] = rows * of_row * task.outs
    counts[k.LINES] = groups * total
    counts[k.LINE_WORDS] = groups * rows * of_row
    counts[k.WEIGHT_READS] = rows * inputs * task.outs
    return steps[:count].copy(), counts
