"""Arrays of adders, which a spike gates: they take words bit plane by bit plane."""

from __future__ import annotations

from accelsim.dataflows.dataflow import Skip, SpikeMode
from accelsim.dataflows.task import Task


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
