"""Where a byte lies in DRAM channels, and when their clocks are: the one place that converts clocks and cycles."""

from accelsim.jit import kernel
from accelsim.kernels import dram_state as d


@kernel
def first_clock(dram, t):
    """The first clock that begins in cycle t or later."""
    cycles = dram.settings[d.CYCLES]
    return (t * dram.settings[d.CLOCKS] + cycles - 1) // cycles


@kernel
def end_cycle(dram, clock):
    """The first cycle that begins when `clock` clocks have passed, or later."""
    clocks = dram.settings[d.CLOCKS]
    return (clock * dram.settings[d.CYCLES] + clocks - 1) // clocks


@kernel
def cycle_at(dram, clock):
    """The cycle in which a clock begins."""
    return clock * dram.settings[d.CYCLES] // dram.settings[d.CLOCKS]


@kernel
def channel_of(dram, controller, address):
    """The channel in which a byte of a controller's memory lies."""
    channels = dram.settings[d.CHANNELS]
    return controller * channels + address // dram.settings[d.INTERLEAVE] % channels


@kernel
def burst_of(dram, address):
    """The number, in its channel, of the burst that holds a byte."""
    interleave = dram.settings[d.INTERLEAVE]
    stripe = address // interleave // dram.settings[d.CHANNELS]
    return (stripe * interleave + address % interleave) // dram.settings[d.BURST_BYTES]


@kernel
def place(dram, burst):
    """(bank, row) of a burst."""
    settings = dram.settings
    banks = settings[d.BANKS]
    columns = settings[d.ROW_BURSTS]
    if settings[d.MAPPING] == d.ROW_COLUMN_BANK:
        return burst % banks, burst // banks // columns
    if settings[d.MAPPING] == d.ROW_BANK_COLUMN:
        return burst // columns % banks, burst // columns // banks
    groups = settings[d.GROUPS]
    in_group = burst // groups // columns
    return burst % groups + groups * (in_group % (banks // groups)), in_group // (banks // groups)
