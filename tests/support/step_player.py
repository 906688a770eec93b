"""Schedules played cycle by cycle in plain Python, against memory of given rates: the slow twin of the fabric's player.

Rules. In each cycle the array is in one repetition of one step, or waits to begin it. A repetition begins in the cycle
after the one before it ended, but not before the first WEIGHTS bytes of the task's weights, its ROW of the map and its
STREAM bytes are there; weights are looked at first. The spikes of a repetition are asked for in the cycle in which the
one before begins, those of the first in cycle 0, and take the spike port bytes / rate cycles. In its last cycle a
repetition hands its PIXELS to the neuron unit. Where that has no room, the array waits; it begins what is next in the
cycle in which it hands them over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil

from accelsim.dataflows import Schedule
from accelsim.kernels.steps import BUSY, CYCLES, KIND, PIXELS, REPEAT, ROW, STREAM, WEIGHTS


@dataclass(frozen=True)
class Repetition:
    cycles: int
    pixels: int
    busy: bool
    row: int
    weights: int
    """Bytes of the layer, from the first of its first task on, that must be there."""
    stream: int


@dataclass(frozen=True)
class Memory:
    """What comes when, in cycles after the layer's beginning; by default all is there."""

    weights: Callable[[int], int] = lambda count: 0
    """The first cycle in which so many bytes of the layer's weights, task after task, can be used."""
    row: Callable[[int], int] = lambda row: 0
    """The first cycle in which a row of the input map is there."""
    stream_rate: Fraction | None = None
    """Bytes a cycle of the spike port; None: no limit."""
    stream_latency: int = 0
    """From the beginning of the layer to the first byte of what is streamed; what follows is asked for in time."""


@dataclass(frozen=True)
class NeuronUnit:
    """Takes results one after another, `service` cycles a pixel; a result keeps its place until its last pixel."""

    results: int = 1 << 30
    service: int = 0
    pipeline: int = 0
    release: int = 0
    """Cycles after its last pixel until the place of a result is free."""


@dataclass
class Played:
    cycles: int = 0
    """Cycles until the last repetition ended."""
    end: int = 0
    """Cycles until the neuron unit has served the last pixel."""
    states: Counter[str] = field(default_factory=Counter)


def rate(bytes_per_cycle: int, latency: int = 0) -> Callable[[int], int]:
    """Weights that come one after another."""
    return lambda count: latency + -(-count // bytes_per_cycle) if count else 0


def repetitions(schedules: Sequence[Schedule], loaded: Sequence[int]) -> Iterator[Repetition]:
    """All repetitions of a layer's tasks, of which each loads so many bytes of weights."""
    before = 0
    for schedule, size in zip(schedules, loaded, strict=True):
        for step in schedule.steps.tolist():
            needed = size if step[WEIGHTS] < 0 else min(step[WEIGHTS], size)
            # A step that needs none does not wait for the tasks before either: they have had theirs.
            weights = before + needed if needed else 0
            one = Repetition(step[CYCLES], step[PIXELS], step[KIND] == BUSY, step[ROW], weights, step[STREAM])
            for _ in range(step[REPEAT]):
                yield one
        before += size


def play(
    schedules: Sequence[Schedule],
    loaded: Sequence[int],
    memory: Memory | None = None,
    neurons: NeuronUnit | None = None,
) -> Played:
    """What an array does from cycle 0 on, cycle by cycle."""
    memory, neurons = memory or Memory(), neurons or NeuronUnit()
    played = Played()
    todo = list(repetitions(schedules, loaded))
    port = Fraction(memory.stream_latency)
    places: list[int] = []
    """Cycles in which the results in the neuron unit give up their places."""

    def ask(size: int, now: int) -> int:
        nonlocal port
        if not size or memory.stream_rate is None:
            return now
        port = max(port, Fraction(now)) + size / memory.stream_rate
        return ceil(port)

    now = index = 0
    ends: int | None = None
    streamed = ask(todo[0].stream, 0)
    while index < len(todo):
        one = todo[index]
        if ends is None:
            if memory.weights(one.weights) > now:
                state = "weights missing"
            elif (one.row >= 0 and memory.row(one.row) > now) or streamed > now:
                state = "spikes missing"
            else:
                state = ""
            if state:
                played.states[state] += 1
                now += 1
                continue
            ends = now + one.cycles
            streamed = ask(todo[index + 1].stream, now) if index + 1 < len(todo) else now
        works = now < ends
        if now >= ends - 1:
            room = sum(until + neurons.release > now for until in places) < neurons.results
            if room or not one.pixels:
                if one.pixels:
                    begin = max([now + 1 + neurons.pipeline, *places[-1:]])
                    places.append(begin + one.pixels * neurons.service)
                index, ends = index + 1, None
        if works or ends is not None:
            played.states[("busy" if one.busy else "fill/drain") if works else "output blocked"] += 1
            now += 1
    played.cycles = now
    played.end = max([now, *places[-1:]])
    return played
