"""DRAM channels behind their memory controllers: bandwidth, latency and bounded queues, one cycle at a time."""

from accelsim.jit import kernel
from accelsim.kernels import network_state as n
from accelsim.kernels import state as k
from accelsim.kernels.delivery import send
from accelsim.kernels.network import has_room
from accelsim.kernels.wires import return_credit


@kernel
def occupy(clock, memory, state, size, t, bins):
    """Put bytes on the bus from cycle t on, or as soon as it is free, and book them in the bins that they take."""
    settings = memory.settings
    rate = settings[k.M_RATE]
    start = max(state[k.C_FREE], t * rate)
    duration = size * settings[k.M_COST]
    state[k.C_FREE] = start + duration
    state[k.C_BUSY] += duration
    shift = clock.scalars[k.BIN_SHIFT]
    first = start // rate
    cycles = max(1, (state[k.C_FREE] + rate - 1) // rate - first)
    last_bin = (first + cycles - 1) >> shift
    booked = 0
    for time_bin in range(first >> shift, last_bin):
        upto = size * (((time_bin + 1) << shift) - first) // cycles
        bins[time_bin] += upto - booked
        booked = upto
    bins[last_bin] += size - booked


@kernel
def write(clock, memory, channel, t):
    """Writes go first: a chunk of what waits leaves the write buffer when the bus is free."""
    state = memory.channel[channel]
    settings = memory.settings
    if state[k.C_WRITES] > state[k.C_WRITE_PEAK]:
        state[k.C_WRITE_PEAK] = state[k.C_WRITES]
    while state[k.C_WRITES] > 0 and state[k.C_FREE] < (t + 1) * settings[k.M_RATE]:
        chunk = min(settings[k.M_CHUNK], state[k.C_WRITES])
        occupy(clock, memory, state, chunk, t, memory.write_bins[channel])
        state[k.C_WRITES] -= chunk
        clock.scalars[k.LAST_MOVE] = t
        last = (state[k.C_FREE] + settings[k.M_RATE] - 1) // settings[k.M_RATE] - 1
        clock.scalars[k.LAST_WORK] = max(clock.scalars[k.LAST_WORK], last)


@kernel
def release_credits(network, memory, channel, t):
    """Give back one credit that was held while the write buffer was full."""
    state = memory.channel[channel]
    if state[k.C_WRITES] > memory.settings[k.M_WRITE_BUFFER]:
        return
    for vc in range(memory.held.shape[1]):
        if memory.held[channel, vc] > 0:
            memory.held[channel, vc] -= 1
            return_credit(network, state[k.C_NODE], vc, t)
            return


@kernel
def take_next(memory, channel):
    """The transfer that comes first in the program leaves the queue: what is needed first is read first."""
    state = memory.channel[channel]
    queue = memory.queue[channel]
    first = 0
    for place in range(1, state[k.C_QUEUED]):
        if queue[place] < queue[first]:
            first = place
    state[k.C_QUEUED] -= 1
    state[k.C_CURRENT] = queue[first]
    queue[first] = queue[state[k.C_QUEUED]]


@kernel
def read(clock, tiles, memory, channel, t):
    """Chunks of one transfer after another occupy the bus; their data are there a latency later."""
    state = memory.channel[channel]
    settings = memory.settings
    slots = memory.ready.shape[1]
    while state[k.C_READY] < slots and state[k.C_FREE] < (t + 1) * settings[k.M_RATE]:
        if state[k.C_CURRENT] < 0:
            if state[k.C_QUEUED] == 0:
                return
            take_next(memory, channel)
        transfer = memory.transfer[state[k.C_CURRENT]]
        chunk = min(settings[k.M_CHUNK], transfer[k.D_BYTES])
        occupy(clock, memory, state, chunk, t, memory.read_bins[channel])
        entry = memory.ready[channel, (state[k.C_READY_HEAD] + state[k.C_READY]) % slots]
        entry[0] = (state[k.C_FREE] + settings[k.M_RATE] - 1) // settings[k.M_RATE] + settings[k.M_LATENCY]
        entry[1] = state[k.C_CURRENT]
        entry[2] = chunk
        state[k.C_READY] += 1
        transfer[k.D_BYTES] -= chunk
        if transfer[k.D_BYTES] == 0:
            state[k.C_CURRENT] = -1
        tiles.events[transfer[k.D_LAYER], k.E_DRAM_READ] += chunk
        clock.scalars[k.LAST_MOVE] = t


@kernel
def answer(clock, network, tiles, memory, channel, t):
    """Send the front chunk, when its data are there, to its next target: one packet a cycle."""
    state = memory.channel[channel]
    if state[k.C_READY] == 0:
        return
    entry = memory.ready[channel, state[k.C_READY_HEAD]]
    if entry[0] > t:
        return
    transfer = memory.transfer[entry[1]]
    payload = entry[2]
    settings = tiles.settings
    flits = (settings[k.T_HEADER_BITS] + 8 * payload + settings[k.T_FLIT_BITS] - 1) // settings[k.T_FLIT_BITS]
    node = state[k.C_NODE]
    if not has_room(network, node, flits):
        return
    target = transfer[k.D_TREE]
    group = transfer[k.D_FIRST]
    copies = transfer[k.D_COUNT]
    if target < n.TREES:
        target = memory.destination[transfer[k.D_FIRST] + state[k.C_COPY], 0]
        group = memory.destination[transfer[k.D_FIRST] + state[k.C_COPY], 1]
        copies = 1
    layer = transfer[k.D_LAYER]
    send(clock, network, node, target, flits, group, 0, payload, transfer[k.D_KIND], payload, layer, t + 1)
    tiles.events[layer, k.E_MEMORY_FLITS] += flits
    clock.scalars[k.LAST_MOVE] = t
    state[k.C_COPY] += copies
    if state[k.C_COPY] == transfer[k.D_COUNT]:
        state[k.C_COPY] = 0
        state[k.C_READY_HEAD] = (state[k.C_READY_HEAD] + 1) % memory.ready.shape[1]
        state[k.C_READY] -= 1


@kernel
def memory_cycle(clock, network, tiles, memory, channel, t):
    """One cycle of a channel; sets the next cycle in which it has to be looked at."""
    state = memory.channel[channel]
    settings = memory.settings
    answer(clock, network, tiles, memory, channel, t)
    write(clock, memory, channel, t)
    release_credits(network, memory, channel, t)
    read(clock, tiles, memory, channel, t)
    wake = k.FOREVER
    if state[k.C_READY] > 0:
        wake = max(memory.ready[channel, state[k.C_READY_HEAD], 0], t + 1)
    room = state[k.C_READY] < memory.ready.shape[1]
    if state[k.C_WRITES] > 0 or (room and (state[k.C_QUEUED] > 0 or state[k.C_CURRENT] >= 0)):
        wake = min(wake, max(state[k.C_FREE] // settings[k.M_RATE], t + 1))
    if memory.held[channel].any():
        wake = min(wake, t + 1)
    state[k.C_WAKE] = wake
