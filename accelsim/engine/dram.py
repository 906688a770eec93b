"""DRAM channels as the engine holds them: shape and timing in clocks, and the state of idle channels."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from accelsim.kernels import dram_state as state

MAPPINGS = ("row_bank_column", "row_column_bank", "row_bank_column_group")
"""Address mappings in the order of the kernel's numbers: digits of a burst's number from the highest to the lowest."""

LONG_AGO = -(1 << 40)


@dataclass(frozen=True, slots=True)
class DramTiming:
    """Least distances in DRAM clocks, under JEDEC's names; `_l` within a bank group, `_s` between groups."""

    rcd: int
    """Activation to column command."""
    rp: int
    """Precharge to activation, of one bank and of all at once."""
    rp_all: int
    ras: int
    """Activation to precharge."""
    rc: int
    """Activation to activation of a bank."""
    cl: int
    """Read to the first of its data, and write to the first of its data."""
    cwl: int
    wr: int
    """Last of a write's data to precharge."""
    rtp: int
    """Read to precharge."""
    rtw: int
    """Read to write command."""
    wtr_s: int
    """Last of a write's data to a read."""
    wtr_l: int
    ccd_s: int
    """Column command to the next of the same direction."""
    ccd_l: int
    rrd_s: int
    """Activation to activation of another bank."""
    rrd_l: int
    faw: int
    """Activation to the fourth after it."""
    refi: int
    """Refresh to refresh; 0: never."""
    rfc: int
    """Refresh to activation."""


@dataclass(frozen=True, slots=True)
class DramShape:
    """The channels of a memory controller."""

    channels: int
    interleave_bytes: int
    burst_bytes: int
    burst_clocks: int
    row_bytes: int
    banks: int
    groups: int
    rows: int
    mapping: str
    queue: int
    high: int
    low: int
    hit_cap: int
    closed: bool
    clocks_per_cycle: Fraction
    timing: DramTiming

    @property
    def bytes_per_cycle(self) -> Fraction:
        """Bandwidth of a controller's channels together in bytes a core-clock cycle."""
        return self.channels * self.burst_bytes * self.clocks_per_cycle / self.burst_clocks

    @property
    def capacity_bytes(self) -> int:
        """Memory behind a controller."""
        return self.channels * self.banks * self.rows * self.row_bytes


def _power_of_two(size: int) -> int:
    return 1 << max(0, size - 1).bit_length()


def no_dram() -> state.Dram:
    """No channel at all, for memories without banks."""
    return _empty(np.ones(state.SETTINGS, np.int64), 0, 1, 1, 1, 1)


def make_dram(shape: DramShape, controllers: int, waiting_writes: int) -> state.Dram:
    """Idle channels, their banks closed. A channel holds `waiting_writes` writes at most."""
    settings = np.zeros(state.SETTINGS, np.int64)
    settings[state.CHANNELS] = shape.channels
    settings[state.INTERLEAVE] = shape.interleave_bytes
    settings[state.BURST_BYTES] = shape.burst_bytes
    settings[state.ROW_BURSTS] = shape.row_bytes // shape.burst_bytes
    settings[state.BANKS] = shape.banks
    settings[state.GROUPS] = shape.groups
    settings[state.MAPPING] = MAPPINGS.index(shape.mapping)
    settings[state.QUEUE] = shape.queue
    settings[state.HIGH] = shape.high
    settings[state.LOW] = shape.low
    settings[state.HIT_CAP] = shape.hit_cap
    settings[state.CLOSED] = shape.closed
    settings[state.CLOCKS] = shape.clocks_per_cycle.numerator
    settings[state.CYCLES] = shape.clocks_per_cycle.denominator
    settings[state.BURST] = shape.burst_clocks
    timing = shape.timing
    settings[state.CL : state.SETTINGS] = (
        timing.cl,
        timing.cwl,
        timing.rcd,
        timing.rp,
        timing.rp_all,
        timing.ras,
        timing.rc,
        timing.wr,
        timing.rtp,
        timing.rtw,
        timing.wtr_s,
        timing.wtr_l,
        timing.ccd_s,
        timing.ccd_l,
        timing.rrd_s,
        timing.rrd_l,
        timing.faw,
        timing.refi,
        timing.rfc,
    )
    dram = _empty(
        settings,
        controllers * shape.channels,
        shape.banks,
        shape.groups,
        _power_of_two(shape.queue),
        _power_of_two(waiting_writes),
    )
    dram.bank[:, :, state.B_ROW] = -1
    dram.channel[:, state.WINDOW : state.WINDOW + 4] = LONG_AGO
    dram.channel[:, state.LAST] = -1
    dram.channel[:, state.REFRESH_AT] = timing.refi or state.FOREVER
    return dram


def _empty(settings: np.ndarray, channels: int, banks: int, groups: int, reads: int, writes: int) -> state.Dram:
    def zeros(*dimensions: int) -> np.ndarray:
        return np.zeros(dimensions, np.int64)

    return state.Dram(
        settings=settings,
        channel=zeros(channels, state.CHANNEL_SCALARS),
        bank=zeros(channels, banks, state.BANK_COLUMNS),
        group=zeros(channels, groups, state.GROUP_COLUMNS),
        reads=zeros(channels, reads, state.REQUEST_COLUMNS),
        writes=zeros(channels, writes, state.REQUEST_COLUMNS),
        done=zeros(reads + writes, state.DONE_COLUMNS),
        count=zeros(channels, state.COUNTERS),
    )
