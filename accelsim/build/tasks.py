"""Schedules of the passes of a run."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from accelsim.build.arch import Arch
from accelsim.build.shares import as_taken, make_task
from accelsim.dataflows import NO_MASK, Dataflow, Task, find_dataflow
from accelsim.dataflows import task as t
from accelsim.dataflows._windows import ones_under
from accelsim.dataflows.task import Mask, Words
from accelsim.kernels import state as k
from accelsim.kernels import steps as p
from accelsim.mapping.plan import Range
from accelsim.mapping.work import input_channels
from accelsim.workload.layer import Layer
from accelsim.workload.weight_mask import weight_mask
from accelsim.workload.workload import Workload

EVENT_OF = {
    t.WORDS: k.E_WORDS,
    t.MACS: k.E_MACS,
    t.SUMS: k.E_SUMS,
    t.LINES: k.E_LINES,
    t.LINE_WORDS: k.E_LINE_WORDS,
    t.WEIGHT_READS: k.E_WEIGHT_READS,
    t.ACCUMULATOR_READS: k.E_ACCUMULATOR_READS,
    t.ACCUMULATOR_WRITES: k.E_ACCUMULATOR_WRITES,
}
"""Column of a schedule's counts to the event of the fabric."""


class TaskTable:
    """Schedules the passes of a run: their steps and events, as the fabric reads them."""

    def __init__(self, arch: Arch, workload: Workload) -> None:
        self.settings = arch.settings.pe_array
        flow = find_dataflow(self.settings.dataflow)
        assert isinstance(flow, Dataflow)
        self.flow = flow
        self.workload = workload
        self._steps: list[NDArray[np.int64]] = []
        self._counts: list[NDArray[np.int64]] = []
        self._length = 0
        self.words = lru_cache(2)(self._words)
        self._mask = lru_cache(1)(self._layer_mask)
        self._ones = lru_cache(1)(self._ones_of)

    def _words(self, layer: Layer, image: int) -> Words:
        words = self.workload.input_words(layer.name, image).reshape(layer.in_shape)
        return np.ascontiguousarray(words.transpose(1, 2, 0), dtype=np.int64)

    def _layer_mask(self, layer: Layer) -> Mask:
        return weight_mask(self.workload, layer)

    def _ones_of(self, layer: Layer, image: int, rows: Range, channels: Range) -> int:
        """Ones under all windows of some output rows."""
        return ones_under(make_task(layer, rows, (0, 1), channels), self.words(layer, image))

    def add(self, work: NDArray[np.int64], layer: Layer, image: int, rows: Range, outs: Range, chunk: Range) -> int:
        """Schedule a pass, and fill in where its steps are; returns the bytes that it streams."""
        channels = input_channels(layer, outs, chunk)
        task = as_taken(self.flow, self.settings, make_task(layer, rows, outs, channels))
        schedule = self.flow.schedule(self.settings, task, self.words(layer, image), self._task_mask(layer, task))
        steps = schedule.steps
        streamed = int((steps[:, p.STREAM] * steps[:, p.REPEAT]).sum())
        events = np.zeros(k.EVENTS, np.int64)
        for column, event in EVENT_OF.items():
            events[event] = schedule.counts[column]
        events[k.E_SYNOPS] = self._ones(layer, image, rows, channels) * task.reach
        events[[k.E_DRAM_READ, k.E_BUS_READ]] = streamed
        work[k.W_STEPS], work[k.W_STEP_COUNT] = self._length, len(steps)
        work[k.W_COUNTS] = len(self._counts)
        self._steps.append(steps)
        self._counts.append(events)
        self._length += len(steps)
        return streamed

    def _task_mask(self, layer: Layer, task: Task) -> Mask:
        """Which weights of a task are not zero, rows in the order kernel row, kernel column, channel read."""
        if not self.flow.needs_weights:
            return NO_MASK
        mask = self._mask(layer).reshape(*layer.kernel, layer.in_shape[0], layer.group_outputs)
        first = task.first_out % layer.group_outputs
        chosen = mask[:, :, task.first_channel : task.last_channel, first : first + task.reach]
        if task.reach < task.outs:
            # Of several groups each channel has weights for the outputs of its own.
            channels = np.arange(chosen.shape[2])
            wide = np.zeros((*chosen.shape[:3], task.outs // task.reach, task.reach), np.bool_)
            wide[:, :, channels, channels // layer.group_inputs] = chosen
            chosen = wide
        return np.ascontiguousarray(chosen.reshape(task.inputs, task.outs))

    def steps(self) -> NDArray[np.int64]:
        """[steps, STEP_COLUMNS] of all passes."""
        return np.concatenate([np.zeros((0, p.STEP_COLUMNS), np.int64), *self._steps])

    def counts(self) -> NDArray[np.int64]:
        """[passes, EVENTS]"""
        return np.array(self._counts, np.int64).reshape(-1, k.EVENTS)
