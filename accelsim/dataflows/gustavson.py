"""Row by row products in the manner of Gustavson: an input's spikes along a row of pixels meet its weight (GustavSNN).

The output map is cut into blocks of `block_rows` x `block_columns` pixels; bit plane after bit plane (a time step each
of binary spikes), a block is worked off. Each of `rows` processing elements has one output row of the block: for each
input (kernel row, kernel column, channel) that spikes under any window of that row it fetches the weight once, and its
merger adds it to the sums of the pixels where it spikes, one a cycle. An element therefore takes

    the ones under the windows of its row of the block, in that bit plane,

and an input that is silent in the whole row costs nothing
(`test_gustavson.a_row_takes_its_ones_and_fetches_the_weights_of_its_inputs_once`). Rows run in waves of `rows`; a wave
takes as long as its slowest row (`test_gustavson.a_wave_takes_as_long_as_its_slowest_row`). A layer takes the sum over
waves, bit planes and blocks, times ceil(output channels / `columns`): `columns` such groups of elements have an output
channel each. Where a block's last column ends a stripe of blocks, the sums of the stripe's pixels leave.

Source: the organisation (8 x 8 pixels, 8 elements, 8 output channels) is that of the tile model of GustavSNN in the
public neuro_cache models. That model charges one cycle for each input, however many pixels it spikes in; its own notes
have the merger emit one a cycle, and this is what is built here. Waves that wait for their slowest row are part of that
model; that output channels are groups of `columns` is ours, as it has no rule for more channels than tiles.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import Any, Literal

import numpy as np
from pydantic import Field

from accelsim.config import Count
from accelsim.dataflows import task as k
from accelsim.dataflows._planes import event_modes, no_spikes
from accelsim.dataflows._windows import reaches, rows_needed, unrolled, window_sums
from accelsim.dataflows.dataflow import Dataflow, ScheduledSettings, Skip, SpikeMode
from accelsim.dataflows.task import Mask, Schedule, Task, Words, empty_schedule
from accelsim.jit import kernel, popcount


class GustavsonSettings(ScheduledSettings):
    """Processing elements that have an output row each."""

    dataflow: Literal["gustavson"]
    spike_mode: SpikeMode = Field("time_serial", description="time_serial or bit_serial: plane after plane")
    skip: Skip = Field("zero_bits", description="zero_bits: a line holds spikes alone")
    rows: Count = Field(le=1024, description="processing elements: output rows at once")
    columns: Count = Field(le=1024, description="output channels at once, each with elements of its own")
    block_rows: Count = Field(8, le=4096, description="output rows of a block")
    block_columns: Count = Field(8, le=4096, description="output columns of a block")

    @property
    def pe_shape(self) -> tuple[int, int]:
        return (self.rows, self.columns)

    @property
    def line_bits(self) -> int:
        return self.block_columns


@kernel
def ones_at(task: Task, words: Words, plane: int) -> Any:
    """At each place of the map, int64 [height, width]: ones of a bit plane of the channels read."""
    counts = np.zeros((task.height, task.width), np.int64)
    for row in range(task.height):
        for column in range(task.width):
            count = 0
            for channel in range(task.first_channel, task.last_channel):
                count += (words[row, column, channel] >> plane) & 1
            counts[row, column] = count
    return counts


@kernel
def work_blocks(task: Task, words: Words, elements: int, block_rows: int, block_columns: int) -> Any:
    """Cycles of each block, int64 [stripes, blocks of a stripe], and ones under all windows."""
    rows = task.last_row - task.first_row
    cycles = np.zeros((-(-rows // block_rows), -(-task.out_columns // block_columns)), np.int64)
    events = 0
    for plane in range(task.planes):
        ones = window_sums(ones_at(task, words, plane), task)
        for stripe in range(cycles.shape[0]):
            last = min((stripe + 1) * block_rows, rows)
            for block in range(cycles.shape[1]):
                left = block * block_columns
                right = min(left + block_columns, task.out_columns)
                for first in range(stripe * block_rows, last, elements):
                    slowest = 0
                    for row in range(first, min(first + elements, last)):
                        count = 0
                        for column in range(left, right):
                            count += ones[row * task.out_columns + column]
                        slowest = max(slowest, count)
                        events += count
                    cycles[stripe, block] += slowest
    return cycles, events


@kernel
def count_lines(task: Task, words: Words, block_columns: int) -> Any:
    """Inputs that spike under any window of a row of a block: their number over all rows, blocks and bit planes."""
    lines = 0
    either = np.zeros(task.last_channel - task.first_channel, np.int64)
    for out_row in range(task.first_row, task.last_row):
        for left in range(0, task.out_columns, block_columns):
            for position in range(task.kernel_rows * task.kernel_columns):
                row = out_row * task.stride_rows - task.padding_rows
                row += position // task.kernel_columns * task.dilation_rows
                if not 0 <= row < task.height:
                    continue
                either[:] = 0
                for out_column in range(left, min(left + block_columns, task.out_columns)):
                    column = out_column * task.stride_columns - task.padding_columns
                    column += position % task.kernel_columns * task.dilation_columns
                    if 0 <= column < task.width:
                        for channel in range(len(either)):
                            either[channel] |= words[row, column, task.first_channel + channel]
                for channel in range(len(either)):
                    lines += popcount(either[channel])
    return lines


class Gustavson(Dataflow):
    """An output row each, one addition a cycle."""

    settings_class = GustavsonSettings
    compared_with = "a public tile model, corrected as its notes ask"
    modes = event_modes(
        "the merger adds the spikes of one time step",
        "a line holds spikes alone",
    )

    def refuses(self, settings: GustavsonSettings, task: Task) -> str:
        return no_spikes(task)

    def schedule(self, settings: GustavsonSettings, task: Task, words: Words, mask: Mask) -> Schedule:
        cycles, events = work_blocks(task, words, settings.rows, settings.block_rows, settings.block_columns)
        lines = count_lines(task, words, settings.block_columns)
        stripes, blocks = cycles.shape
        found = empty_schedule(stripes * blocks)
        found.steps[:, k.CYCLES] = cycles.ravel()
        last = np.minimum(np.arange(1, stripes + 1) * settings.block_rows, task.last_row - task.first_row)
        found.steps[:, k.ROW] = np.repeat(rows_needed(task)[last * task.out_columns - 1], blocks)
        found.steps[blocks - 1 :: blocks, k.PIXELS] = np.diff(last, prepend=0) * task.out_columns
        counts = found.counts
        counts[k.WORDS] = events
        counts[[k.MACS, k.SUMS]] = events * task.reach
        counts[[k.LINES, k.LINE_WORDS]] = lines
        counts[k.WEIGHT_READS] = lines * task.reach
        return found

    def twin(self, settings: GustavsonSettings, task: Task, words: Words, mask: Mask) -> Schedule:
        return _walk(settings, task, words)

    def estimate(self, settings: GustavsonSettings, task: Task, word_density: float, bit_density: float) -> float:
        """As if ones fell independently: a wave takes the mean of a row and what the largest of some normals adds."""
        inside = int(reaches(task).sum()) * (task.last_channel - task.first_channel)
        rows = task.last_row - task.first_row
        blocks = -(-task.out_columns // settings.block_columns)
        bits = inside / rows / blocks
        total = 0.0
        for first in range(0, rows, settings.block_rows):
            block = min(settings.block_rows, rows - first)
            for wave in range(0, block, settings.rows):
                width = min(settings.rows, block - wave)
                excess = NormalDist().inv_cdf((width - 0.375) / (width + 0.25)) if width > 1 else 0.0
                total += bits * bit_density + excess * (bits * bit_density * (1 - bit_density)) ** 0.5
        return total * blocks * task.planes


def _walk(settings: GustavsonSettings, task: Task, words: Words) -> Schedule:
    """As `schedule`, input after input."""
    rows = task.last_row - task.first_row
    windows = unrolled(task, words).reshape(rows, task.out_columns, -1)
    steps = []
    counts = np.zeros(k.COUNTS, np.int64)
    for top in range(0, rows, settings.block_rows):
        stripe = windows[top : top + settings.block_rows]
        bottom = (task.first_row + top + len(stripe) - 1) * task.stride_rows - task.padding_rows
        row = sorted((0, bottom + (task.kernel_rows - 1) * task.dilation_rows, task.height - 1))[1]
        for left in range(0, task.out_columns, settings.block_columns):
            block = stripe[:, left : left + settings.block_columns]
            cycles = 0
            for plane in range(task.planes):
                spikes = (block >> plane) & 1
                for first in range(0, len(block), settings.rows):
                    cycles += max(int(element.sum()) for element in spikes[first : first + settings.rows])
                lines = sum(int(line.any()) for element in spikes for line in element.T)
                counts[k.WORDS] += spikes.sum()
                counts[[k.MACS, k.SUMS]] += task.reach * int(spikes.sum())
                counts[[k.LINES, k.LINE_WORDS]] += lines
                counts[k.WEIGHT_READS] += task.reach * lines
            ends = left + settings.block_columns >= task.out_columns
            steps.append((cycles, 1, len(stripe) * task.out_columns if ends else 0, k.BUSY, row, -1, 0))
    return Schedule(np.array(steps, np.int64), counts)


DATAFLOW = Gustavson()
