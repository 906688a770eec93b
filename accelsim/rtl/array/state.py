"""What a cycle of the array counts as."""

from __future__ import annotations

from amaranth.lib import enum


class ArrayState(enum.Enum, shape=3):  # type: ignore[call-arg]
    """States of docs/timing.md: the first that holds counts."""

    BUSY = 0
    FILL_DRAIN = 1
    WEIGHTS_MISSING = 2
    SPIKES_MISSING = 3
    BANK_CONFLICT = 4
    OUTPUT_BLOCKED = 5
    SEQUENCING = 6
    IDLE = 7
