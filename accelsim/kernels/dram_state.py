"""Layout of the state of DRAM channels: flat int64 arrays, and the names of their columns.

Time here is counted in DRAM clocks. CLOCKS / CYCLES of them make a core-clock cycle, an exact ratio; only
`accelsim.kernels.dram_address` converts.
"""

from __future__ import annotations

from typing import NamedTuple

from numpy.typing import NDArray

from accelsim.kernels.network_state import FOREVER as FOREVER

# Settings. Times in clocks carry JEDEC's names; _L holds within a bank group, _S between groups.
(
    CHANNELS,  # of a memory controller
    INTERLEAVE,  # bytes at consecutive addresses that lie in one channel
    BURST_BYTES,
    ROW_BURSTS,
    BANKS,
    GROUPS,  # bank b belongs to group b mod GROUPS
    MAPPING,
    QUEUE,  # reads that a channel takes; the oldest writes that it chooses among
    HIGH,  # writes at which they are drained though reads wait, and at which reads go on
    LOW,
    HIT_CAP,
    CLOSED,  # page policy
    CLOCKS,
    CYCLES,
    BURST,  # clocks that a burst holds the data bus
    CL,
    CWL,
    RCD,
    RP,
    RP_ALL,
    RAS,
    RC,
    WR,
    RTP,
    RTW,
    WTR_S,
    WTR_L,
    CCD_S,
    CCD_L,
    RRD_S,
    RRD_L,
    FAW,
    REFI,  # 0: never refreshed
    RFC,
    SETTINGS,
) = range(35)

# Which digits of a burst's number are its bank, from the highest to the lowest.
ROW_BANK_COLUMN, ROW_COLUMN_BANK, ROW_BANK_COLUMN_GROUP = range(3)

# Directions, and offsets of whatever a channel has for each.
READ, WRITE = 0, 1

# Commands.
NOTHING, ACTIVATE, PRECHARGE, COLUMN, PRECHARGE_ALL, REFRESH = range(6)

# Scalars of a channel. Those that end in _AT are the first clocks in which something may be.
(
    NOW_AT,  # any command
    MODE,  # the direction that is served
    HEAD,  # ring positions of the oldest read and of the oldest write
    HEAD_OF_WRITES,
    COUNT,  # reads and writes waiting
    COUNT_OF_WRITES,
    BYPASSED,  # column commands for others since the oldest became the oldest
    BYPASSED_WRITES,
    COLUMN_AT,  # a read, a write
    WRITE_AT,
    ACTIVATE_AT,
    REFRESH_AT,  # the next refresh is due
    WINDOW,  # clocks of the last four activations, a ring
    WINDOW_1,
    WINDOW_2,
    WINDOW_3,
    WINDOW_NEXT,
    DECIDED,  # COMMAND, ENTRY and COMMAND_AT hold
    COMMAND,
    ENTRY,
    COMMAND_AT,
    LAST,  # direction of the last burst, or -1
    URGENT,  # the write buffer is full
    CHANNEL_SCALARS,
) = range(24)

# Columns of a bank.
B_ROW, B_ACTIVATE_AT, B_PRECHARGE_AT, B_COLUMN_AT, BANK_COLUMNS = range(5)  # B_ROW: the open row, or -1

# Columns of a bank group: the first clocks of a read, of a write and of an activation.
G_COLUMN_AT, G_WRITE_AT, G_ACTIVATE_AT, GROUP_COLUMNS = range(4)

# Columns of a request for a burst. Q_PATH: its bank was open with its row, was closed, or was open with another row.
Q_BURST, Q_BANK, Q_ROW, Q_BYTES, Q_TOKEN, Q_PATH, REQUEST_COLUMNS = range(7)
HIT, MISS, CONFLICT = range(3)

# Counters of a channel.
(
    N_READS,  # bursts
    N_WRITES,
    N_HITS,
    N_MISSES,
    N_CONFLICTS,
    N_ACTIVATIONS,
    N_REFRESHES,
    N_TURNS,  # changes of direction on the data bus
    N_FORWARDED,  # reads answered from writes that still waited
    N_MERGED,  # writes to a burst that already waited
    N_BUSY,  # clocks of the data bus
    N_READS_PEAK,
    N_WRITES_PEAK,
    COUNTERS,
) = range(14)

# Columns of a finished burst: the clock at which it leaves the data bus, and what its request said.
D_DIRECTION, D_END, D_TOKEN, D_BYTES, DONE_COLUMNS = range(5)


class Dram(NamedTuple):
    """The channels of all controllers; those of controller n are n * CHANNELS and the following."""

    settings: NDArray  # [SETTINGS]
    channel: NDArray  # [channels, CHANNEL_SCALARS]
    bank: NDArray  # [channels, BANKS, BANK_COLUMNS]
    group: NDArray  # [channels, GROUPS, GROUP_COLUMNS]
    reads: NDArray  # [channels, a power of two, REQUEST_COLUMNS]
    writes: NDArray  # [channels, a power of two, REQUEST_COLUMNS]
    done: NDArray  # [reads + writes, DONE_COLUMNS] bursts that the last `run` of a channel finished
    count: NDArray  # [channels, COUNTERS]
