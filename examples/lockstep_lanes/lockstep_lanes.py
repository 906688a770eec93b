"""## Lockstep lanes

Neighbouring output pixels side by side: `lanes` of them, in order row by row, make a block. Each lane adds one spike of
its window a cycle, with its weights of `columns` output channels at once. All lanes begin a block together, so it takes
as long as its busiest window:

    max(1, most ones under a window of the block) cycles,

a group of `columns` output channels the sum over blocks (`test_lockstep_lanes.a_block_takes_its_busiest_window`). With
`skip: nothing` every bit takes its cycle, padding too: ceil(pixels / lanes) x inputs x planes
(`test_lockstep_lanes.without_skipping_there_is_a_closed_form`).

A block begins when the last row under its windows is there, and its weights. All of it is our own, for the tutorial;
that each lane has a read port of its own to weights and sums is an estimate on the optimistic side.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from accelsim.config import Count
from accelsim.dataflows import Dataflow, Schedule, ScheduledSettings, Task
from accelsim.dataflows._planes import no_spikes, plane_modes
from accelsim.dataflows._windows import count_at, last_input_row, unrolled, window_sums
from accelsim.dataflows.dataflow import Skip, SpikeMode
from accelsim.dataflows.task import (
    CYCLES,
    LINE_WORDS,
    LINES,
    MACS,
    PIXELS,
    ROW,
    SUMS,
    WEIGHT_READS,
    WORDS,
    Mask,
    Words,
    empty_schedule,
)
from accelsim.jit import kernel


class LockstepLanesSettings(ScheduledSettings):
    """`pe_array` of `dataflow: lockstep_lanes`."""

    dataflow: Literal["lockstep_lanes"]
    spike_mode: SpikeMode = "bit_serial"
    skip: Skip = "zero_bits"
    lanes: Count = Field(le=4096, description="output pixels side by side, a spike each a cycle")
    columns: Count = Field(le=4096, description="output channels to which a spike is added at once")

    @property
    def pe_shape(self) -> tuple[int, int]:
        return self.lanes, self.columns


@kernel
def busiest(ones: NDArray[np.int64], lanes: int) -> Any:
    """Cycles of each block, int64 [blocks], of the ones under the windows, int64 [pixels]."""
    blocks = -(-len(ones) // lanes)
    cycles = np.ones(blocks, np.int64)
    for pixel in range(len(ones)):
        block = pixel // lanes
        cycles[block] = max(cycles[block], ones[pixel])
    return cycles


class LockstepLanes(Dataflow):
    """As long as the busiest of the windows side by side."""

    settings_class = LockstepLanesSettings
    modes = plane_modes(silent_words="a lane takes bits, not words: zero_bits or nothing")

    def refuses(self, settings: Any, task: Task) -> str:
        return no_spikes(task)

    def schedule(self, settings: LockstepLanesSettings, task: Task, words: Words, mask: Mask) -> Schedule:
        lanes = settings.lanes
        everywhere = np.full((task.height, task.width), task.last_channel - task.first_channel, np.int64)
        inside = int(window_sums(everywhere, task).sum())
        if settings.skip == "nothing":
            taken = np.full(task.pixels, task.inputs * task.planes, np.int64)
        else:
            taken = window_sums(count_at(words, task, True), task)
        cycles = busiest(taken, lanes)
        schedule = empty_schedule(len(cycles))
        last = np.minimum(np.arange(1, len(cycles) + 1) * lanes, task.pixels) - 1
        schedule.steps[:, CYCLES] = cycles
        schedule.steps[:, PIXELS] = np.diff(last, prepend=-1)
        schedule.steps[:, ROW] = [
            last_input_row(task, task.first_row + int(pixel) // task.out_columns) for pixel in last
        ]
        _count(schedule, task, int(taken.sum()), inside, lanes)
        return schedule

    def twin(self, settings: LockstepLanesSettings, task: Task, words: Words, mask: Mask) -> Schedule:
        """Block by block, lane by lane, bit by bit."""
        windows = unrolled(task, words)
        inside = unrolled(task, np.ones_like(words)).sum()
        rows = []
        events = 0
        for first in range(0, task.pixels, settings.lanes):
            pixels = range(first, min(first + settings.lanes, task.pixels))
            cycles = 1
            for pixel in pixels:
                bits = "".join(f"{word:0{task.planes}b}" for word in windows[pixel].reshape(-1).tolist())
                spikes = len(bits) if settings.skip == "nothing" else bits.count("1")
                cycles = max(cycles, spikes)
                events += spikes
            bottom = task.first_row + pixels[-1] // task.out_columns
            bottom = bottom * task.stride_rows - task.padding_rows + (task.kernel_rows - 1) * task.dilation_rows
            rows.append((cycles, len(pixels), sorted((0, bottom, task.height - 1))[1]))
        schedule = empty_schedule(len(rows))
        schedule.steps[:, [CYCLES, PIXELS, ROW]] = rows
        _count(schedule, task, events, int(inside), settings.lanes)
        return schedule

    def estimate(self, settings: LockstepLanesSettings, task: Task, word_density: float, bit_density: float) -> float:
        """Exact without skipping; else the largest of `lanes` sums of independent bits, as if normal (Blom 1958)."""
        bits = task.inputs * task.planes
        blocks = -(-task.pixels // settings.lanes)
        if settings.skip == "nothing":
            return blocks * bits
        lanes = min(settings.lanes, task.pixels)
        above = NormalDist().inv_cdf((lanes - 0.375) / (lanes + 0.25)) if lanes > 1 else 0.0
        spread = (bits * bit_density * (1 - bit_density)) ** 0.5
        return blocks * min(bits, max(1.0, bits * bit_density + above * spread))


def _count(schedule: Schedule, task: Task, events: int, line_words: int, lanes: int) -> None:
    """An event reads `reach` weights and adds them to sums that stay in its lane; a line has a bit a lane."""
    additions = events * task.reach
    schedule.counts[[WORDS, MACS, SUMS, WEIGHT_READS]] = events, additions, additions, additions
    schedule.counts[[LINES, LINE_WORDS]] = -(-line_words * task.planes // lanes), line_words


DATAFLOW = LockstepLanes()
