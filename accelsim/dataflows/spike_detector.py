"""Spike detector: the first operands of a group that count go on each cycle (FireFly-S, FireFly-T, SpikePack's FPGA).

Words are read in groups: `group` channels of one kernel position, in the order kernel row, kernel column, channel; the
last group of a position may be smaller. A detector holds one group and passes its first `per_cycle` operands that count
each cycle, with their weights of up to `columns` output channels. A group of which n operands count takes

    max(1, ceil(n / per_cycle)) cycles,

so that a silent group takes the cycle in which it is seen
(`test_spike_detector.a_word_takes_its_ones_by_the_first_m_of_them`). `detectors` groups of a kernel position lie side
by side; the slowest of them counts, as nothing is queued between them
(`test_spike_detector.the_slowest_of_detectors_side_by_side_counts`). A pixel and group of output channels takes the sum
over its window; the layer the sum over pixels and groups of output channels.

What counts, and how often a group is read:

| `skip` | operands that count | groups are read |
|---|---|---|
| `nothing` | all of the group | once a slice |
| `silent_words` | words with any spike, which pass in every slice | once a slice |
| `zero_bits` | ones of a bit plane | once a bit plane |

Slices: `packed` words are cut into ceil(planes / `lane_bits`), `time_serial` ones into ceil(step bits / `lane_bits`) a
time step, `bit_serial` ones into bit planes. Kernel positions outside the map are groups of zeros as well (`padding:
scanned`), or left out (`skipped`; `test_spike_detector.padding_is_a_group_of_zeros_or_left_out`).

With `weight_mask: true` an operand counts for an output channel only where its weight is not zero: the detector of that
channel works on spikes AND mask. The group of spikes goes to all `columns` at once, so it takes as long as the output
channel with the most matches among them (`test_spike_detector.an_operand_counts_where_its_weight_is_not_zero`).

Sources: the first M ones of a word each cycle is the decoder of FireFly-T (Li et al., arXiv 2505.12771); spikes AND
mask, one match a cycle, that of FireFly-S (Li et al., arXiv 2408.15578); the detector of 16 inputs SpikePack's FPGA
engine (Shen et al., arXiv 2501.14484). Estimates: that output channels of a group keep step at each word, that padding
is scanned (as line buffers do that insert it), and `detectors` side by side.
"""

from __future__ import annotations

from functools import lru_cache
from math import comb
from typing import Any, Literal

import numpy as np
from pydantic import Field, model_validator

from accelsim.config import Count, broken
from accelsim.dataflows import task as k
from accelsim.dataflows._planes import no_spikes
from accelsim.dataflows._windows import reaches, rows_needed, unrolled, window_sums
from accelsim.dataflows.dataflow import Dataflow, ScheduledSettings, Skip, SpikeMode
from accelsim.dataflows.task import NO_MASK, Mask, Schedule, Task, Words, empty_schedule
from accelsim.jit import kernel, popcount

MODES: dict[tuple[SpikeMode, Skip], str] = {
    ("packed", "nothing"): "",
    ("packed", "silent_words"): "",
    ("packed", "zero_bits"): "a word is one operand: its zero bits go with the others",
    ("bit_serial", "nothing"): "",
    ("bit_serial", "silent_words"): "",
    ("bit_serial", "zero_bits"): "",
    ("time_serial", "nothing"): "",
    ("time_serial", "silent_words"): "",
    ("time_serial", "zero_bits"): "",
}

ALL_COUNT, WORDS_COUNT, ONES_COUNT = range(3)
COUNTING: dict[Skip, int] = {"nothing": ALL_COUNT, "silent_words": WORDS_COUNT, "zero_bits": ONES_COUNT}


class SpikeDetectorSettings(ScheduledSettings):
    """An array behind detectors that pass what counts."""

    dataflow: Literal["spike_detector"]
    group: Count = Field(le=64, description="words that a detector holds: channels of one kernel position")
    per_cycle: Count = Field(le=64, description="operands that a detector passes in a cycle")
    detectors: Count = Field(1, le=64, description="groups of a kernel position side by side; the slowest counts")
    columns: Count = Field(le=4096, description="output channels that work side by side")
    lane_bits: Count = Field(1, le=16, description="bits of an operand; 1: a spike that gates a weight")
    weight_mask: bool = Field(False, description="operands count only where the weight is not zero either")
    padding: Literal["scanned", "skipped"] = Field(
        "scanned", description="kernel positions outside the map: groups of zeros, or left out"
    )

    @model_validator(mode="after")
    def _check(self) -> SpikeDetectorSettings:
        if self.skip == "zero_bits" and self.lane_bits > 1:
            raise broken("lane_bits", "operands without zero bits have one bit", self.lane_bits, "1")
        if self.per_cycle > self.group:
            raise broken("per_cycle", "a group has fewer words", self.per_cycle, f"<= group = {self.group}")
        return self

    @property
    def pe_shape(self) -> tuple[int, int]:
        return (self.per_cycle * self.detectors, self.columns)

    @property
    def operand_bits(self) -> int:
        return self.lane_bits

    @property
    def line_bits(self) -> int:
        return self.group * self.detectors * self.lane_bits

    def slices(self, task: Task) -> int:
        """Operands that a word is cut into."""
        if self.spike_mode == "packed":
            return -(-task.planes // self.lane_bits)
        if self.spike_mode == "bit_serial" or self.skip == "zero_bits":
            return task.planes
        return task.timesteps * -(-task.step_bits // self.lane_bits)


@kernel
def lines_of(task: Task, words: Words, group: int, counting: int) -> Any:
    """Which words of each group count, int64 [height, width, scans, groups]: bit i for the group's word i.

    A scan for each bit plane, lowest first, where ones count, else one.
    """
    channels = task.last_channel - task.first_channel
    scans = task.planes if counting == ONES_COUNT else 1
    groups = -(-channels // group)
    lines = np.zeros((task.height, task.width, scans, groups), np.int64)
    for row in range(task.height):
        for column in range(task.width):
            for index in range(groups):
                first = task.first_channel + index * group
                size = min(group, task.last_channel - first)
                for scan in range(scans):
                    line = np.int64(0)
                    for place in range(size):
                        word = words[row, column, first + place]
                        passes = word != 0 or counting == ALL_COUNT
                        one = (word >> scan) & 1 if counting == ONES_COUNT else np.int64(passes)
                        line |= np.int64(one) << place
                    lines[row, column, scan, index] = line
    return lines


@kernel
def count_of(words: Words, row: int, column: int, first: int, last: int, scan: int, counting: int) -> int:
    """How many words of a group, channels [first, last), count in a scan."""
    if counting == ALL_COUNT:
        return last - first
    count = 0
    if counting == ONES_COUNT:
        for channel in range(first, last):
            count += (words[row, column, channel] >> scan) & 1
    else:
        for channel in range(first, last):
            count += words[row, column, channel] != 0
    return count


@kernel
def scan_windows(task: Task, words: Words, group: int, per_cycle: int, detectors: int, counting: int) -> Any:
    """Of the window of each pixel, padding left out: (cycles, operands passed, cycles that pass any), int64 [pixels].

    Cycles that pass any are added up over the detectors.
    """
    cycles = np.zeros((task.height, task.width), np.int64)
    passed = np.zeros((task.height, task.width), np.int64)
    passes = np.zeros((task.height, task.width), np.int64)
    for row in range(task.height):
        for column in range(task.width):
            for scan in range(task.planes if counting == ONES_COUNT else 1):
                slowest = 1
                for first in range(task.first_channel, task.last_channel, group):
                    last = min(first + group, task.last_channel)
                    count = count_of(words, row, column, first, last, scan, counting)
                    taken = (count + per_cycle - 1) // per_cycle
                    slowest = max(slowest, taken)
                    passed[row, column] += count
                    passes[row, column] += taken
                    index = (first - task.first_channel) // group
                    if last == task.last_channel or index % detectors == detectors - 1:
                        cycles[row, column] += slowest
                        slowest = 1
    return window_sums(cycles, task), window_sums(passed, task), window_sums(passes, task)


@kernel
def mask_lines(task: Task, mask: Mask, group: int) -> Any:
    """Which weights are not zero, int64 [kernel positions, groups, outs]: bit i for the group's word i."""
    channels = task.last_channel - task.first_channel
    positions = task.kernel_rows * task.kernel_columns
    lines = np.zeros((positions, -(-channels // group), task.outs), np.int64)
    for position in range(positions):
        for channel in range(channels):
            index = channel // group
            place = channel % group
            row = position * channels + channel
            for out in range(task.outs):
                lines[position, index, out] |= np.int64(mask[row, out]) << place
    return lines


@kernel
def match_windows(
    task: Task, words: Words, mask: Mask, group: int, per_cycle: int, detectors: int, counting: int
) -> Any:
    """As `scan_windows`, where an operand counts for an output channel if its weight is not zero.

    Operands and cycles that pass any are added up over the output channels.
    """
    lines = lines_of(task, words, group, counting)
    weights = mask_lines(task, mask, group)
    taken_by = np.array([-(-count // per_cycle) for count in range(group + 1)])
    pixels = (task.last_row - task.first_row) * task.out_columns
    cycles = np.zeros(pixels, np.int64)
    passed = np.zeros(pixels, np.int64)
    passes = np.zeros(pixels, np.int64)
    groups = lines.shape[3]
    outs = task.outs
    for pixel in range(pixels):
        top = (task.first_row + pixel // task.out_columns) * task.stride_rows - task.padding_rows
        left = pixel % task.out_columns * task.stride_columns - task.padding_columns
        slowest = 0
        matches = 0
        taken = 0
        for position in range(task.kernel_rows * task.kernel_columns):
            row = top + position // task.kernel_columns * task.dilation_rows
            column = left + position % task.kernel_columns * task.dilation_columns
            if not (0 <= row < task.height and 0 <= column < task.width):
                continue
            for scan in range(lines.shape[2]):
                for first in range(0, groups, detectors):
                    most = 0
                    for index in range(first, min(first + detectors, groups)):
                        spikes = lines[row, column, scan, index]
                        if spikes == 0:
                            continue
                        for out in range(outs):
                            count = popcount(spikes & weights[position, index, out])
                            most = max(most, count)
                            matches += count
                            taken += taken_by[count]
                    slowest += max(1, taken_by[most])
        cycles[pixel] = slowest
        passed[pixel] = matches
        passes[pixel] = taken
    return cycles, passed, passes


class SpikeDetector(Dataflow):
    """The first operands of a group that count, each cycle."""

    settings_class = SpikeDetectorSettings
    compared_with = "the published rule of a word: max(1, ceil(ones / M)) cycles"
    modes = MODES
    needs_weights = True

    def __init__(self) -> None:
        self._last: tuple[Words, SpikeDetectorSettings, Task, Schedule] | None = None

    def refuses(self, settings: SpikeDetectorSettings, task: Task) -> str:
        return no_spikes(task) if settings.lane_bits == 1 else ""

    def schedule(self, settings: SpikeDetectorSettings, task: Task, words: Words, mask: Mask) -> Schedule:
        if settings.weight_mask and mask.size > 0:
            return _detect(settings, task, words, mask)
        # All groups of output channels scan the same: only what they add differs.
        alone = task._replace(first_out=0, outs=1, reach=1)
        last = self._last
        if last is None or last[0] is not words or last[1] is not settings or last[2] != alone:
            last = self._last = words, settings, alone, _detect(settings, alone, words, NO_MASK)
        schedule = Schedule(*(table.copy() for table in last[3]))
        schedule.counts[[k.MACS, k.WEIGHT_READS, k.SUMS]] *= task.reach
        return schedule

    def twin(self, settings: SpikeDetectorSettings, task: Task, words: Words, mask: Mask) -> Schedule:
        return _walk(settings, task, words, mask if settings.weight_mask and mask.size else None)

    def estimate(self, settings: SpikeDetectorSettings, task: Task, word_density: float, bit_density: float) -> float:
        """As if no weight were zero."""
        density = {"nothing": 1.0, "silent_words": word_density, "zero_bits": bit_density}[settings.skip]
        channels = task.last_channel - task.first_channel
        sets = [_groups(settings, channels, first) for first in range(0, channels, settings.group * settings.detectors)]
        inside = int(reaches(task).sum())
        scanned = task.pixels * task.kernel_rows * task.kernel_columns - inside if settings.padding == "scanned" else 0
        zeros = 1.0 if settings.skip == "nothing" else 0.0
        return settings.slices(task) * sum(
            inside * _expected_cycles(groups, settings.per_cycle, density)
            + scanned * _expected_cycles(groups, settings.per_cycle, zeros)
            for groups in sets
        )


def _detect(settings: SpikeDetectorSettings, task: Task, words: Words, mask: Mask) -> Schedule:
    """A step a pixel."""
    shape = (settings.group, settings.per_cycle, settings.detectors, COUNTING[settings.skip])
    scanned = task, words
    if settings.padding == "scanned" and task.padding_rows + task.padding_columns > 0:
        scanned = _with_padding(task, words)
    found = match_windows(*scanned, mask, *shape) if mask.size else scan_windows(*scanned, *shape)
    # Where ones count, each bit plane was scanned by itself.
    repeats = 1 if settings.skip == "zero_bits" else settings.slices(task)
    cycles, passed, passes = (repeats * windows for windows in found)
    schedule = empty_schedule(task.pixels)
    schedule.steps[:, k.CYCLES] = cycles
    schedule.steps[:, k.PIXELS] = 1
    schedule.steps[:, k.ROW] = rows_needed(task)
    counts = schedule.counts
    share = 1 if mask.size else task.reach
    counts[k.WORDS] = passed.sum()
    counts[[k.MACS, k.WEIGHT_READS]] = share * passed.sum()
    counts[k.SUMS] = share * passes.sum()
    channels = task.last_channel - task.first_channel
    reads = settings.slices(task) * int(reaches(task).sum())
    counts[k.LINES] = reads * -(-channels // (settings.group * settings.detectors))
    counts[k.LINE_WORDS] = reads * channels
    return schedule


def _groups(settings: SpikeDetectorSettings, channels: int, first: int) -> tuple[int, ...]:
    """Words in the groups that lie side by side from channel `first` on."""
    last = min(channels, first + settings.group * settings.detectors)
    return tuple(min(settings.group, last - start) for start in range(first, last, settings.group))


@lru_cache
def _expected_cycles(groups: tuple[int, ...], per_cycle: int, density: float) -> float:
    """Of the slowest of some groups whose words count with that probability: the sum of P(more than c cycles)."""
    expected = 1.0
    for cycles in range(1, -(-max(groups) // per_cycle)):
        done = 1.0
        for size in groups:
            done *= sum(
                comb(size, count) * density**count * (1 - density) ** (size - count)
                for count in range(min(size, cycles * per_cycle) + 1)
            )
        expected += 1 - done
    return expected


def _with_padding(task: Task, words: Words) -> tuple[Task, Words]:
    """The same layer with its padding as part of the map."""
    rows, columns = task.padding_rows, task.padding_columns
    whole = task._replace(
        height=task.height + 2 * rows, width=task.width + 2 * columns, padding_rows=0, padding_columns=0
    )
    return whole, np.pad(words, ((rows, rows), (columns, columns), (0, 0)))


def _walk(settings: SpikeDetectorSettings, task: Task, words: Words, mask: Mask | None) -> Schedule:
    """As `schedule`, group after group."""
    channels = task.last_channel - task.first_channel
    inside = unrolled(task, np.ones_like(words))[:, :, :, 0] > 0
    side_by_side = settings.group * settings.detectors
    found = empty_schedule(task.pixels)
    counts = found.counts
    for pixel, window in enumerate(unrolled(task, words)):
        row = task.first_row + pixel // task.out_columns
        row = row * task.stride_rows - task.padding_rows + (task.kernel_rows - 1) * task.dilation_rows
        found.steps[pixel, k.PIXELS] = 1
        found.steps[pixel, k.ROW] = sorted((0, row, task.height - 1))[1]
        for position, taps in enumerate(window.reshape(-1, channels)):
            read = inside[pixel].ravel()[position]
            if not read and settings.padding == "skipped":
                continue
            for part in range(settings.slices(task)):
                if settings.skip == "nothing":
                    operands = np.ones(channels, np.bool_)
                elif settings.skip == "silent_words":
                    operands = taps != 0
                else:
                    operands = (taps >> part) & 1 == 1
                counts[k.LINE_WORDS] += channels if read else 0
                for first in range(0, channels, side_by_side):
                    counts[k.LINES] += 1 if read else 0
                    slowest = 1
                    for start in range(first, min(first + side_by_side, channels), settings.group):
                        stop = min(start + settings.group, channels)
                        if mask is None:
                            counts[k.WORDS] += operands[start:stop].sum()
                            matches = [operands[start:stop].sum()]
                        else:
                            weights = mask[position * channels + start : position * channels + stop]
                            matches = (operands[start:stop, None] & weights).sum(axis=0)
                            counts[k.WORDS] += matches.sum()
                        share = task.reach if mask is None else 1
                        for count in matches:
                            taken = -(-int(count) // settings.per_cycle)
                            slowest = max(slowest, taken)
                            counts[[k.MACS, k.WEIGHT_READS]] += share * count
                            counts[k.SUMS] += share * taken
                    found.steps[pixel, k.CYCLES] += slowest
    return found


DATAFLOW = SpikeDetector()
