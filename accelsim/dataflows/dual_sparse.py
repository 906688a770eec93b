"""Dual-sparse join of packed spikes and sparse weights, all time steps of a neuron at once (LoAS).

LoAS (Yin, Kim, Wu, Panda, MICRO 2024, arXiv 2407.14073): `columns` processing elements, an output channel of the same
pixel each. Of the window's inputs a bit mask says which fired in any of up to `parallel_steps` time steps, of the
weights of an output channel another which are not zero. An element joins them chunk by chunk, `chunk` inputs in the
order kernel row, kernel column, channel (padding: inputs that are silent). An input that was silent in all steps, or
whose weight is zero, costs nothing (`test_dual_sparse.a_neuron_that_is_silent_in_all_steps_costs_nothing`).

With m matches in a chunk:

| stage | cycles | what happens |
|---|---|---|
| join | max(`chunk_cycles`, m) | AND; the fast prefix sum finds a weight a cycle, added as if all steps had fired |
| laggard | `laggard_cycles`, if m > 0 | the slow prefix sum finds where the chunk's packed spikes lie |
| correction | m | a packed word a cycle is read, and the weight taken off where a step is silent |

The join of a chunk begins when that of the chunk before has ended and the chunk before that is corrected: matches of
two chunks are held. Its laggard begins with it, or when the laggard is free; its correction follows its laggard and the
corrections before it, and ends not before its join
(`test_dual_sparse.laggard_and_corrections_overlap_with_the_next_chunk`). The spikes of a window go to all elements, so
that these begin a pixel together, when the slowest has joined the pixel before; corrections may lag into the next
pixel (`test_dual_sparse.corrections_lag_into_the_next_pixel`). A pixel's sums leave when its last
correction has ended. Words of more than `parallel_steps` steps are joined slice by slice.

With dense weights and neither `laggard_cycles` nor `chunk_cycles`, a layer takes its nonzero words under all windows
times ceil(output channels / `columns`) (`test_dual_sparse.dense_weights_without_latency_take_the_nonzero_words`).

Architecture: the elements, chunks of 128, one match a cycle, a laggard of 8 cycles that overlaps with the next chunk,
corrections afterwards. Estimates: that an empty chunk takes a cycle, that the laggard takes one chunk at a time, one
correction a cycle, room for two chunks, and that elements wait for each other at each pixel.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from pydantic import Field

from accelsim.config import Count, Cycles
from accelsim.dataflows import task as k
from accelsim.dataflows._planes import drawn_words, no_spikes
from accelsim.dataflows._windows import reaches, rows_needed, unrolled
from accelsim.dataflows.dataflow import Dataflow, ScheduledSettings, Skip, SpikeMode
from accelsim.dataflows.task import Mask, Schedule, Task, Words, empty_schedule
from accelsim.jit import kernel, popcount

TOGETHER = "all time steps of a neuron are added up at once"
JOINED = "the join finds the words that are not silent"
MODES: dict[tuple[SpikeMode, Skip], str] = {
    ("packed", "nothing"): JOINED,
    ("packed", "silent_words"): "",
    ("packed", "zero_bits"): "a silent step of a word that fired is added and taken off again",
    ("bit_serial", "nothing"): TOGETHER,
    ("bit_serial", "silent_words"): TOGETHER,
    ("bit_serial", "zero_bits"): TOGETHER,
    ("time_serial", "nothing"): TOGETHER,
    ("time_serial", "silent_words"): TOGETHER,
    ("time_serial", "zero_bits"): TOGETHER,
}

WORDS_DRAWN = 4096
"""For an estimate."""

LINE_SHIFT = 6
LINE_BITS = 1 << LINE_SHIFT
"""Bits of a word that a mask is kept in."""


class DualSparseSettings(ScheduledSettings):
    """Processing elements that join packed spikes and weights."""

    dataflow: Literal["dual_sparse"]
    spike_mode: SpikeMode = Field("packed", description="packed: all time steps of a neuron at once")
    skip: Skip = Field("silent_words", description="silent_words: neurons that are silent in all time steps")
    columns: Count = Field(le=1024, description="processing elements: output channels side by side")
    parallel_steps: Count = Field(4, le=16, description="time steps of a neuron that are added up at once")
    chunk: Count = Field(128, le=4096, description="inputs that are joined at once")
    chunk_cycles: Cycles = Field(1, le=4096, description="that the join of a chunk takes at least")
    laggard_cycles: Cycles = Field(8, le=4096, description="of the slow prefix sum, for a chunk")

    @property
    def pe_shape(self) -> tuple[int, int]:
        # Each element adds a weight for all steps, while an adder for each step takes it off where the step is silent.
        return (1 + self.parallel_steps, self.columns)

    @property
    def line_bits(self) -> int:
        return self.chunk


@kernel
def mask_lines(mask: Mask, chunk: int) -> Any:
    """The columns of a mask chunk by chunk, int64 [outs, chunks, words of LINE_BITS bits]."""
    rows, outs = mask.shape
    lines = np.zeros((outs, -(-rows // chunk), -(-chunk // LINE_BITS)), np.int64)
    for row in range(rows):
        index = row // chunk
        place = row % chunk
        for out in range(outs):
            lines[out, index, place >> LINE_SHIFT] |= np.int64(mask[row, out]) << (place & (LINE_BITS - 1))
    return lines


@kernel
def join_windows(
    task: Task, words: Words, mask: Mask, steps: int, chunk: int, chunk_cycles: int, laggard_cycles: int
) -> Any:
    """When the sums of each pixel leave, int64 [pixels]; matches, and silent steps of matched words, of all outputs."""
    weights = mask_lines(mask, chunk)
    outs, chunks, parts = weights.shape
    in_row = np.zeros(mask.shape[0], np.int64)
    for row in range(mask.shape[0]):
        for out in range(outs):
            in_row[row] += mask[row, out]
    channels = task.last_channel - task.first_channel
    pixels = (task.last_row - task.first_row) * task.out_columns
    ends = np.zeros(pixels, np.int64)
    spikes = np.zeros((chunks, parts), np.int64)
    joined = np.zeros(outs, np.int64)
    laggard = np.zeros(outs, np.int64)
    corrected = np.zeros(outs, np.int64)
    before = np.zeros(outs, np.int64)
    end = 0
    matches = 0
    silent = 0
    for pixel in range(pixels):
        top = (task.first_row + pixel // task.out_columns) * task.stride_rows - task.padding_rows
        left = pixel % task.out_columns * task.stride_columns - task.padding_columns
        joined[:] = joined.max()
        for first in range(0, task.planes, steps):
            width = min(steps, task.planes - first)
            keep = (1 << width) - 1
            spikes[:] = 0
            for position in range(task.kernel_rows * task.kernel_columns):
                y = top + position // task.kernel_columns * task.dilation_rows
                x = left + position % task.kernel_columns * task.dilation_columns
                if not (0 <= y < task.height and 0 <= x < task.width):
                    continue
                row = position * channels
                index = row // chunk
                place = row - index * chunk
                for channel in range(task.first_channel, task.last_channel):
                    word = (words[y, x, channel] >> first) & keep
                    if word != 0:
                        spikes[index, place >> LINE_SHIFT] |= np.int64(1) << (place & (LINE_BITS - 1))
                        matches += in_row[row]
                        silent += in_row[row] * (width - popcount(word))
                    row += 1
                    place += 1
                    if place == chunk:
                        place = 0
                        index += 1
            for out in range(outs):
                now = joined[out]
                for index in range(chunks):
                    count = 0
                    for part in range(parts):
                        count += popcount(spikes[index, part] & weights[out, index, part])
                    if count == 0:
                        now += chunk_cycles
                        continue
                    start = max(now, before[out])
                    now = start + max(chunk_cycles, count)
                    laggard[out] = max(start, laggard[out]) + laggard_cycles
                    before[out] = corrected[out]
                    corrected[out] = max(max(laggard[out], corrected[out]) + count, now)
                joined[out] = now
        for out in range(outs):
            end = max(end, joined[out], corrected[out])
        ends[pixel] = end
    return ends, matches, silent


class DualSparse(Dataflow):
    """Matches of packed spikes and weights, one a cycle."""

    settings_class = DualSparseSettings
    compared_with = "nonzero words of recorded spikes; latencies of the join are estimates"
    modes = MODES
    needs_weights = True

    def refuses(self, settings: DualSparseSettings, task: Task) -> str:
        return no_spikes(task)

    def schedule(self, settings: DualSparseSettings, task: Task, words: Words, mask: Mask) -> Schedule:
        dense = mask.size == 0
        ends, matches, silent = join_windows(
            task,
            words,
            np.ones((task.inputs, 1), np.bool_) if dense else mask,
            settings.parallel_steps,
            settings.chunk,
            settings.chunk_cycles,
            settings.laggard_cycles,
        )
        share = task.reach if dense else 1
        schedule = empty_schedule(task.pixels)
        schedule.steps[:, k.CYCLES] = np.diff(ends, prepend=0)
        schedule.steps[:, k.PIXELS] = 1
        schedule.steps[:, k.ROW] = rows_needed(task)
        slices = -(-task.planes // settings.parallel_steps)
        counts = schedule.counts
        counts[[k.WORDS, k.WEIGHT_READS]] = share * matches
        counts[[k.MACS, k.SUMS]] = share * (matches + silent)
        counts[k.LINES] = slices * task.pixels * -(-task.inputs // settings.chunk)
        counts[k.LINE_WORDS] = slices * int(reaches(task).sum()) * (task.last_channel - task.first_channel)
        return schedule

    def twin(self, settings: DualSparseSettings, task: Task, words: Words, mask: Mask) -> Schedule:
        return _walk(settings, task, words, mask)

    def estimate(self, settings: DualSparseSettings, task: Task, word_density: float, bit_density: float) -> float:
        """As if no weight were zero: join and correction, or the laggard, whichever takes longer."""
        chunks = -(-task.inputs // settings.chunk)
        inside = int(reaches(task).sum()) * (task.last_channel - task.first_channel) / task.pixels
        words = drawn_words(WORDS_DRAWN, task.planes, round(word_density, 3), round(bit_density, 3))
        cycles = 0.0
        for first in range(0, task.planes, settings.parallel_steps):
            # The share of words that are not silent in this slice; all of them where there is but one.
            part = words >> first & (1 << settings.parallel_steps) - 1
            share = int(np.count_nonzero(part)) / max(1, int(np.count_nonzero(words)))
            count = inside / chunks * word_density * share
            laggard = settings.laggard_cycles if count > 0 else 0
            cycles += task.pixels * chunks * max(count, laggard, settings.chunk_cycles)
        return cycles + (settings.laggard_cycles if word_density > 0 else 0)


class _Element:
    """A processing element: when its stages are free."""

    def __init__(self) -> None:
        self.joined = 0
        self.laggard = 0
        self.corrected = [0, 0]

    def join(self, settings: DualSparseSettings, matches: int) -> None:
        if matches == 0:
            self.joined += settings.chunk_cycles
            return
        start = max(self.joined, self.corrected[-2])
        self.joined = start + max(matches, settings.chunk_cycles)
        self.laggard = max(self.laggard, start) + settings.laggard_cycles
        self.corrected.append(max(max(self.laggard, self.corrected[-1]) + matches, self.joined))


def _walk(settings: DualSparseSettings, task: Task, words: Words, mask: Mask) -> Schedule:
    """As `schedule`, chunk after chunk."""
    dense = mask.size == 0
    weights = np.ones((task.inputs, 1), np.bool_) if dense else mask
    share = task.reach if dense else 1
    elements = [_Element() for _ in weights.T]
    found = empty_schedule(task.pixels)
    counts = found.counts
    end = 0
    inside = unrolled(task, np.ones_like(words)).reshape(task.pixels, -1).sum(axis=1)
    for pixel, window in enumerate(unrolled(task, words).reshape(task.pixels, -1)):
        begin = max(element.joined for element in elements)
        for element in elements:
            element.joined = begin
        for first in range(0, task.planes, settings.parallel_steps):
            steps = min(settings.parallel_steps, task.planes - first)
            part = (window >> first) % (1 << steps)
            counts[k.LINE_WORDS] += inside[pixel]
            counts[k.LINES] += -(-len(part) // settings.chunk)
            for start in range(0, len(part), settings.chunk):
                chunk = part[start : start + settings.chunk]
                for element, column in zip(elements, weights.T, strict=True):
                    matched = [int(word) for word in chunk[column[start : start + settings.chunk]] if word]
                    element.join(settings, len(matched))
                    counts[[k.WORDS, k.WEIGHT_READS]] += share * len(matched)
                    counts[[k.MACS, k.SUMS]] += share * sum(1 + steps - word.bit_count() for word in matched)
        before, end = end, max(end, *(max(element.joined, element.corrected[-1]) for element in elements))
        row = task.first_row + pixel // task.out_columns
        row = row * task.stride_rows - task.padding_rows + (task.kernel_rows - 1) * task.dilation_rows
        found.steps[pixel, [k.CYCLES, k.PIXELS, k.ROW]] = end - before, 1, sorted((0, row, task.height - 1))[1]
    return found


DATAFLOW = DualSparse()
