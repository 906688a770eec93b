"""Spike broadcast: one event at a time drives many output channels (SpinalFlow, and cores in the manner of Loihi).

Every set bit of a word is an event of one time step. A word of `planes` bits is so many events at most; a word whose
time steps have several bits is no spike, and runs as bit planes, each set bit an event.

**Gathered** (SpinalFlow: Narayanan, Taht, Balasubramonian, Giacomin, Gaillardon, ISCA 2020): output pixel after output
pixel. The spines of a receptive field, one an input position, hold its events in order of time, and a min-finder merges
them. In each cycle the earliest event goes to all `columns` processing elements, each of which adds its own weight to
its membrane. For an output pixel and a group of output channels with E events under the window:

| cycles | what happens |
|---|---|
| `fill_cycles` | the first event goes through min-finder and FIFO to the array |
| E x (`event_cycles` + ceil(reach / `columns`)) | the events: one a cycle where `columns` suffice |
| 1 in place of all that | when E = 0: the end of the empty spines is seen |

The layer takes the sum over pixels and groups of E + `fill_cycles`
(`test_spike_broadcast.two_pixels_take_their_events_and_the_fill`,
`test_spike_broadcast.a_window_without_events_takes_a_cycle`). Padding holds no spine. That fill is paid for each pixel
and group, and that an empty window takes a cycle, is how a public cycle-stepped re-implementation of SpinalFlow behaves
(`fill_cycles` 2, of which one is the pipeline and one the spines being handed over). Not modelled: stalls by output
queues, which are at most 0.25 % of the cycles there. Differing from it, membranes are reset between pixels and no spike
is lost.

With `input: stream` the events of a window, `entry_bytes` each, come over the spike port while the array works, again
for every group of output channels; a window begins when its events are there.

**Scattered** (Loihi: Davies et al., IEEE Micro 2018, in outline): a core keeps the sums of all its neurons. Its input
events come position after position; each is looked up (`event_cycles`), and then its synapses are worked off, `columns`
of them a cycle: ceil(reached pixels x reached output channels / `columns`). The sums of all pixels leave together after
the last event and `fill_cycles`
(`test_spike_broadcast.a_scattered_event_is_looked_up_once_and_reaches_all_its_pixels`). That a core waits for nothing
but its input rows is an estimate: the barrier after each time step is not modelled.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from accelsim.config import Count, Cycles
from accelsim.dataflows import task as k
from accelsim.dataflows._planes import event_modes, no_spikes
from accelsim.dataflows._windows import count_at, reaches, rows_needed, unrolled, window_sums
from accelsim.dataflows.dataflow import Dataflow, ScheduledSettings, Skip, SpikeMode
from accelsim.dataflows.task import Mask, Schedule, Task, Words, empty_schedule
from accelsim.jit import kernel


class SpikeBroadcastSettings(ScheduledSettings):
    """An array that takes one spike event at a time."""

    dataflow: Literal["spike_broadcast"]
    spike_mode: SpikeMode = Field("time_serial", description="time_serial or bit_serial: every one is an event")
    skip: Skip = Field("zero_bits", description="zero_bits: only spikes are events")
    columns: Count = Field(le=4096, description="processing elements: synapses that an event drives in a cycle")
    outputs: Literal["columns", "all"] = Field(
        "columns", description="output channels that are worked at together: one a processing element, or all of a tile"
    )
    order: Literal["gathered", "scattered"] = Field(
        "gathered",
        description="gathered: a pixel takes the events of its window; scattered: an event goes to all its pixels",
    )
    event_cycles: Cycles = Field(0, le=4096, description="of an event before its synapses are worked off")
    fill_cycles: Cycles = Field(2, le=4096, description="of a pixel and group (gathered), or of a task (scattered)")
    input: Literal["stream", "buffer"] = Field(
        "stream", description="events are read from memory window by window, or lie in the spike buffer"
    )
    entry_bytes: Count = Field(8, le=64, description="of an event, its time step and its number")

    @property
    def pe_shape(self) -> tuple[int, int]:
        return (1, self.columns)

    @property
    def line_bits(self) -> int:
        return 8 * self.entry_bytes


@kernel
def events_at(task: Task, words: Words) -> Any:
    """Ones at each place of the map, int64 [height, width]."""
    return count_at(words, task, 1)


@kernel
def events_under(task: Task, words: Words) -> Any:
    """Ones under the window of each output pixel, int64 [pixels]."""
    return window_sums(count_at(words, task, 1), task)


class SpikeBroadcast(Dataflow):
    """One event a cycle, to all processing elements."""

    settings_class = SpikeBroadcastSettings
    compared_with = "gathered: a public cycle-stepped model of SpinalFlow, on recorded spikes"
    modes = event_modes(
        "an event is one bit of one time step: the bits of a word cannot be one operand",
        "only spikes are events: what is zero is never stored or sent",
    )

    def outputs(self, settings: SpikeBroadcastSettings) -> int:
        return settings.columns if settings.outputs == "columns" else 0

    def streams(self, settings: SpikeBroadcastSettings) -> bool:
        return settings.input == "stream"

    def refuses(self, settings: SpikeBroadcastSettings, task: Task) -> str:
        return no_spikes(task)

    def schedule(self, settings: SpikeBroadcastSettings, task: Task, words: Words, mask: Mask) -> Schedule:
        if settings.order == "scattered":
            return _scattered(settings, task, events_at(task, words))
        return _gathered(settings, task, events_under(task, words))

    def twin(self, settings: SpikeBroadcastSettings, task: Task, words: Words, mask: Mask) -> Schedule:
        if settings.order == "scattered":
            return _walk_events(settings, task, words)
        return _walk_windows(settings, task, words)

    def estimate(self, settings: SpikeBroadcastSettings, task: Task, word_density: float, bit_density: float) -> float:
        reached = reaches(task)
        events = (task.last_channel - task.first_channel) * task.planes * bit_density
        if settings.order == "scattered":
            return float(settings.fill_cycles + events * _cycles_of_scattered(settings, task, reached).sum())
        window = events * reached.sum() / task.pixels
        empty = (1 - bit_density) ** (window / bit_density) if bit_density else 1.0
        cycles = window * _cycles_of_event(settings, task) + (1 - empty) * settings.fill_cycles
        return float(task.pixels * (cycles + empty))


def _cycles_of_event(settings: SpikeBroadcastSettings, task: Task) -> int:
    return settings.event_cycles - (-task.reach // settings.columns)


def _cycles_of_scattered(settings: SpikeBroadcastSettings, task: Task, reached: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of an event at each place of the map; 0 where it reaches no pixel of the task."""
    return np.where(reached > 0, settings.event_cycles - (-reached * task.reach // settings.columns), 0)


def _gathered(settings: SpikeBroadcastSettings, task: Task, events: NDArray[np.int64]) -> Schedule:
    """Two steps a pixel, fill and events, of which an empty window has the first only."""
    found = empty_schedule(2 * task.pixels)
    empty = events == 0
    fill, busy = found.steps[0::2], found.steps[1::2]
    fill[:, k.CYCLES] = np.where(empty, 1, settings.fill_cycles)
    fill[:, k.KIND] = k.FILL_DRAIN
    busy[:, k.CYCLES] = events * _cycles_of_event(settings, task)
    busy[:, k.KIND] = k.BUSY
    busy[:, k.PIXELS] = 1
    fill[:, k.ROW] = busy[:, k.ROW] = rows_needed(task)
    if settings.input == "stream":
        fill[:, k.STREAM] = events * settings.entry_bytes
    fill[empty, k.PIXELS] = 1
    total = int(events.sum())
    _count(found.counts, total, total * task.reach)
    kept = np.column_stack([np.ones_like(empty), ~empty]).ravel()
    return Schedule(found.steps[kept], found.counts)


def _scattered(settings: SpikeBroadcastSettings, task: Task, events: NDArray[np.int64]) -> Schedule:
    """A step for each row of the map whose events reach the task, and one after which all sums leave."""
    reached = reaches(task)
    events = np.where(reached > 0, events, 0)
    of_row = events.sum(axis=1)
    rows = np.flatnonzero(of_row)
    found = empty_schedule(len(rows) + 1)
    steps = found.steps
    steps[:-1, k.CYCLES] = (events * _cycles_of_scattered(settings, task, reached)).sum(axis=1)[rows]
    steps[:-1, k.KIND] = k.BUSY
    steps[:-1, k.ROW] = rows
    if settings.input == "stream":
        steps[:-1, k.STREAM] = of_row[rows] * settings.entry_bytes
    steps[-1, k.CYCLES] = settings.fill_cycles
    steps[-1, k.KIND] = k.FILL_DRAIN
    steps[-1, k.ROW] = rows_needed(task)[-1]
    steps[-1, k.PIXELS] = task.pixels
    synapses = int((events * reached).sum()) * task.reach
    _count(found.counts, int(events.sum()), synapses)
    found.counts[[k.ACCUMULATOR_READS, k.ACCUMULATOR_WRITES]] = synapses
    return found


def _count(counts: NDArray[np.int64], events: int, synapses: int) -> None:
    counts[[k.WORDS, k.LINES, k.LINE_WORDS]] += events
    counts[[k.MACS, k.SUMS, k.WEIGHT_READS]] += synapses


def _walk_windows(settings: SpikeBroadcastSettings, task: Task, words: Words) -> Schedule:
    """As `_gathered`, word after word."""
    steps = []
    counts = np.zeros(k.COUNTS, np.int64)
    for pixel, window in enumerate(unrolled(task, words)):
        events = sum(int(word).bit_count() for word in window.ravel())
        bottom = (task.first_row + pixel // task.out_columns) * task.stride_rows - task.padding_rows
        row = sorted((0, bottom + (task.kernel_rows - 1) * task.dilation_rows, task.height - 1))[1]
        stream = settings.entry_bytes * events if settings.input == "stream" else 0
        if events == 0:
            steps.append((1, 1, 1, k.FILL_DRAIN, row, -1, 0))
            continue
        steps.append((settings.fill_cycles, 1, 0, k.FILL_DRAIN, row, -1, stream))
        steps.append((events * _cycles_of_event(settings, task), 1, 1, k.BUSY, row, -1, 0))
        _count(counts, events, events * task.reach)
    return Schedule(np.array(steps, np.int64), counts)


def _walk_events(settings: SpikeBroadcastSettings, task: Task, words: Words) -> Schedule:
    """As `_scattered`, event after event."""
    steps = []
    counts = np.zeros(k.COUNTS, np.int64)
    for row in range(task.height):
        cycles = events = 0
        for column in range(task.width):
            pixels = sum(
                out_row * task.stride_rows - task.padding_rows + tap_row * task.dilation_rows == row
                and out_column * task.stride_columns - task.padding_columns + tap_column * task.dilation_columns
                == column
                for out_row in range(task.first_row, task.last_row)
                for out_column in range(task.out_columns)
                for tap_row in range(task.kernel_rows)
                for tap_column in range(task.kernel_columns)
            )
            synapses = pixels * task.reach
            for word in words[row, column, task.first_channel : task.last_channel]:
                for _ in range(int(word).bit_count() if pixels else 0):
                    events += 1
                    cycles += settings.event_cycles - (-synapses // settings.columns)
                    _count(counts, 1, synapses)
                    counts[[k.ACCUMULATOR_READS, k.ACCUMULATOR_WRITES]] += synapses
        if events:
            stream = settings.entry_bytes * events if settings.input == "stream" else 0
            steps.append((cycles, 1, 0, k.BUSY, row, -1, stream))
    bottom = (task.last_row - 1) * task.stride_rows - task.padding_rows + (task.kernel_rows - 1) * task.dilation_rows
    row = sorted((0, bottom, task.height - 1))[1]
    steps.append((settings.fill_cycles, 1, task.pixels, k.FILL_DRAIN, row, -1, 0))
    return Schedule(np.array(steps, np.int64), counts)


DATAFLOW = SpikeBroadcast()
