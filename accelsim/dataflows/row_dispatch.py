"""Whole rows of spikes, one after the other to the first processing element that is free.

This is SATO (Liu et al.: SATO, DAC 2022) as the public simulator of Prosperity counts it. A row is the window of one
output pixel in one time step; its load is the number of its ones.

- Rows come time step after time step, and in each pixel after pixel. Each goes as a whole to the processing element
  that has least to do; a row without spikes costs nothing (`test_row_dispatch.rows_go_to_the_element_that_is_free`).
- An element adds one spike to one output channel a cycle: a row of load z takes z * outputs cycles, and a layer the
  largest sum of loads of an element times its outputs (`test_row_dispatch.worked_example`).
- A pixel leaves when its rows of all time steps are done and all pixels before it have left
  (`test_row_dispatch.pixels_leave_in_order`).
- Work begins when all rows of the input map that the task reads are there, and all of its weights, as the first time
  step passes over all pixels (`test_row_dispatch.work_waits_for_the_whole_map`). Where a map does not fit the spike
  buffer it comes in strips, and each is dispatched by itself.
- `resident_outputs` splits a layer into tasks of fewer outputs, whose weights are held at once. Every task takes the
  same loads, so the cycles of the layer stay the same (`test_row_dispatch.resident_outputs_change_no_cycle`).

Architecture: the dispatch to the least loaded element. Estimate: no cycle is lost where outputs follow each other, as
in that simulator, and the spike buffer gives `scan_bits` bits a read, in time to be never waited for. Words of several
bits in one time step are taken plane by plane, each bit an event.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from accelsim.config import Count
from accelsim.dataflows import task as k
from accelsim.dataflows._planes import inside_share, no_spikes, plane_modes
from accelsim.dataflows._windows import rows_needed, unrolled, window_sums
from accelsim.dataflows.dataflow import Dataflow, ScheduledSettings, Skip, SpikeMode
from accelsim.dataflows.task import Mask, Schedule, Task, Words, empty_schedule
from accelsim.jit import kernel, trailing_zeros


class RowDispatchSettings(ScheduledSettings):
    """`pe_array` of `dataflow: row_dispatch`."""

    dataflow: Literal["row_dispatch"]
    spike_mode: SpikeMode = "bit_serial"
    skip: Skip = "zero_bits"
    elements: Count = Field(128, le=65536, description="processing elements, each with a row of its own")
    resident_outputs: int = Field(
        0, ge=0, description="output channels whose weights are held at once; 0: all of a layer. Changes no array cycle"
    )
    scan_bits: Count = Field(16, le=65536, description="bits that are read from the spike buffer at once")

    @property
    def pe_shape(self) -> tuple[int, int]:
        return self.elements, 1

    @property
    def line_bits(self) -> int:
        return self.scan_bits


@kernel
def loads_of_rows(words: Words, task: Task) -> Any:
    """Ones of the rows, int64 [planes, pixels], the first time step first."""
    at = np.zeros((task.planes, task.height, task.width), np.int64)
    for row in range(task.height):
        for column in range(task.width):
            for channel in range(task.first_channel, task.last_channel):
                word = words[row, column, channel]
                while word != 0:
                    at[task.planes - 1 - trailing_zeros(word), row, column] += 1
                    word &= word - 1
    loads = np.zeros((task.planes, (task.last_row - task.first_row) * task.out_columns), np.int64)
    for plane in range(task.planes):
        loads[plane] = window_sums(at[plane], task)
    return loads


@kernel
def dispatch(loads: NDArray[np.int64], elements: int) -> Any:
    """When the pixels are done, int64 [pixels], counted in ones: rows [planes, pixels] to the least loaded element."""
    done = np.zeros(loads.shape[1], np.int64)
    # A heap of loads: the least at 0, the children of i at 2 i + 1 and 2 i + 2.
    heap = np.zeros(elements, np.int64)
    for plane in range(loads.shape[0]):
        for pixel in range(loads.shape[1]):
            if loads[plane, pixel] == 0:
                continue
            load = heap[0] + loads[plane, pixel]
            done[pixel] = max(done[pixel], load)
            place = 0
            child = 1
            while child < elements:
                if child + 1 < elements and heap[child + 1] < heap[child]:
                    child += 1
                if heap[child] >= load:
                    break
                heap[place] = heap[child]
                place = child
                child = 2 * place + 1
            heap[place] = load
    return done


class RowDispatch(Dataflow):
    """Rows of unlike loads on elements that never wait; no closed form."""

    settings_class = RowDispatchSettings
    compared_with = "the public simulator of Prosperity, whose SATO cycles it has on recorded spikes"
    modes = plane_modes(
        nothing="loads are counted in ones",
        silent_words="a row holds one time step alone: its zero bits are skipped, or none",
    )

    def outputs(self, settings: RowDispatchSettings) -> int:
        return settings.resident_outputs

    def refuses(self, settings: Any, task: Task) -> str:
        return no_spikes(task)

    def schedule(self, settings: RowDispatchSettings, task: Task, words: Words, mask: Mask) -> Schedule:
        loads = loads_of_rows(words, task)
        done = np.maximum.accumulate(dispatch(loads, settings.elements))
        schedule = empty_schedule(task.pixels)
        schedule.steps[:, k.CYCLES] = np.diff(done, prepend=0) * task.reach
        schedule.steps[:, k.PIXELS] = 1
        schedule.steps[:, k.ROW] = rows_needed(task)[-1]
        _count(schedule, settings, task, int(loads.sum()))
        return schedule

    def twin(self, settings: RowDispatchSettings, task: Task, words: Words, mask: Mask) -> Schedule:
        windows = unrolled(task, words).reshape(task.pixels, -1)
        loads = [0] * settings.elements
        done = [0] * task.pixels
        events = 0
        for plane in range(task.planes):
            for pixel, window in enumerate(windows.tolist()):
                load = sum(word >> (task.planes - 1 - plane) & 1 for word in window)
                events += load
                if load:
                    element = loads.index(min(loads))
                    loads[element] += load
                    done[pixel] = max(done[pixel], loads[element])
        schedule = empty_schedule(task.pixels)
        bottom = (task.last_row - 1) * task.stride_rows - task.padding_rows
        bottom = sorted((0, bottom + (task.kernel_rows - 1) * task.dilation_rows, task.height - 1))[1]
        for pixel in range(task.pixels):
            left = max(done[:pixel], default=0)
            schedule.steps[pixel, [k.CYCLES, k.PIXELS]] = max(0, done[pixel] - left) * task.reach, 1
            schedule.steps[pixel, k.ROW] = bottom
        _count(schedule, settings, task, events)
        return schedule

    def estimate(self, settings: RowDispatchSettings, task: Task, word_density: float, bit_density: float) -> float:
        """Half a row of imbalance on top of equal loads; where each row has an element of its own, a row."""
        rows = task.pixels * task.planes
        row = task.inputs * inside_share(task) * bit_density
        loads = row if rows <= settings.elements else row * rows / settings.elements + row / 2
        return loads * task.reach


def _count(schedule: Schedule, settings: RowDispatchSettings, task: Task, events: int) -> None:
    """The map is read once for all outputs, as lists of events; each event reads `reach` weights, one a cycle."""
    additions = events * task.reach
    read = task.height * task.width * (task.last_channel - task.first_channel)
    schedule.counts[[k.WORDS, k.MACS, k.SUMS, k.WEIGHT_READS]] = events, additions, additions, additions
    schedule.counts[[k.LINES, k.LINE_WORDS]] = -(-read * task.planes // settings.scan_bits), read


DATAFLOW = RowDispatch()
