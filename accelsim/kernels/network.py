"""Network on chip: sources and sinks of the nodes around their routers, one cycle at a time."""

from accelsim.jit import kernel, trailing_zeros
from accelsim.kernels import state as k
from accelsim.kernels.router import NONEMPTY, post, receive, router


@kernel
def count_down(clock, memory, group, amount):
    """Take `amount` off a group; at zero wake its actor, start its transfer, count down the next group."""
    while group >= 0:
        clock.left[group] -= amount
        if clock.left[group] != 0:
            return
        if clock.watched[group]:
            clock.completed[clock.scalars[k.COMPLETED]] = group
            clock.scalars[k.COMPLETED] += 1
        transfer = clock.fires[group]
        if transfer >= 0:
            channel = memory.transfer[transfer, k.D_CHANNEL]
            state = memory.channel[channel]
            memory.queue[channel, state[k.C_QUEUED]] = transfer
            state[k.C_QUEUED] += 1
            state[k.C_WAKE] = 0
        group = clock.chain[group]
        amount = 1


@kernel
def has_room(network, node, flits):
    """Whether a node's source queue takes another packet; an empty queue takes any."""
    waiting = network.queue_flits[node]
    return waiting == 0 or (
        waiting + flits <= network.settings[k.N_QUEUE_FLITS] and network.queue_count[node] < network.queue.shape[1]
    )


@kernel
def send(clock, network, node, destination, flits, group, amount, kind, payload, layer, created):
    """Queue a packet at a node's source; it may be injected from cycle `created` on."""
    scalars = clock.scalars
    scalars[k.FREE_PACKETS] -= 1
    packet = network.free[scalars[k.FREE_PACKETS]]
    row = network.packet[packet]
    row[k.P_SRC] = node
    row[k.P_DST] = destination
    row[k.P_FLITS] = flits
    row[k.P_GROUP] = group
    row[k.P_AMOUNT] = amount
    row[k.P_KIND] = kind
    row[k.P_BYTES] = payload
    row[k.P_LAYER] = layer
    row[k.P_CREATED] = created
    row[k.P_HOPS] = 0
    network.queue[node, (network.queue_head[node] + network.queue_count[node]) % network.queue.shape[1]] = packet
    network.queue_count[node] += 1
    network.queue_flits[node] += flits
    if network.queue_flits[node] > network.queue_peak[node]:
        network.queue_peak[node] = network.queue_flits[node]
    network.active[node >> 5] |= 1 << (node & 31)
    scalars[k.SENT_PACKETS] += 1
    scalars[k.SENT_FLITS] += flits
    if scalars[k.SENT_PACKETS] - scalars[k.RECEIVED_PACKETS] > scalars[k.PEAK_PACKETS]:
        scalars[k.PEAK_PACKETS] = scalars[k.SENT_PACKETS] - scalars[k.RECEIVED_PACKETS]


@kernel
def sink(clock, network, tiles, memory, node, flit, t):
    """The sink takes a flit in cycle t, books where it goes and returns its credit."""
    scalars = clock.scalars
    packet = flit >> 8
    row = network.packet[packet]
    layer = row[k.P_LAYER]
    kind = row[k.P_KIND]
    scalars[k.RECEIVED_FLITS] += 1
    scalars[k.LAST_WORK] = max(scalars[k.LAST_WORK], t)
    vc = (flit >> 2) & 63
    channel = memory.channel_of[node]
    hold = False
    if kind == k.SPIKES:
        tile = tiles.tile_of[node]
        state = tiles.scalars[tile]
        state[k.S_WRITE_AT] = t + 1
        state[k.S_WRITE_BANK] = state[k.S_WRITES] % tiles.settings[k.T_SPIKE_BANKS]
        state[k.S_WRITES] += 1
        tiles.events[layer, k.E_SPIKE_WRITE_FLITS] += 1
    elif kind == k.WEIGHTS:
        tiles.events[layer, k.E_WEIGHT_WRITE_FLITS] += 1
    elif kind == k.STORE:
        hold = memory.channel[channel, k.C_WRITES] > memory.settings[k.M_WRITE_BUFFER]
    if hold or not return_credit(network, node, vc, t):
        memory.held[channel, vc] += 1
        memory.channel[channel, k.C_WAKE] = 0
    if not flit & 2:
        return
    scalars[k.RECEIVED_PACKETS] += 1
    flits = row[k.P_FLITS]
    network.layer_flits[layer, 0] += flits
    network.layer_flits[layer, 1] += flits * row[k.P_HOPS]
    tiles.events[layer, k.E_PACKETS] += 1
    latency = t - row[k.P_CREATED]
    network.latency[latency if latency < k.LATENCY_BINS else k.LATENCY_BINS - 1] += 1
    group = row[k.P_GROUP]
    if kind == k.STORE:
        memory.channel[channel, k.C_WRITES] += row[k.P_BYTES]
        memory.channel[channel, k.C_WAKE] = 0
        tiles.events[layer, k.E_DRAM_WRITE] += row[k.P_BYTES]
    wake = False
    if group >= 0:
        box = clock.box[group]
        if box >= 0 and not clock.begun[box]:
            clock.begun[box] = 1
            wake = True
        count_down(clock, memory, group, row[k.P_AMOUNT])
        wake = wake or clock.left[group] == 0
    tile = tiles.tile_of[node]
    if wake and tile >= 0 and kind != k.STORE:
        tiles.active[tile >> 5] |= 1 << (tile & 31)
    network.free[scalars[k.FREE_PACKETS]] = packet
    scalars[k.FREE_PACKETS] += 1


@kernel
def return_credit(network, node, vc, t):
    """The sink's credit for a VC of the local output, seen there `link` + 1 cycles later.

    Returns whether it was sent: the wire carries one credit a cycle, and a controller that gives back one that it
    held occupies it.
    """
    due = t + 1 + network.settings[k.N_LINK]
    if network.wheel_mask[due % k.WHEEL, node] & 1 << (k.PORTS + k.LOCAL):
        return False
    network.wheel_credit[due % k.WHEEL, node * k.PORTS + k.LOCAL] = vc
    post(network, due, node, 1 << (k.PORTS + k.LOCAL))
    return True


@kernel
def source(clock, network, node, t):
    """Fetch the next packet if none is in progress, then send at most one flit. Returns whether work remains."""
    vcs = network.settings[k.N_VCS]
    packet = network.current[node]
    if packet < 0:
        if network.queue_count[node] == 0:
            return False
        packet = network.queue[node, network.queue_head[node]]
        if network.packet[packet, k.P_CREATED] > t:
            return True
        network.current[node] = packet
        network.sent[node] = 0
        network.queue_head[node] = (network.queue_head[node] + 1) % network.queue.shape[1]
        network.queue_count[node] -= 1
    depth = network.settings[k.N_DEPTH]
    vc = network.source_vc[node]
    head = network.sent[node] == 0
    if head:
        found = False
        for step in range(1, vcs + 1):
            candidate = (network.source_vc[node] + step) % vcs
            if network.source_occupied[node, candidate] < depth:
                vc = candidate
                found = True
                break
        if not found:
            return True
        network.source_vc[node] = vc
        network.packet[packet, k.P_INJECTED] = t
    elif network.source_occupied[node, vc] >= depth:
        return True
    network.source_occupied[node, vc] += 1
    network.sent[node] += 1
    network.queue_flits[node] -= 1
    tail = network.sent[node] == network.packet[packet, k.P_FLITS]
    due = t + 1 + network.settings[k.N_LINK]
    flit = packet << 8 | vc << 2
    if tail:
        flit |= 2
        network.current[node] = -1
    if head:
        flit |= 1
    network.wheel_flit[due % k.WHEEL, node * k.PORTS + k.LOCAL] = flit
    post(network, due, node, 1 << k.LOCAL)
    clock.scalars[k.LAST_MOVE] = t
    return not tail or network.queue_count[node] > 0


@kernel
def network_cycle(clock, network, tiles, memory, t, time_bin):
    """One cycle of every node that has something to do. Returns whether any will have in the next cycle."""
    slot = t % k.WHEEL
    busy = False
    for word in range(network.active.shape[0]):
        nodes = network.active[word] | network.wheel_wake[slot, word]
        if nodes == 0:
            continue
        network.wheel_wake[slot, word] = 0
        still = 0
        bits = nodes
        while bits:
            offset = trailing_zeros(bits)
            bits &= bits - 1
            node = word * 32 + offset
            mask = network.wheel_mask[slot, node]
            if mask:
                network.wheel_mask[slot, node] = 0
                clock.scalars[k.LAST_MOVE] = t
                if mask & 1 << 10:
                    sink(clock, network, tiles, memory, node, network.wheel_sink[slot, node], t)
                if mask & 1 << 11:
                    network.source_occupied[node, network.wheel_source[slot, node]] -= 1
            waiting = source(clock, network, node, t)
            if mask & 0o1777:
                receive(network, node, mask, t)
            if network.masks[node, NONEMPTY]:
                router(clock, network, node, t, time_bin)
            if waiting or network.masks[node, NONEMPTY]:
                still |= 1 << offset
        network.active[word] = still
        busy = busy or still != 0
    return busy


@kernel
def next_arrival(network, t):
    """The first cycle from t on in which something reaches a node, or -1."""
    for ahead in range(k.WHEEL):
        slot = (t + ahead) % k.WHEEL
        for word in range(network.wheel_wake.shape[1]):
            if network.wheel_wake[slot, word]:
                return t + ahead
    return -1
