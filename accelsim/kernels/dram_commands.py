"""Commands to the banks of a DRAM channel: each sets the first clocks in which those after it may follow.

A channel without requests is refreshed here as well, without being stepped.
"""

from accelsim.jit import kernel
from accelsim.kernels import dram_state as d


@kernel
def activate(dram, channel, entry, clock):
    """Open the row of a request."""
    state = dram.channel[channel]
    settings = dram.settings
    bank = dram.bank[channel, entry[d.Q_BANK]]
    bank[d.B_ROW] = entry[d.Q_ROW]
    bank[d.B_COLUMN_AT] = clock + settings[d.RCD]
    bank[d.B_PRECHARGE_AT] = clock + settings[d.RAS]
    bank[d.B_ACTIVATE_AT] = clock + settings[d.RC]
    state[d.ACTIVATE_AT] = clock + settings[d.RRD_S]
    dram.group[channel, entry[d.Q_BANK] % settings[d.GROUPS], d.G_ACTIVATE_AT] = clock + settings[d.RRD_L]
    state[d.WINDOW + state[d.WINDOW_NEXT]] = clock
    state[d.WINDOW_NEXT] = (state[d.WINDOW_NEXT] + 1) % 4
    entry[d.Q_PATH] = max(entry[d.Q_PATH], d.MISS)
    dram.count[channel, d.N_ACTIVATIONS] += 1


@kernel
def precharge(dram, channel, bank, clock):
    """Close the row of a bank."""
    entry = dram.bank[channel, bank]
    entry[d.B_ROW] = -1
    entry[d.B_ACTIVATE_AT] = max(entry[d.B_ACTIVATE_AT], clock + dram.settings[d.RP])


@kernel
def column(dram, channel, direction, entry, clock):
    """Read or write the burst of a request. Returns the clock at which it has left the data bus."""
    state = dram.channel[channel]
    settings = dram.settings
    bank = dram.bank[channel, entry[d.Q_BANK]]
    own = entry[d.Q_BANK] % settings[d.GROUPS]
    state[d.COLUMN_AT + direction] = max(state[d.COLUMN_AT + direction], clock + settings[d.CCD_S])
    group = dram.group[channel, own]
    group[d.G_COLUMN_AT + direction] = max(group[d.G_COLUMN_AT + direction], clock + settings[d.CCD_L])
    if direction == d.READ:
        end = clock + settings[d.CL] + settings[d.BURST]
        state[d.WRITE_AT] = max(state[d.WRITE_AT], clock + settings[d.RTW])
        bank[d.B_PRECHARGE_AT] = max(bank[d.B_PRECHARGE_AT], clock + settings[d.RTP])
    else:
        end = clock + settings[d.CWL] + settings[d.BURST]
        state[d.COLUMN_AT] = max(state[d.COLUMN_AT], end + settings[d.WTR_S])
        group[d.G_COLUMN_AT] = max(group[d.G_COLUMN_AT], end + settings[d.WTR_L])
        bank[d.B_PRECHARGE_AT] = max(bank[d.B_PRECHARGE_AT], end + settings[d.WR])
    counts = dram.count[channel]
    counts[d.N_READS + direction] += 1
    counts[d.N_HITS + entry[d.Q_PATH]] += 1
    counts[d.N_BUSY] += settings[d.BURST]
    if state[d.LAST] == 1 - direction:
        counts[d.N_TURNS] += 1
    state[d.LAST] = direction
    return end


@kernel
def refresh_ready(dram, channel):
    """(whether a bank is open, first clock in which all may be precharged, first in which all may be refreshed)."""
    open_banks = False
    precharge = 0
    refresh = 0
    for bank in range(dram.bank.shape[1]):
        entry = dram.bank[channel, bank]
        if entry[d.B_ROW] >= 0:
            open_banks = True
            precharge = max(precharge, entry[d.B_PRECHARGE_AT])
        refresh = max(refresh, entry[d.B_ACTIVATE_AT])
    return open_banks, precharge, refresh


@kernel
def precharge_all(dram, channel, clock):
    """Close every bank."""
    for bank in range(dram.bank.shape[1]):
        entry = dram.bank[channel, bank]
        entry[d.B_ROW] = -1
        entry[d.B_ACTIVATE_AT] = max(entry[d.B_ACTIVATE_AT], clock + dram.settings[d.RP_ALL])
    dram.channel[channel, d.NOW_AT] = clock + 1


@kernel
def refresh(dram, channel, clock):
    """Refresh all banks, and look ahead to the next time that is due."""
    for bank in range(dram.bank.shape[1]):
        dram.bank[channel, bank, d.B_ACTIVATE_AT] = clock + dram.settings[d.RFC]
    dram.channel[channel, d.NOW_AT] = clock + 1
    dram.channel[channel, d.REFRESH_AT] += dram.settings[d.REFI]
    dram.count[channel, d.N_REFRESHES] += 1


@kernel
def rest(dram, channel, until):
    """The refreshes before clock `until` of a channel without requests."""
    state = dram.channel[channel]
    while state[d.REFRESH_AT] < until:
        open_banks, precharge, ready = refresh_ready(dram, channel)
        clock = max(state[d.NOW_AT], state[d.REFRESH_AT])
        if open_banks:
            clock = max(clock, precharge)
            if clock >= until:
                return
            precharge_all(dram, channel, clock)
            continue
        clock = max(clock, ready)
        if clock >= until:
            return
        if clock == state[d.REFRESH_AT]:
            # Every further one begins when it is due.
            more = (until - 1 - clock) // dram.settings[d.REFI]
            clock += more * dram.settings[d.REFI]
            state[d.REFRESH_AT] = clock
            dram.count[channel, d.N_REFRESHES] += more
        refresh(dram, channel, clock)
