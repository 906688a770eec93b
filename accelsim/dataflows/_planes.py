"""Arrays of adders, which a spike gates: they take words bit plane by bit plane."""

from __future__ import annotations

import functools

import numpy as np

from accelsim.dataflows._windows import reaches
from accelsim.dataflows.dataflow import Skip, SpikeMode
from accelsim.dataflows.task import Task, Words


def plane_modes(*, nothing: str = "", silent_words: str = "", zero_bits: str = "") -> dict[tuple[SpikeMode, Skip], str]:
    """Modes of an array that takes bit planes: for each skip the reason why it cannot be done, "" where it can."""
    skips: dict[Skip, str] = {"nothing": nothing, "silent_words": silent_words, "zero_bits": zero_bits}
    others: dict[SpikeMode, str] = {
        "packed": "an adder takes one bit a cycle: bit_serial",
        "time_serial": "the bits of a time step are added one by one: bit_serial, the same where a step has one bit",
    }
    modes: dict[tuple[SpikeMode, Skip], str] = {("bit_serial", skip): reason for skip, reason in skips.items()}
    return modes | {(mode, skip): reason for mode, reason in others.items() for skip in skips}


def event_modes(apart: str, spikes_alone: str) -> dict[tuple[SpikeMode, Skip], str]:
    """Modes of an array that takes ones as events of one time step, or bit plane.

    `apart` is why it takes no packed words, `spikes_alone` why it cannot but skip zero bits.
    """
    skips: tuple[Skip, ...] = ("nothing", "silent_words", "zero_bits")
    serial: tuple[SpikeMode, ...] = ("bit_serial", "time_serial")
    modes: dict[tuple[SpikeMode, Skip], str] = {("packed", skip): apart for skip in skips}
    return modes | {(mode, skip): "" if skip == "zero_bits" else spikes_alone for mode in serial for skip in skips}


def no_spikes(task: Task) -> str:
    """Why the words of a layer are no spikes; "" if they are."""
    return f"words of {task.step_bits} bits in one time step are no spikes" if task.step_bits > 1 else ""


def inside_share(task: Task) -> float:
    """Share of the windows that lies inside the map."""
    return float(reaches(task).sum()) / (task.pixels * task.kernel_rows * task.kernel_columns)


@functools.lru_cache(64)
def drawn_words(count: int, planes: int, word_density: float, bit_density: float) -> Words:
    """Words, int64 [count], always the same ones, that are nonzero and whose bits are set with these probabilities.

    A share of the words is active, and a bit of those is set with a probability that makes both come out: what spikes
    that go on from step to step look like. Independent bits are the case in which all words are active.
    """
    low, high = 0.0, 1.0
    for _ in range(30):
        bit = (low + high) / 2
        if (1 - (1 - bit) ** planes) * bit_density > word_density * bit:
            low = bit
        else:
            high = bit
    bit = max(high, bit_density)
    active = bit_density / bit if bit > 0 else 0.0
    random = np.random.default_rng(0)
    bits = (random.random((planes, count)) < bit) & (random.random(count) < active)
    return np.tensordot(1 << np.arange(planes), bits, 1).astype(np.int64)
