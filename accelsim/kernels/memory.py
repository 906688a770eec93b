"""DRAM channels behind their memory controllers: bandwidth, latency and bounded queues, one cycle at a time."""

from accelsim.jit import kernel
from accelsim.kernels.network import has_room, return_credit, send
from accelsim.kernels.state import (
    C_BUSY,
    C_COPY,
    C_CURRENT,
    C_FREE,
    C_NODE,
    C_QUEUED,
    C_READY,
    C_READY_HEAD,
    C_WAKE,
    C_WRITE_PEAK,
    C_WRITES,
    D_BYTES,
    D_COUNT,
    D_FIRST,
    D_KIND,
    D_LAYER,
    E_DRAM_READ,
    FOREVER,
    LAST_MOVE,
    LAST_WORK,
    M_CHUNK,
    M_COST,
    M_LATENCY,
    M_RATE,
    M_WRITE_BUFFER,
    T_FLIT_BITS,
    T_HEADER_BITS,
)


@kernel
def write(clock, memory, channel, t, time_bin):
    """Writes go first: a chunk of what waits leaves the write buffer when the bus is free."""
    state = memory.channel[channel]
    settings = memory.settings
    if state[C_WRITES] > state[C_WRITE_PEAK]:
        state[C_WRITE_PEAK] = state[C_WRITES]
    while state[C_WRITES] > 0 and state[C_FREE] < (t + 1) * settings[M_RATE]:
        chunk = min(settings[M_CHUNK], state[C_WRITES])
        state[C_FREE] = max(state[C_FREE], t * settings[M_RATE]) + chunk * settings[M_COST]
        state[C_BUSY] += chunk * settings[M_COST]
        state[C_WRITES] -= chunk
        memory.write_bins[channel, time_bin] += chunk
        clock.scalars[LAST_MOVE] = t
        last = (state[C_FREE] + settings[M_RATE] - 1) // settings[M_RATE] - 1
        clock.scalars[LAST_WORK] = max(clock.scalars[LAST_WORK], last)


@kernel
def release_credits(network, memory, channel, t):
    """Give back one credit that was held while the write buffer was full."""
    state = memory.channel[channel]
    if state[C_WRITES] > memory.settings[M_WRITE_BUFFER]:
        return
    for vc in range(memory.held.shape[1]):
        if memory.held[channel, vc] > 0:
            memory.held[channel, vc] -= 1
            return_credit(network, state[C_NODE], vc, t)
            return


@kernel
def take_next(memory, channel):
    """The transfer that comes first in the program leaves the queue: what is needed first is read first."""
    state = memory.channel[channel]
    queue = memory.queue[channel]
    first = 0
    for place in range(1, state[C_QUEUED]):
        if queue[place] < queue[first]:
            first = place
    state[C_QUEUED] -= 1
    state[C_CURRENT] = queue[first]
    queue[first] = queue[state[C_QUEUED]]


@kernel
def read(clock, tiles, memory, channel, t, time_bin):
    """Chunks of one transfer after another occupy the bus; their data are there a latency later."""
    state = memory.channel[channel]
    settings = memory.settings
    slots = memory.ready.shape[1]
    while state[C_READY] < slots and state[C_FREE] < (t + 1) * settings[M_RATE]:
        if state[C_CURRENT] < 0:
            if state[C_QUEUED] == 0:
                return
            take_next(memory, channel)
        transfer = memory.transfer[state[C_CURRENT]]
        chunk = min(settings[M_CHUNK], transfer[D_BYTES])
        state[C_FREE] = max(state[C_FREE], t * settings[M_RATE]) + chunk * settings[M_COST]
        state[C_BUSY] += chunk * settings[M_COST]
        entry = memory.ready[channel, (state[C_READY_HEAD] + state[C_READY]) % slots]
        entry[0] = (state[C_FREE] + settings[M_RATE] - 1) // settings[M_RATE] + settings[M_LATENCY]
        entry[1] = state[C_CURRENT]
        entry[2] = chunk
        state[C_READY] += 1
        transfer[D_BYTES] -= chunk
        if transfer[D_BYTES] == 0:
            state[C_CURRENT] = -1
        tiles.events[transfer[D_LAYER], E_DRAM_READ] += chunk
        memory.read_bins[channel, time_bin] += chunk
        clock.scalars[LAST_MOVE] = t


@kernel
def answer(clock, network, tiles, memory, channel, t):
    """Send the front chunk, when its data are there, to its next destination: one packet a cycle."""
    state = memory.channel[channel]
    if state[C_READY] == 0:
        return
    entry = memory.ready[channel, state[C_READY_HEAD]]
    if entry[0] > t:
        return
    transfer = memory.transfer[entry[1]]
    payload = entry[2]
    settings = tiles.settings
    flits = (settings[T_HEADER_BITS] + 8 * payload + settings[T_FLIT_BITS] - 1) // settings[T_FLIT_BITS]
    node = state[C_NODE]
    if not has_room(network, node, flits):
        return
    target = memory.destination[transfer[D_FIRST] + state[C_COPY]]
    send(
        clock,
        network,
        node,
        target[0],
        flits,
        target[1],
        payload,
        transfer[D_KIND],
        payload,
        transfer[D_LAYER],
        t + 1,
    )
    clock.scalars[LAST_MOVE] = t
    state[C_COPY] += 1
    if state[C_COPY] == transfer[D_COUNT]:
        state[C_COPY] = 0
        state[C_READY_HEAD] = (state[C_READY_HEAD] + 1) % memory.ready.shape[1]
        state[C_READY] -= 1


@kernel
def memory_cycle(clock, network, tiles, memory, channel, t, time_bin):
    """One cycle of a channel; sets the next cycle in which it has to be looked at."""
    state = memory.channel[channel]
    settings = memory.settings
    answer(clock, network, tiles, memory, channel, t)
    write(clock, memory, channel, t, time_bin)
    release_credits(network, memory, channel, t)
    read(clock, tiles, memory, channel, t, time_bin)
    wake = FOREVER
    if state[C_READY] > 0:
        wake = max(memory.ready[channel, state[C_READY_HEAD], 0], t + 1)
    room = state[C_READY] < memory.ready.shape[1]
    if state[C_WRITES] > 0 or (room and (state[C_QUEUED] > 0 or state[C_CURRENT] >= 0)):
        wake = min(wake, max(state[C_FREE] // settings[M_RATE], t + 1))
    if memory.held[channel].any():
        wake = min(wake, t + 1)
    state[C_WAKE] = wake
