"""Memory controllers: what is asked for and what is to be written, bounded queues, one cycle at a time.

Behind a controller lies a pipe of some bandwidth and latency, or channels of banks (`accelsim.kernels.dram`). A tile
without a network may have ports of its own instead, one a kind of traffic.
"""

from accelsim.jit import kernel
from accelsim.kernels import dram_state as d
from accelsim.kernels import network_state as n
from accelsim.kernels import state as k
from accelsim.kernels.delivery import put_bytes, send
from accelsim.kernels.dram import find, push, run, urge, wake_clock
from accelsim.kernels.dram import has_room as takes_read
from accelsim.kernels.dram_address import burst_of, channel_of, cycle_at, end_cycle, first_clock
from accelsim.kernels.network import has_room, is_direct
from accelsim.kernels.wires import return_credit


@kernel
def occupy(clock, memory, state, size, t, bins):
    """Put bytes on the bus from cycle t on, or as soon as it is free, and book them in the bins that they take."""
    rate = state[k.C_RATE]
    start = max(state[k.C_FREE], t * rate)
    duration = size * state[k.C_COST]
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
    while state[k.C_WRITES] > 0 and state[k.C_FREE] < (t + 1) * state[k.C_RATE]:
        chunk = min(settings[k.M_CHUNK], state[k.C_WRITES])
        occupy(clock, memory, state, chunk, t, memory.write_bins[channel])
        state[k.C_WRITES] -= chunk
        clock.scalars[k.LAST_MOVE] = t
        last = (state[k.C_FREE] + state[k.C_RATE] - 1) // state[k.C_RATE] - 1
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
def take_next(memory, channel, latest):
    """The transfer that comes first in the program leaves the queue: what is needed first is read first.

    Returns whether there is one among those asked for up to cycle `latest`.
    """
    state = memory.channel[channel]
    queue = memory.queue[channel]
    first = -1
    for place in range(state[k.C_QUEUED]):
        if memory.transfer[queue[place], k.D_ASKED] <= latest and (first < 0 or queue[place] < queue[first]):
            first = place
    if first < 0:
        return False
    state[k.C_QUEUED] -= 1
    state[k.C_CURRENT] = queue[first]
    queue[first] = queue[state[k.C_QUEUED]]
    return True


@kernel
def read(clock, tiles, memory, channel, t):
    """Chunks of one transfer after another occupy the bus; their data are there a latency later."""
    state = memory.channel[channel]
    settings = memory.settings
    slots = memory.ready.shape[1]
    while state[k.C_READY] < slots and state[k.C_FREE] < (t + 1) * state[k.C_RATE]:
        if state[k.C_CURRENT] < 0 and not take_next(memory, channel, t):
            return
        transfer = memory.transfer[state[k.C_CURRENT]]
        chunk = min(settings[k.M_CHUNK], transfer[k.D_BYTES])
        occupy(clock, memory, state, chunk, t, memory.read_bins[channel])
        entry = memory.ready[channel, (state[k.C_READY_HEAD] + state[k.C_READY]) % slots]
        entry[k.R_CYCLE] = (state[k.C_FREE] + state[k.C_RATE] - 1) // state[k.C_RATE] + settings[k.M_LATENCY]
        entry[k.R_TRANSFER] = state[k.C_CURRENT]
        entry[k.R_BYTES] = chunk
        entry[k.R_PARTS] = 0
        state[k.C_READY] += 1
        transfer[k.D_BYTES] -= chunk
        if transfer[k.D_BYTES] == 0:
            state[k.C_CURRENT] = -1
        tiles.events[transfer[k.D_LAYER], k.E_DRAM_READ] += chunk
        tiles.events[transfer[k.D_LAYER], k.E_BUS_READ] += chunk
        clock.scalars[k.LAST_MOVE] = t


@kernel
def answer(clock, network, tiles, memory, channel, t):
    """Send the front chunk, when its data are there, to its next target: one packet a cycle."""
    state = memory.channel[channel]
    if state[k.C_READY] == 0:
        return
    entry = memory.ready[channel, state[k.C_READY_HEAD]]
    if entry[k.R_PARTS] > 0 or entry[k.R_CYCLE] > t:
        return
    transfer = memory.transfer[entry[k.R_TRANSFER]]
    payload = entry[k.R_BYTES]
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
def begin_chunk(tiles, memory, channel, t):
    """Take the next chunk of the transfer that is read, or of the next one. Returns whether there is one, and room."""
    state = memory.channel[channel]
    slots = memory.ready.shape[1]
    if state[k.C_READY] == slots:
        return False
    if state[k.C_CURRENT] < 0:
        if not take_next(memory, channel, t):
            return False
        state[k.C_NEXT] = memory.transfer[state[k.C_CURRENT], k.D_ADDRESS]
    transfer = memory.transfer[state[k.C_CURRENT]]
    chunk = min(memory.settings[k.M_CHUNK], transfer[k.D_BYTES])
    entry = memory.ready[channel, (state[k.C_READY_HEAD] + state[k.C_READY]) % slots]
    entry[k.R_CYCLE] = t
    entry[k.R_TRANSFER] = state[k.C_CURRENT]
    entry[k.R_BYTES] = chunk
    entry[k.R_PARTS] = 1
    state[k.C_READY] += 1
    state[k.C_CUT] = 1
    transfer[k.D_BYTES] -= chunk
    transfer[k.D_ADDRESS] += chunk
    if transfer[k.D_BYTES] == 0:
        state[k.C_CURRENT] = -1
    tiles.events[transfer[k.D_LAYER], k.E_DRAM_READ] += chunk
    return True


@kernel
def cut(clock, tiles, memory, channel, t):
    """Ask the channels of banks for the bursts of chunk after chunk, in order, while they take them.

    A burst that two chunks of a transfer share is read once, for the first of them: the second leaves later in any
    case. What still waits to be written is answered from there.
    """
    state = memory.channel[channel]
    dram = memory.dram
    burst_bytes = dram.settings[d.BURST_BYTES]
    slots = memory.ready.shape[1]
    while state[k.C_CUT] or begin_chunk(tiles, memory, channel, t):
        slot = (state[k.C_READY_HEAD] + state[k.C_READY] - 1) % slots
        entry = memory.ready[channel, slot]
        transfer = memory.transfer[entry[k.R_TRANSFER]]
        while state[k.C_NEXT] < transfer[k.D_ADDRESS]:
            address = state[k.C_NEXT]
            home = channel_of(dram, channel, address)
            if not takes_read(dram, home):
                return
            burst = burst_of(dram, address)
            # Bytes of the transfer after this chunk come with the burst too.
            upto = min((address // burst_bytes + 1) * burst_bytes, transfer[k.D_ADDRESS] + transfer[k.D_BYTES])
            state[k.C_NEXT] = upto
            clock.scalars[k.LAST_MOVE] = t
            if find(dram, home, d.WRITE, burst) >= 0:
                dram.count[home, d.N_FORWARDED] += 1
                entry[k.R_CYCLE] = max(entry[k.R_CYCLE], t + memory.settings[k.M_LATENCY])
            else:
                entry[k.R_PARTS] += 1
                tiles.events[transfer[k.D_LAYER], k.E_BUS_READ] += burst_bytes
                push(dram, home, d.READ, burst, upto - address, slot, first_clock(dram, t))
        entry[k.R_PARTS] -= 1
        state[k.C_CUT] = 0


@kernel
def serve(clock, memory, channel, t):
    """Run the channels of a controller through cycle t. Returns whether bursts were read or written."""
    state = memory.channel[channel]
    dram = memory.dram
    settings = memory.settings
    shift = clock.scalars[k.BIN_SHIFT]
    channels = dram.settings[d.CHANNELS]
    urgent = 1 if state[k.C_WRITES] > settings[k.M_WRITE_BUFFER] else 0
    moved = False
    for home in range(channel * channels, (channel + 1) * channels):
        if dram.channel[home, d.URGENT] != urgent:
            urge(dram, home, urgent, first_clock(dram, t))
        for index in range(run(dram, home, first_clock(dram, t + 1))):
            burst = dram.done[index]
            end = end_cycle(dram, burst[d.D_END])
            state[k.C_FREE] = max(state[k.C_FREE], burst[d.D_END] * state[k.C_COST])
            if burst[d.D_DIRECTION] == d.READ:
                entry = memory.ready[channel, burst[d.D_TOKEN]]
                entry[k.R_CYCLE] = max(entry[k.R_CYCLE], end + settings[k.M_LATENCY])
                entry[k.R_PARTS] -= 1
                memory.read_bins[channel, (end - 1) >> shift] += burst[d.D_BYTES]
            else:
                state[k.C_WRITES] -= burst[d.D_BYTES]
                memory.write_bins[channel, (end - 1) >> shift] += burst[d.D_BYTES]
                clock.scalars[k.LAST_WORK] = max(clock.scalars[k.LAST_WORK], end - 1)
            clock.scalars[k.LAST_MOVE] = t
            moved = True
        state[k.C_BUSY] = max(state[k.C_BUSY], dram.count[home, d.N_BUSY] * state[k.C_COST])
    return moved


@kernel
def banks_cycle(clock, network, tiles, memory, channel, t):
    """One cycle of a controller with channels of banks. Returns the next cycle in which it has to be looked at."""
    state = memory.channel[channel]
    state[k.C_WRITE_PEAK] = max(state[k.C_WRITE_PEAK], state[k.C_WRITES])
    cut(clock, tiles, memory, channel, t)
    moved = serve(clock, memory, channel, t)
    release_credits(network, memory, channel, t)
    wake = k.FOREVER
    if moved and (state[k.C_CUT] or state[k.C_CURRENT] >= 0 or state[k.C_QUEUED] > 0):
        wake = t + 1
    channels = memory.dram.settings[d.CHANNELS]
    for home in range(channel * channels, (channel + 1) * channels):
        clock_at = wake_clock(memory.dram, home)
        if clock_at < k.FOREVER:
            wake = min(wake, cycle_at(memory.dram, clock_at))
    return wake


@kernel
def pipe_cycle(clock, network, tiles, memory, channel, t):
    """One cycle of a controller with a pipe. Returns the next cycle in which it has to be looked at."""
    state = memory.channel[channel]
    write(clock, memory, channel, t)
    release_credits(network, memory, channel, t)
    read(clock, tiles, memory, channel, t)
    room = state[k.C_READY] < memory.ready.shape[1]
    if state[k.C_WRITES] > 0 or (room and (state[k.C_QUEUED] > 0 or state[k.C_CURRENT] >= 0)):
        return state[k.C_FREE] // state[k.C_RATE]
    return k.FOREVER


@kernel
def answer_directly(clock, tiles, memory, channel, t):
    """Without a network the chunks whose data are there are in the tile's buffers at once."""
    state = memory.channel[channel]
    while state[k.C_READY] > 0:
        entry = memory.ready[channel, state[k.C_READY_HEAD]]
        if entry[k.R_PARTS] > 0 or entry[k.R_CYCLE] > t:
            return
        put_bytes(clock, tiles, memory, entry[k.R_TRANSFER], entry[k.R_BYTES], t)
        state[k.C_READY_HEAD] = (state[k.C_READY_HEAD] + 1) % memory.ready.shape[1]
        state[k.C_READY] -= 1


@kernel
def port_cycle(clock, tiles, memory, channel, t):
    """What has crossed a port before cycle t is there for it. Returns the next cycle in which to look at the port.

    A port moves what it has, writes first, at its rate, and fractions of a byte are carried from cycle to cycle; what
    it has from cycle t on begins to cross in t. Its latency is that of a request. Without a limit what is asked for
    with no latency is there in the cycle of the request.
    """
    state = memory.channel[channel]
    rate = state[k.C_RATE]
    cost = state[k.C_COST]
    latest = t - memory.settings[k.M_LATENCY]
    crossed = max(0, t - 1)
    room = k.FOREVER
    if cost > 0:
        latest -= 1
        room = (t * rate - state[k.C_FREE]) // cost if state[k.C_STREAMS] else 0
    time_bin = crossed >> clock.scalars[k.BIN_SHIFT]
    state[k.C_WRITE_PEAK] = max(state[k.C_WRITE_PEAK], state[k.C_WRITES])
    moved = min(room, state[k.C_SEEN])
    if moved > 0:
        state[k.C_WRITES] -= moved
        memory.write_bins[channel, time_bin] += moved
        clock.scalars[k.LAST_WORK] = max(clock.scalars[k.LAST_WORK], crossed)
    streams = moved < state[k.C_SEEN]
    while moved < room and (state[k.C_CURRENT] >= 0 or take_next(memory, channel, latest)):
        number = state[k.C_CURRENT]
        transfer = memory.transfer[number]
        size = min(room - moved, transfer[k.D_BYTES])
        moved += size
        transfer[k.D_BYTES] -= size
        if transfer[k.D_BYTES] == 0:
            state[k.C_CURRENT] = -1
        memory.read_bins[channel, time_bin] += size
        tiles.events[transfer[k.D_LAYER], k.E_DRAM_READ] += size
        tiles.events[transfer[k.D_LAYER], k.E_BUS_READ] += size
        put_bytes(clock, tiles, memory, number, size, t)
    state[k.C_BUSY] += moved * cost
    if moved > 0:
        clock.scalars[k.LAST_MOVE] = t
    streams = streams or state[k.C_CURRENT] >= 0 or take_next(memory, channel, latest)
    state[k.C_FREE] = state[k.C_FREE] + moved * cost if streams and state[k.C_STREAMS] else t * rate
    state[k.C_SEEN] = state[k.C_WRITES]
    state[k.C_STREAMS] = streams or state[k.C_WRITES] > 0 or take_next(memory, channel, latest + 1)
    if state[k.C_STREAMS]:
        return t + 1
    wake = k.FOREVER
    for place in range(state[k.C_QUEUED]):
        transfer = memory.transfer[memory.queue[channel, place]]
        wake = min(wake, transfer[k.D_ASKED] + memory.settings[k.M_LATENCY])
    return wake


@kernel
def memory_cycle(clock, network, tiles, memory, channel, t):
    """One cycle of a controller or port; sets the next cycle in which it has to be looked at."""
    state = memory.channel[channel]
    kind = memory.settings[k.M_KIND]
    if kind == k.PORTS:
        state[k.C_WAKE] = port_cycle(clock, tiles, memory, channel, t)
        return
    if is_direct(network):
        answer_directly(clock, tiles, memory, channel, t)
    else:
        answer(clock, network, tiles, memory, channel, t)
    if kind == k.BANKS:
        wake = banks_cycle(clock, network, tiles, memory, channel, t)
    else:
        wake = pipe_cycle(clock, network, tiles, memory, channel, t)
    if state[k.C_READY] > 0 and memory.ready[channel, state[k.C_READY_HEAD], k.R_PARTS] == 0:
        wake = min(wake, memory.ready[channel, state[k.C_READY_HEAD], k.R_CYCLE])
    if memory.held[channel].any():
        wake = t + 1
    state[k.C_WAKE] = max(wake, t + 1)
