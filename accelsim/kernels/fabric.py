"""The fabric: everything that is stepped in cycles, under one clock."""

from accelsim.jit import borrowed, kernel, trailing_zeros
from accelsim.kernels import dram_state as d
from accelsim.kernels import network_state as n
from accelsim.kernels import state as k
from accelsim.kernels.delivery import deliver
from accelsim.kernels.memory import memory_cycle
from accelsim.kernels.network import network_cycle
from accelsim.kernels.sram import ask_to_write, write_flit
from accelsim.kernels.tile import tile_cycle
from accelsim.kernels.wires import next_arrival


@kernel
def fold(clock, network, tiles, memory):
    """Double the width of the timeline's bins, adding pairs, so that any length of run fits."""
    bins = tiles.bins.shape[1]
    half = bins // 2
    for tile in range(tiles.bins.shape[0]):
        for pair in range(half):
            for state in range(k.STATES):
                tiles.bins[tile, pair, state] = (
                    tiles.bins[tile, 2 * pair, state] + tiles.bins[tile, 2 * pair + 1, state]
                )
        tiles.bins[tile, half:] = 0
    for pair in range(half):
        for link in range(network.link_bins.shape[1]):
            network.link_bins[pair, link] = network.link_bins[2 * pair, link] + network.link_bins[2 * pair + 1, link]
    network.link_bins[half:] = 0
    for rows in (memory.read_bins, memory.write_bins):
        for row in range(rows.shape[0]):
            for pair in range(half):
                rows[row, pair] = rows[row, 2 * pair] + rows[row, 2 * pair + 1]
            rows[row, half:] = 0
    clock.scalars[k.BIN_SHIFT] += 1


@kernel
def wake_tiles(tiles, t):
    """Tiles whose time has come are looked at again."""
    for tile in range(tiles.wake.shape[0]):
        if tiles.wake[tile] <= t:
            tiles.wake[tile] = k.FOREVER
            tiles.active[tile >> 5] |= 1 << (tile & 31)


@kernel
def step(clock, network, tiles, memory, t):
    """One cycle of every unit that has something to do. Returns whether a unit asks for the next cycle.

    Memory and tiles meet at the network, where their order does not matter. Without one memory goes first: what came
    before a cycle is there for it, and what a tile stores in a cycle memory sees in the next.
    """
    time_bin = t >> clock.scalars[k.BIN_SHIFT]
    busy = False
    if tiles.settings[k.T_SCHEDULED]:
        wake_tiles(tiles, t)
    for channel in range(memory.channel.shape[0]):
        if memory.channel[channel, k.C_WAKE] <= t:
            memory_cycle(clock, network, tiles, memory, channel, t)
    for word in range(tiles.active.shape[0]):
        active = tiles.active[word]
        sinking = tiles.sinking[word]
        bits = active | sinking
        while bits:
            offset = trailing_zeros(bits)
            bits &= bits - 1
            tile = word * 32 + offset
            reading = (active >> offset) & 1
            after_reads = (sinking >> offset) & 1 and ask_to_write(tiles, tile, reading, t)
            if reading and not tile_cycle(clock, network, tiles, memory, tile, t):
                tiles.active[word] &= ~(1 << offset)
            if after_reads:
                write_flit(tiles, tile, t)
    busy = network_cycle(network, t, time_bin)
    deliver(clock, network, tiles, memory, t)
    for word in range(tiles.active.shape[0]):
        busy = busy or tiles.active[word] != 0 or tiles.sinking[word] != 0
    return busy


@kernel
def next_wake(network, tiles, memory, t):
    """The first cycle from t on in which a unit that is idle now has something to do, or k.FOREVER."""
    wake = k.FOREVER
    if tiles.settings[k.T_SCHEDULED]:
        for tile in range(tiles.wake.shape[0]):
            wake = min(wake, tiles.wake[tile])
    for channel in range(memory.channel.shape[0]):
        wake = min(wake, max(memory.channel[channel, k.C_WAKE], t))
    return min(wake, next_arrival(network, t))


@kernel
def is_timed(tiles, memory, t):
    """Whether a step, a burst on a DRAM bus, or its latency, ends after cycle t: time alone will move something."""
    for tile in range(tiles.wake.shape[0]):
        if tiles.wake[tile] < k.FOREVER:
            return True
    for channel in range(memory.channel.shape[0]):
        state = memory.channel[channel]
        if state[k.C_FREE] > (t + 1) * state[k.C_RATE]:
            return True
        if state[k.C_READY] > 0 and memory.ready[channel, state[k.C_READY_HEAD], k.R_CYCLE] > t:
            return True
        if memory.settings[k.M_KIND] == k.PORTS and t < state[k.C_WAKE] < k.FOREVER:
            return True
    requests = memory.dram.channel[:, d.COUNT : d.COUNT_OF_WRITES + 1]
    return bool(requests.any())


@kernel
def advance(clock, network, tiles, memory, until, patience):
    """Step cycles below `until`; stop after the first that completes a watched group.

    Returns 0 when it stopped there or at `until`; 1, without going further, when nothing will ever move again by
    itself; 2 when units are busy but nothing has moved for `patience` cycles and no DRAM burst is under way. Idle
    units are skipped to their next wake time.
    """
    clock = borrowed(clock)
    network = borrowed(network)
    tiles = borrowed(tiles)
    memory = borrowed(memory)
    scalars = clock.scalars
    # What a DRAM channel begins in a cycle is booked up to its end.
    ahead = memory.settings[k.M_AHEAD]
    still = 0
    while scalars[k.NOW] < until:
        t = scalars[k.NOW]
        while (t + ahead) >> scalars[k.BIN_SHIFT] >= tiles.bins.shape[1]:
            fold(clock, network, tiles, memory)
        busy = step(clock, network, tiles, memory, t)
        scalars[k.NOW] = t + 1
        if scalars[k.COMPLETED] > 0:
            return 0
        moved = scalars[k.LAST_MOVE] == t or network.scalars[n.LAST_MOVE] == t
        still = 0 if moved else still + 1
        if still > patience:
            if not is_timed(tiles, memory, t):
                return 2
            still = 0
        if not busy:
            wake = next_wake(network, tiles, memory, t + 1)
            if wake == k.FOREVER:
                return 1
            scalars[k.NOW] = min(wake, until)
    return 0
