"""One spike after the other, added to as many output channels as the array has adders.

This is MINT's array (Yin, Li, Moitra, Panda: MINT, ASP-DAC 2024) and Prosperity's without its search for prefixes (Wei
et al.: Prosperity, HPCA 2025), both as the public simulator of Prosperity counts them. C is `pe_array.columns`.

- A cycle takes one 1 of the bits under a window and adds its C weights to the sums of the pixel. A copy of a spike
  under another window is a spike of its own. A pixel leaves in the cycle of its last spike; one without spikes takes no
  cycle (`test_bit_sparsity.every_one_takes_a_cycle`).
- A layer takes S * ceil(outputs / C) cycles, S being the ones of the unrolled input
  (`test_bit_sparsity.a_layer_takes_its_ones_times_its_groups_of_channels`).
- With `skip: silent_words` a word with a spike takes a cycle for each of its bits; with `skip: nothing` every word,
  padding too (`test_bit_sparsity.what_is_not_skipped_takes_its_cycles`).
- A pixel begins when the last row under its window is there, and all weights of its channels
  (`test_bit_sparsity.a_pixel_waits_for_the_last_row_under_its_window`).

Architecture: one spike a cycle, broadcast to all adders. Estimate: the spike buffer gives `scan_bits` bits a read, in
time to be never waited for, and partial sums of a pixel stay in the array. Words of several bits in one time step are
taken plane by plane, each bit an event.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from pydantic import Field

from accelsim.config import Count
from accelsim.dataflows import task as k
from accelsim.dataflows._planes import inside_share, no_spikes, plane_modes
from accelsim.dataflows._windows import count_at, rows_needed, unrolled, window_sums
from accelsim.dataflows.dataflow import Dataflow, ScheduledSettings, Skip, SpikeMode
from accelsim.dataflows.task import Mask, Schedule, Task, Words, empty_schedule


class BitSparsitySettings(ScheduledSettings):
    """`pe_array` of `dataflow: bit_sparsity`."""

    dataflow: Literal["bit_sparsity"]
    spike_mode: SpikeMode = "bit_serial"
    skip: Skip = "zero_bits"
    columns: Count = Field(128, le=65536, description="adders: output channels to which a spike is added at once")
    scan_bits: Count = Field(16, le=65536, description="bits that are read from the spike buffer at once")

    @property
    def pe_shape(self) -> tuple[int, int]:
        return 1, self.columns

    @property
    def line_bits(self) -> int:
        return self.scan_bits


class BitSparsity(Dataflow):
    """A cycle a one; closed form: the ones under all windows."""

    settings_class = BitSparsitySettings
    compared_with = "the public simulator of Prosperity, whose MINT and bit-sparse cycles it has on recorded spikes"
    modes = plane_modes()

    def refuses(self, settings: Any, task: Task) -> str:
        return no_spikes(task)

    def schedule(self, settings: BitSparsitySettings, task: Task, words: Words, mask: Mask) -> Schedule:
        channels = task.last_channel - task.first_channel
        inside = window_sums(np.full((task.height, task.width), channels, np.int64), task)
        if settings.skip == "nothing":
            cycles = np.full(task.pixels, task.inputs * task.planes, np.int64)
        elif settings.skip == "silent_words":
            cycles = task.planes * window_sums(count_at(words, task, False), task)
        else:
            cycles = window_sums(count_at(words, task, True), task)
        schedule = empty_schedule(task.pixels)
        schedule.steps[:, k.CYCLES] = cycles
        schedule.steps[:, k.PIXELS] = 1
        schedule.steps[:, k.ROW] = rows_needed(task)
        lines = -(-inside * task.planes // settings.scan_bits)
        _count(schedule, task, int(cycles.sum()), int(lines.sum()), int(inside.sum()))
        return schedule

    def twin(self, settings: BitSparsitySettings, task: Task, words: Words, mask: Mask) -> Schedule:
        inside = unrolled(task._replace(planes=1), np.ones_like(words))
        schedule = empty_schedule(task.pixels)
        events = lines = 0
        for pixel, window in enumerate(unrolled(task, words)):
            cycles = 0
            for word in window.reshape(-1).tolist():
                bits = [word >> plane & 1 for plane in range(task.planes)]
                taken = {"nothing": True, "silent_words": any(bits), "zero_bits": False}[settings.skip]
                cycles += task.planes if taken else sum(bits)
            out_row = task.first_row + pixel // task.out_columns
            bottom = out_row * task.stride_rows - task.padding_rows + (task.kernel_rows - 1) * task.dilation_rows
            schedule.steps[pixel, [k.CYCLES, k.PIXELS]] = cycles, 1
            schedule.steps[pixel, k.ROW] = sorted((0, bottom, task.height - 1))[1]
            events += cycles
            lines += -(-int(inside[pixel].sum()) * task.planes // settings.scan_bits)
        _count(schedule, task, events, lines, int(inside.sum()))
        return schedule

    def estimate(self, settings: BitSparsitySettings, task: Task, word_density: float, bit_density: float) -> float:
        taken = {"nothing": 1.0, "silent_words": word_density, "zero_bits": bit_density}[settings.skip]
        inside = 1.0 if settings.skip == "nothing" else inside_share(task)
        return task.pixels * task.inputs * task.planes * inside * taken


def _count(schedule: Schedule, task: Task, events: int, lines: int, line_words: int) -> None:
    """Every event reads `reach` weights and adds them to sums that stay in the array."""
    additions = events * task.reach
    schedule.counts[[k.WORDS, k.MACS, k.SUMS, k.WEIGHT_READS]] = events, additions, additions, additions
    schedule.counts[[k.LINES, k.LINE_WORDS]] = lines, line_words


DATAFLOW = BitSparsity()
