"""Windows of several time steps, side by side in a systolic array; lines of them share slots.

This is PTB (Lee, Zhang, Li: Parallel Time Batching, HPCA 2022), by the rules of the public simulator of Prosperity
(github.com/dubcyfor3/Prosperity), corrected where that takes a shortcut. The array has `rows` output channels and
`columns` windows of `window_steps` time steps; the last window of a word is filled up with silent steps.

- The windows of a pixel lie side by side, then those of the next pixel. Each `columns` of them are a block; columns
  that the last block has too many are silent (`test_time_batched.windows_of_a_pixel_stand_side_by_side`).
- A block has a line for each input, the channel the slowest; a bit of it says whether the input fires at all in the
  window of that column. A slot passes the weights of a line, all steps of its windows one after the other:
  `window_steps` cycles (`test_time_batched.worked_block`).
- Lines without any spike are dropped. With `pairing`, a line shares its slot with the first later one that has no
  window in common with it and has no partner yet; lines in which all windows fire never do
  (`test_time_batched.worked_block`, `test_time_batched.a_line_takes_the_first_partner_that_is_left`).
- With `skip: nothing` each line takes a slot (`test_time_batched.without_skipping_each_line_takes_a_slot`).
- A block ends with `fill_drain_cycles`, in which operands and sums pass through the array; the pixels whose last
  window it holds leave then (`test_time_batched.pixels_leave_with_the_block_of_their_last_window`).
- So a layer takes ceil(outputs / rows) * sum over blocks of (slots * window_steps + fill_drain_cycles)
  (`test_time_batched.every_group_of_outputs_takes_the_same`).
- A block begins when the last input row under its windows is there, and all weights of its outputs
  (`test_time_batched.a_block_waits_for_its_last_row`).

Architecture: windows, blocks, slots, pairing. Corrected: the simulator puts windows into a block that are far apart
where a pixel has fewer than `columns`, charges the fill once a pixel rather than once a block and group of outputs, and
pairs no lines of a fully connected layer. Estimate: blocks do not overlap, and `fill_drain_cycles`, which that
simulator sets to twice the rows. Words of several bits in one time step are taken plane by plane, each plane a step.
"""

from __future__ import annotations

import functools
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from accelsim.config import Count, Cycles
from accelsim.dataflows import task as k
from accelsim.dataflows._planes import drawn_words, inside_share, no_spikes, plane_modes
from accelsim.dataflows._windows import rows_needed, unrolled
from accelsim.dataflows.dataflow import Dataflow, ScheduledSettings, Skip, SpikeMode
from accelsim.dataflows.task import Mask, Schedule, Task, Words, empty_schedule
from accelsim.jit import kernel, popcount, trailing_zeros

# What is found out about a block.
SLOTS, TAKEN, WINDOWS, BLOCK_COLUMNS = range(4)

PART_BITS = 32
"""Of a set of patterns in an int64: bit operations then never meet its sign."""

LINES_DRAWN = 2048
"""For an estimate."""


class TimeBatchedSettings(ScheduledSettings):
    """`pe_array` of `dataflow: time_batched`."""

    dataflow: Literal["time_batched"]
    spike_mode: SpikeMode = "bit_serial"
    skip: Skip = "silent_words"
    rows: Count = Field(16, le=65536, description="output channels at once")
    columns: Count = Field(8, le=8, description="windows of time steps at once")
    window_steps: Count = Field(4, le=32, description="time steps of a window, taken one after the other")
    pairing: bool = Field(True, description="two lines without a common window share a slot (StSAP)")
    fill_drain_cycles: Cycles = Field(32, description="cycles of a block in which operands and sums move into place")

    @property
    def pe_shape(self) -> tuple[int, int]:
        return self.columns, self.rows

    @property
    def line_bits(self) -> int:
        return self.columns * self.window_steps


@kernel
def block_work(
    words: Words, task: Task, window_steps: int, columns: int, paired: bool, disjoint: NDArray[np.int64]
) -> Any:
    """Int64 [blocks, BLOCK_COLUMNS]; `disjoint` as `disjoint_patterns` gives it."""
    windows = (task.planes + window_steps - 1) // window_steps
    pixels = (task.last_row - task.first_row) * task.out_columns
    blocks = (pixels * windows + columns - 1) // columns
    inputs = (task.last_channel - task.first_channel) * task.kernel_rows * task.kernel_columns
    masks = np.zeros(windows, np.int64)
    for window in range(windows):
        left = task.planes - window * window_steps
        masks[window] = (1 << left) - (1 << max(left - window_steps, 0))
    work = np.zeros((blocks, BLOCK_COLUMNS), np.int64)
    lines = np.zeros(inputs, np.int64)
    rows = np.zeros(columns, np.int64)
    places = np.zeros(columns, np.int64)
    block_masks = np.zeros(columns, np.int64)
    for block in range(blocks):
        width = min(columns, pixels * windows - block * columns)
        for column in range(width):
            pixel = (block * columns + column) // windows
            rows[column] = (task.first_row + pixel // task.out_columns) * task.stride_rows - task.padding_rows
            places[column] = pixel % task.out_columns * task.stride_columns - task.padding_columns
            block_masks[column] = masks[(block * columns + column) % windows]
        count = 0
        for channel in range(task.first_channel, task.last_channel):
            for tap_row in range(task.kernel_rows):
                for tap_column in range(task.kernel_columns):
                    pattern = 0
                    for column in range(width):
                        row = rows[column] + tap_row * task.dilation_rows
                        place = places[column] + tap_column * task.dilation_columns
                        if 0 <= row < task.height and 0 <= place < task.width:
                            fires = words[row, place, channel] & block_masks[column] != 0
                            pattern |= fires << column
                    if pattern != 0:
                        work[block, WINDOWS] += popcount(pattern)
                        lines[count] = pattern
                        count += 1
        work[block, TAKEN] = count
        work[block, SLOTS] = slots_of(lines[:count], columns, disjoint) if paired else count
    return work


@kernel
def slots_of(lines: NDArray[np.int64], columns: int, disjoint: NDArray[np.int64]) -> Any:
    """Slots that lines, int64 patterns of windows that are not 0, take in pairs.

    A line that comes pairs with the first that waits and has no window in common with it. These are the pairs in which
    each line, in order, takes the first one after it that is left: of two lines that could be partners, neither
    could have got an earlier one.
    """
    full = (1 << columns) - 1
    # Waiting lines of one pattern are a list: its first and last, and the line after each. Bits say which have any.
    first = np.zeros(1 << columns, np.int64)
    last = np.zeros(1 << columns, np.int64)
    after = np.zeros(lines.size, np.int64)
    waiting = np.zeros(disjoint.shape[1], np.int64)
    slots = 0
    for i in range(lines.size):
        pattern = lines[i]
        partner = lines.size
        if pattern != full:
            for part in range(waiting.size):
                candidates = waiting[part] & disjoint[pattern, part]
                while candidates != 0:
                    partner = min(partner, first[PART_BITS * part + trailing_zeros(candidates)])
                    candidates &= candidates - 1
        if partner < lines.size:
            other = lines[partner]
            if last[other] == partner:
                waiting[other // PART_BITS] &= ~(1 << other % PART_BITS)
            else:
                first[other] = after[partner]
            continue
        slots += 1
        if pattern != full:
            bit = 1 << pattern % PART_BITS
            if waiting[pattern // PART_BITS] & bit:
                after[last[pattern]] = i
            else:
                first[pattern] = i
                waiting[pattern // PART_BITS] |= bit
            last[pattern] = i
    return slots


@functools.cache
def disjoint_patterns(columns: int) -> NDArray[np.int64]:
    """For each pattern a bit for each that has no 1 in common with it: int64 [2**columns, parts of PART_BITS bits]."""
    patterns = np.arange(1 << columns)
    disjoint = np.zeros((patterns.size, max(PART_BITS, patterns.size)), np.bool_)
    disjoint[:, : patterns.size] = patterns[:, None] & patterns == 0
    return np.packbits(disjoint, axis=1, bitorder="little").view("<u4").astype(np.int64)


class TimeBatched(Dataflow):
    """Blocks of windows one after the other; no closed form, as pairs depend on which windows fire together."""

    settings_class = TimeBatchedSettings
    compared_with = (
        "the public simulator of Prosperity: slots of a block; which windows share one differs, as "
        "docs/accelerators.md tells"
    )
    modes = plane_modes(zero_bits="a window takes the cycles of all of its steps, whichever of them fire")

    def refuses(self, settings: Any, task: Task) -> str:
        return no_spikes(task)

    def schedule(self, settings: TimeBatchedSettings, task: Task, words: Words, mask: Mask) -> Schedule:
        columns = settings.columns
        disjoint = disjoint_patterns(columns)
        return _schedule(
            settings, task, block_work(words, task, settings.window_steps, columns, settings.pairing, disjoint)
        )

    def twin(self, settings: TimeBatchedSettings, task: Task, words: Words, mask: Mask) -> Schedule:
        windows = -(-task.planes // settings.window_steps)
        silent = windows * settings.window_steps - task.planes
        fires = []
        for window in unrolled(task, words).transpose(0, 3, 1, 2).reshape(task.pixels, -1).tolist():
            bits = [[int(bit) for bit in f"{word:0{task.planes}b}" + "0" * silent] for word in window]
            for first in range(0, windows * settings.window_steps, settings.window_steps):
                fires.append([any(line[first : first + settings.window_steps]) for line in bits])
        work = []
        for block in range(0, len(fires), settings.columns):
            columns = fires[block : block + settings.columns]
            columns += [[False] * task.inputs] * (settings.columns - len(columns))
            lines = [line for line in zip(*columns, strict=True) if any(line)]
            slots = _slow_slots(lines) if settings.pairing else len(lines)
            work.append([slots, len(lines), sum(map(sum, lines))])
        return _schedule(settings, task, np.array(work))

    def estimate(self, settings: TimeBatchedSettings, task: Task, word_density: float, bit_density: float) -> float:
        windows = -(-task.planes // settings.window_steps)
        blocks = -(-task.pixels * windows // settings.columns)
        slots = 1.0
        if settings.skip != "nothing":
            share = inside_share(task)
            words = drawn_words(LINES_DRAWN * settings.columns, task.planes, word_density * share, bit_density * share)
            last = min(settings.window_steps, task.planes)
            fires = float(np.mean(words >> task.planes - last & (1 << last) - 1 != 0))
            slots = _expected_slots(settings.columns, settings.pairing, round(fires, 3))
        return blocks * (task.inputs * slots * settings.window_steps + settings.fill_drain_cycles)


def _schedule(settings: TimeBatchedSettings, task: Task, work: NDArray[np.int64]) -> Schedule:
    """Two steps a block: its slots, then its fill and drain."""
    blocks = len(work)
    windows = -(-task.planes // settings.window_steps)
    taken = {SLOTS: work[:, SLOTS], TAKEN: work[:, TAKEN], WINDOWS: work[:, WINDOWS]}
    if settings.skip == "nothing":
        taken = dict.fromkeys((SLOTS, TAKEN), np.full(blocks, task.inputs))
        taken[WINDOWS] = np.array([task.inputs * task.pixels * windows])
    ends = np.minimum(settings.columns * np.arange(1, blocks + 1), task.pixels * windows)
    schedule = empty_schedule(2 * blocks)
    slots, drains = schedule.steps[::2], schedule.steps[1::2]
    slots[:, k.CYCLES] = taken[SLOTS] * settings.window_steps
    slots[:, k.ROW] = rows_needed(task)[(ends - 1) // windows]
    drains[:, k.CYCLES] = settings.fill_drain_cycles
    drains[:, k.KIND] = k.FILL_DRAIN
    drains[:, k.PIXELS] = np.diff(ends // windows, prepend=0)
    counts = schedule.counts
    counts[k.WORDS] = taken[WINDOWS].sum()
    counts[[k.MACS, k.SUMS]] = counts[k.WORDS] * settings.window_steps * task.reach
    counts[k.WEIGHT_READS] = int(taken[TAKEN].sum()) * task.reach
    counts[[k.LINES, k.LINE_WORDS]] = blocks * task.inputs, task.pixels * task.inputs
    return schedule


def _slow_slots(lines: list[tuple[bool, ...]]) -> int:
    """Each line that is left looks for its partner among all later ones."""
    slots = sum(all(line) for line in lines)
    left = [line for line in lines if not all(line)]
    while left:
        own, *left = left
        slots += 1
        for place, other in enumerate(left):
            if not any(mine and theirs for mine, theirs in zip(own, other, strict=True)):
                del left[place]
                break
    return slots


@functools.cache
def _expected_slots(columns: int, pairing: bool, fires: float) -> float:
    """Slots a line where windows fire independently with a probability: of lines that are drawn, always the same."""
    drawn = np.random.default_rng(0).random((LINES_DRAWN, columns)) < fires
    lines = drawn @ (1 << np.arange(columns))
    taken = lines[lines > 0]
    return float(slots_of(taken, columns, disjoint_patterns(columns)) if pairing else taken.size) / lines.size


DATAFLOW = TimeBatched()
