"""DRAM channels: banks with open rows, and the scheduler that chooses their commands, one a clock at most.

First-ready, first-come: of the requests of the direction that is served, the oldest whose row is open gets its column
command; else the oldest whose bank can be activated or precharged. A row for which requests wait stays open, unless
the oldest request has been passed by HIT_CAP younger ones. A refresh that is due comes before everything.

Nothing is stepped clock by clock: the next command and its clock follow from the state, which changes only when a
command is issued or a request comes.
"""

from accelsim.jit import kernel
from accelsim.kernels import dram_state as d
from accelsim.kernels.dram_address import burst_of, channel_of, first_clock, place
from accelsim.kernels.dram_commands import activate, column, precharge, precharge_all, refresh, refresh_ready, rest


@kernel
def find(dram, channel, direction, burst):
    """Ring position of the request for a burst, or -1."""
    state = dram.channel[channel]
    table = dram.writes[channel] if direction else dram.reads[channel]
    mask = table.shape[0] - 1
    for age in range(state[d.COUNT + direction]):
        position = (state[d.HEAD + direction] + age) & mask
        if table[position, d.Q_BURST] == burst:
            return position
    return -1


@kernel
def has_room(dram, channel):
    """Whether a channel takes another read."""
    return dram.channel[channel, d.COUNT + d.READ] < dram.settings[d.QUEUE]


@kernel
def push(dram, channel, direction, burst, size, token, clock):
    """A request for a burst, of which `size` bytes count, that the scheduler sees from `clock` on."""
    state = dram.channel[channel]
    if state[d.COUNT + d.READ] + state[d.COUNT + d.WRITE] == 0:
        rest(dram, channel, clock)
    state[d.NOW_AT] = max(state[d.NOW_AT], clock)
    state[d.DECIDED] = 0
    table = dram.writes[channel] if direction else dram.reads[channel]
    entry = table[(state[d.HEAD + direction] + state[d.COUNT + direction]) & (table.shape[0] - 1)]
    bank, row = place(dram, burst)
    entry[d.Q_BURST] = burst
    entry[d.Q_BANK] = bank
    entry[d.Q_ROW] = row
    entry[d.Q_BYTES] = size
    entry[d.Q_TOKEN] = token
    entry[d.Q_PATH] = d.HIT
    state[d.COUNT + direction] += 1
    counts = dram.count[channel]
    counts[d.N_READS_PEAK + direction] = max(counts[d.N_READS_PEAK + direction], state[d.COUNT + direction])


@kernel
def write(dram, controller, address, size, t):
    """Bytes to be written, which the scheduler sees from cycle t on; those of a burst that waits already join it.

    Returns the other bursts.
    """
    burst_bytes = dram.settings[d.BURST_BYTES]
    bursts = 0
    end = address + size
    while address < end:
        upto = min(end, (address // burst_bytes + 1) * burst_bytes)
        channel = channel_of(dram, controller, address)
        burst = burst_of(dram, address)
        waiting = find(dram, channel, d.WRITE, burst)
        if waiting >= 0:
            dram.writes[channel, waiting, d.Q_BYTES] += upto - address
            dram.count[channel, d.N_MERGED] += 1
        else:
            push(dram, channel, d.WRITE, burst, upto - address, 0, first_clock(dram, t))
            bursts += 1
        address = upto
    return bursts


@kernel
def urge(dram, channel, urgent, clock):
    """Say from `clock` on whether the write buffer is full."""
    state = dram.channel[channel]
    if state[d.URGENT] != urgent and state[d.COUNT + d.READ] + state[d.COUNT + d.WRITE] > 0:
        state[d.NOW_AT] = max(state[d.NOW_AT], clock)
        state[d.DECIDED] = 0
    state[d.URGENT] = urgent


@kernel
def choose_direction(dram, channel):
    """Writes are drained from HIGH, or a full write buffer, down to LOW, and while nothing is to be read."""
    state = dram.channel[channel]
    reads = state[d.COUNT + d.READ]
    writes = state[d.COUNT + d.WRITE]
    if state[d.MODE] == d.READ:
        if writes > 0 and (reads == 0 or writes >= dram.settings[d.HIGH] or state[d.URGENT]):
            state[d.MODE] = d.WRITE
    elif reads > 0 and (writes == 0 or (writes <= dram.settings[d.LOW] and not state[d.URGENT])):
        state[d.MODE] = d.READ
    return state[d.MODE]


@kernel
def decide(dram, channel):
    """The next command of a channel with requests, and its clock."""
    state = dram.channel[channel]
    settings = dram.settings
    direction = choose_direction(dram, channel)
    table = dram.writes[channel] if direction else dram.reads[channel]
    mask = table.shape[0] - 1
    head = state[d.HEAD + direction]
    seen = min(state[d.COUNT + direction], settings[d.QUEUE])
    capped = state[d.BYPASSED + direction] >= settings[d.HIT_CAP]
    now = state[d.NOW_AT]
    column_at = max(now, state[d.COLUMN_AT + direction])
    best = d.FOREVER
    command = d.NOTHING
    chosen = -1
    # Of the requests for an open row only the oldest counts: the others could go no sooner.
    hits = 0
    misses = 0
    for age in range(seen):
        entry = table[(head + age) & mask]
        bit = 1 << entry[d.Q_BANK]
        if hits & bit:
            continue
        bank = dram.bank[channel, entry[d.Q_BANK]]
        if bank[d.B_ROW] != entry[d.Q_ROW]:
            misses |= bit
            continue
        hits |= bit
        if capped and age > 0:
            continue
        group = dram.group[channel, entry[d.Q_BANK] % settings[d.GROUPS]]
        at = max(max(column_at, bank[d.B_COLUMN_AT]), group[d.G_COLUMN_AT + direction])
        if at < best:
            best, command, chosen = at, d.COLUMN, age
    activate_at = max(max(now, state[d.ACTIVATE_AT]), state[d.WINDOW + state[d.WINDOW_NEXT]] + settings[d.FAW])
    others = 0
    # A bank with requests for its open row is left as it is, but for the oldest request once it is capped.
    closed = misses if capped else misses & ~hits
    for age in range(seen if closed else 0):
        if best <= now:
            break
        entry = table[(head + age) & mask]
        bit = 1 << entry[d.Q_BANK]
        if others & bit:
            continue
        bank = dram.bank[channel, entry[d.Q_BANK]]
        if bank[d.B_ROW] == entry[d.Q_ROW]:
            continue
        others |= bit
        if bank[d.B_ROW] < 0:
            group = dram.group[channel, entry[d.Q_BANK] % settings[d.GROUPS]]
            at = max(max(activate_at, bank[d.B_ACTIVATE_AT]), group[d.G_ACTIVATE_AT])
            if at < best:
                best, command, chosen = at, d.ACTIVATE, age
        elif not hits & bit or (capped and age == 0):
            at = max(now, bank[d.B_PRECHARGE_AT])
            if at < best:
                best, command, chosen = at, d.PRECHARGE, age
    if best >= state[d.REFRESH_AT]:
        open_banks, precharge, ready = refresh_ready(dram, channel)
        command = d.PRECHARGE_ALL if open_banks else d.REFRESH
        best = max(max(now, state[d.REFRESH_AT]), precharge if open_banks else ready)
    state[d.COMMAND] = command
    state[d.ENTRY] = chosen
    state[d.COMMAND_AT] = best
    state[d.DECIDED] = 1


@kernel
def take(dram, channel, direction, age):
    """A request leaves its ring; those before it move up."""
    state = dram.channel[channel]
    table = dram.writes[channel] if direction else dram.reads[channel]
    mask = table.shape[0] - 1
    head = state[d.HEAD + direction]
    for step in range(age, 0, -1):
        table[(head + step) & mask] = table[(head + step - 1) & mask]
    state[d.HEAD + direction] = (head + 1) & mask
    state[d.COUNT + direction] -= 1
    state[d.BYPASSED + direction] = state[d.BYPASSED + direction] + 1 if age > 0 else 0


@kernel
def is_wanted(dram, channel, direction, bank):
    """Whether one of the requests that the scheduler sees waits for the open row of a bank."""
    state = dram.channel[channel]
    table = dram.writes[channel] if direction else dram.reads[channel]
    mask = table.shape[0] - 1
    row = dram.bank[channel, bank, d.B_ROW]
    for age in range(min(state[d.COUNT + direction], dram.settings[d.QUEUE])):
        entry = table[(state[d.HEAD + direction] + age) & mask]
        if entry[d.Q_BANK] == bank and entry[d.Q_ROW] == row:
            return True
    return False


@kernel
def run(dram, channel, until):
    """Issue the commands before clock `until`, while there are requests. Returns the bursts in Dram.done."""
    state = dram.channel[channel]
    done = 0
    while state[d.COUNT + d.READ] + state[d.COUNT + d.WRITE] > 0:
        if not state[d.DECIDED]:
            if state[d.NOW_AT] >= until:
                # Requests that come until then have a say.
                break
            decide(dram, channel)
        clock = state[d.COMMAND_AT]
        if clock >= until:
            break
        state[d.DECIDED] = 0
        state[d.NOW_AT] = clock + 1
        command = state[d.COMMAND]
        if command == d.PRECHARGE_ALL:
            precharge_all(dram, channel, clock)
            continue
        if command == d.REFRESH:
            refresh(dram, channel, clock)
            continue
        direction = state[d.MODE]
        table = dram.writes[channel] if direction else dram.reads[channel]
        entry = table[(state[d.HEAD + direction] + state[d.ENTRY]) & (table.shape[0] - 1)]
        if command == d.ACTIVATE:
            activate(dram, channel, entry, clock)
        elif command == d.PRECHARGE:
            precharge(dram, channel, entry[d.Q_BANK], clock)
            entry[d.Q_PATH] = d.CONFLICT
        else:
            finished = dram.done[done]
            finished[d.D_DIRECTION] = direction
            finished[d.D_END] = column(dram, channel, direction, entry, clock)
            finished[d.D_TOKEN] = entry[d.Q_TOKEN]
            finished[d.D_BYTES] = entry[d.Q_BYTES]
            done += 1
            bank = entry[d.Q_BANK]
            take(dram, channel, direction, state[d.ENTRY])
            if dram.settings[d.CLOSED] and not is_wanted(dram, channel, direction, bank):
                # The column command asks for the precharge that follows as soon as it may, without a command.
                precharge(dram, channel, bank, dram.bank[channel, bank, d.B_PRECHARGE_AT])
    return done


@kernel
def wake_clock(dram, channel):
    """Clock of the next command after a `run`, or FOREVER where no request waits."""
    state = dram.channel[channel]
    if state[d.COUNT + d.READ] + state[d.COUNT + d.WRITE] == 0:
        return d.FOREVER
    return state[d.COMMAND_AT]


@kernel
def settle(dram, t):
    """The refreshes before cycle t of channels without requests: idle channels are not stepped."""
    for channel in range(dram.channel.shape[0]):
        state = dram.channel[channel]
        if state[d.COUNT + d.READ] + state[d.COUNT + d.WRITE] == 0:
            rest(dram, channel, first_clock(dram, t))
