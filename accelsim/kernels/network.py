"""Network on chip: input-queued virtual-channel routers, sources and sinks, one cycle at a time.

The router is the field's reference, BookSim 2's input-queued router: credit flow control, a virtual channel allocated
per packet, VC and switch allocation by separable round robin (iSLIP, one iteration), speculation as an option. What
is caused in cycle t is seen at another node in t + 2 (credits, injection) or t + 3 (flits) at the earliest, so the
order in which nodes are visited within a cycle does not matter.
"""

from accelsim.jit import kernel, trailing_zeros
from accelsim.kernels import state as k

NONEMPTY, ROUTING, WAITING, ACTIVE = range(4)


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
def post(network, t, node, bit):
    """Mark that something reaches a node in cycle t."""
    slot = t % k.WHEEL
    network.wheel_mask[slot, node] |= bit
    network.wheel_wake[slot, node >> 5] |= 1 << (node & 31)


@kernel
def route(network, node, packet):
    """Output port of dimension-order routing: x first, then y, then the local port."""
    columns = network.settings[k.N_COLUMNS]
    destination = network.packet[packet, k.P_DST]
    dx = destination % columns - node % columns
    dy = destination // columns - node // columns
    if dx > 0:
        return 0
    if dx < 0:
        return 1
    if dy > 0:
        return 2
    if dy < 0:
        return 3
    return k.LOCAL


@kernel
def neighbour(network, node, port):
    """The node behind a router's port."""
    if port == 0:
        return node + 1
    if port == 1:
        return node - 1
    if port == 2:
        return node + network.settings[k.N_COLUMNS]
    return node - network.settings[k.N_COLUMNS]


@kernel
def start_packet(network, node, requester):
    """A head is at the front of an idle input VC: compute its route, and wait for it or, looked ahead, for a VC."""
    queue = node * k.PORTS * network.settings[k.N_VCS] + requester
    packet = network.fifo[queue, network.head[queue]] >> 8
    network.out_port[queue] = route(network, node, packet)
    stage = ROUTING if network.settings[k.N_ROUTING] else WAITING
    network.masks[node, stage] |= 1 << requester


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
def receive(network, node, mask, t):
    """Flits and credits due now enter the router."""
    slot = t % k.WHEEL
    vcs = network.settings[k.N_VCS]
    bits = mask & 31
    while bits:
        port = trailing_zeros(bits)
        bits &= bits - 1
        flit = network.wheel_flit[slot, node * k.PORTS + port]
        requester = port * vcs + ((flit >> 2) & 63)
        queue = node * k.PORTS * vcs + requester
        position = network.head[queue] + network.count[queue]
        if position >= network.fifo.shape[1]:
            position -= network.fifo.shape[1]
        network.fifo[queue, position] = flit
        network.count[queue] += 1
        masks = network.masks[node]
        bit = 1 << requester
        masks[NONEMPTY] |= bit
        if not (masks[ROUTING] | masks[WAITING] | masks[ACTIVE]) & bit:
            start_packet(network, node, requester)
    bits = (mask >> k.PORTS) & 31
    while bits:
        port = trailing_zeros(bits)
        bits &= bits - 1
        vc = network.wheel_credit[slot, node * k.PORTS + port]
        network.occupied[(node * k.PORTS + port) * vcs + vc] -= 1


@kernel
def first_from(mask, pointer):
    """Index of the first set bit at or after `pointer`, wrapping round; `mask` is not empty."""
    high = mask >> pointer
    if high:
        return pointer + trailing_zeros(high)
    return trailing_zeros(mask)


@kernel
def allocate_vcs(network, node):
    """One iSLIP iteration of input VCs over output VCs. Winners stand in scratch: resource + 1 by requester."""
    vcs = network.settings[k.N_VCS]
    width = k.PORTS * vcs
    base = node * width
    scratch = network.scratch
    wanted = 2 * width  # request mask by output port
    waiting = network.masks[node, WAITING]
    ports = 0
    bits = waiting
    while bits:
        requester = trailing_zeros(bits)
        bits &= bits - 1
        port = network.out_port[base + requester]
        scratch[wanted + port] |= 1 << requester
        ports |= 1 << port
    granted = 0
    while ports:
        port = trailing_zeros(ports)
        ports &= ports - 1
        requests = scratch[wanted + port]
        scratch[wanted + port] = 0
        for vc in range(vcs):
            resource = port * vcs + vc
            if not network.owned[base + resource]:
                requester = first_from(requests, network.va_grant[node, resource])
                scratch[requester] |= 1 << resource
                granted |= 1 << requester
    bits = granted
    while bits:
        requester = trailing_zeros(bits)
        bits &= bits - 1
        resource = first_from(scratch[requester], network.va_accept[node, requester])
        scratch[requester] = 0
        scratch[width + requester] = resource
        network.va_grant[node, resource] = requester + 1 if requester + 1 < width else 0
        network.va_accept[node, requester] = resource + 1 if resource + 1 < width else 0
    return granted


@kernel
def allocate_switch(network, node):
    """One iSLIP iteration of inputs over outputs. Returns `output << 3 * input` of winners, 7 for none.

    The label of a request, its VC, stands in scratch by (input, output).
    """
    settings = network.settings
    vcs = settings[k.N_VCS]
    depth = settings[k.N_DEPTH]
    width = k.PORTS * vcs
    base = node * width
    scratch = network.scratch
    requests = 2 * width + k.PORTS
    labels = 2 * width + 4 * k.PORTS
    masks = network.masks[node]
    bidders = masks[NONEMPTY] & masks[ACTIVE]
    if settings[k.N_SPECULATIVE]:
        bidders |= masks[WAITING]
    outputs = 0
    bits = bidders
    while bits:
        requester = trailing_zeros(bits)
        bits &= bits - 1
        port = requester // vcs
        vc = requester - port * vcs
        out = network.out_port[base + requester]
        speculative = 0
        if (masks[ACTIVE] >> requester) & 1:
            if network.occupied[base + out * vcs + network.out_vc[base + requester]] >= depth:
                continue
        else:
            speculative = 64
            free = False
            for candidate in range(vcs):
                resource = base + out * vcs + candidate
                if not network.owned[resource] and network.occupied[resource] < depth:
                    free = True
                    break
            if not free:
                continue
        rank = vc - network.vc_offset[node, port]
        if rank < 0:
            rank += vcs
        rank += speculative
        seen = (scratch[requests + out] >> port) & 1
        label = labels + port * k.PORTS + out
        if not seen or rank < scratch[label] >> 8:
            scratch[label] = rank << 8 | vc
        scratch[requests + out] |= 1 << port
        outputs |= 1 << out
    granted = requests + k.PORTS
    inputs = 0
    while outputs:
        out = trailing_zeros(outputs)
        outputs &= outputs - 1
        port = first_from(scratch[requests + out], network.sa_grant[node, out])
        scratch[requests + out] = 0
        scratch[granted + port] |= 1 << out
        inputs |= 1 << port
    winners = 0o77777
    while inputs:
        port = trailing_zeros(inputs)
        inputs &= inputs - 1
        out = first_from(scratch[granted + port], network.sa_accept[node, port])
        scratch[granted + port] = 0
        network.sa_grant[node, out] = port + 1 if port + 1 < k.PORTS else 0
        network.sa_accept[node, port] = out + 1 if out + 1 < k.PORTS else 0
        vc = scratch[labels + port * k.PORTS + out] & 255
        network.vc_offset[node, port] = vc + 1 if vc + 1 < vcs else 0
        winners ^= (7 ^ out) << (3 * port)
    return winners


@kernel
def traverse(clock, network, node, port, out, t):
    """A granted flit leaves its input VC, unless speculation failed. Returns whether it left."""
    settings = network.settings
    vcs = settings[k.N_VCS]
    base = node * k.PORTS * vcs
    labels = 2 * k.PORTS * vcs + 4 * k.PORTS
    vc = network.scratch[labels + port * k.PORTS + out] & 255
    requester = port * vcs + vc
    queue = base + requester
    bit = 1 << requester
    masks = network.masks[node]
    if not masks[ACTIVE] & bit:
        return False
    resource = base + out * vcs + network.out_vc[queue]
    if network.occupied[resource] >= settings[k.N_DEPTH]:
        return False
    position = network.head[queue]
    flit = network.fifo[queue, position]
    network.head[queue] = position + 1 if position + 1 < network.fifo.shape[1] else 0
    network.count[queue] -= 1
    network.occupied[resource] += 1
    if network.count[queue] == 0:
        masks[NONEMPTY] &= ~bit
    if flit & 2:
        network.owned[resource] = 0
        masks[ACTIVE] &= ~bit
        if network.count[queue]:
            start_packet(network, node, requester)
    packet = flit >> 8
    if flit & 1:
        network.packet[packet, k.P_HOPS] += 1
    flit = packet << 8 | network.out_vc[queue] << 2 | flit & 3
    link = settings[k.N_LINK]
    due = t + 2 + link
    if out == k.LOCAL:
        network.wheel_sink[due % k.WHEEL, node] = flit
        post(network, due, node, 1 << 10)
    else:
        there = neighbour(network, node, out)
        network.wheel_flit[due % k.WHEEL, there * k.PORTS + (out ^ 1)] = flit
        post(network, due, there, 1 << (out ^ 1))
    due = t + 1 + link
    if port == k.LOCAL:
        network.wheel_source[due % k.WHEEL, node] = vc
        post(network, due, node, 1 << 11)
    else:
        there = neighbour(network, node, port)
        network.wheel_credit[due % k.WHEEL, there * k.PORTS + (port ^ 1)] = vc
        post(network, due, there, 1 << (k.PORTS + (port ^ 1)))
    clock.scalars[k.FLIT_HOPS] += 1
    clock.scalars[k.LAST_MOVE] = t
    return True


@kernel
def router(clock, network, node, t, time_bin):
    """Allocation and traversal of one router in cycle t, on the state after `receive`."""
    masks = network.masks[node]
    vcs = network.settings[k.N_VCS]
    base = node * k.PORTS * vcs
    routing = masks[ROUTING]
    won = 0
    if masks[WAITING]:
        won = allocate_vcs(network, node)
    winners = allocate_switch(network, node)
    masks[ROUTING] &= ~routing
    masks[WAITING] |= routing
    bits = won
    while bits:
        requester = trailing_zeros(bits)
        bits &= bits - 1
        resource = network.scratch[k.PORTS * vcs + requester]
        network.owned[base + resource] = 1
        network.out_vc[base + requester] = resource % vcs
    masks[WAITING] &= ~won
    masks[ACTIVE] |= won
    if winners != 0o77777:
        for port in range(k.PORTS):
            out = (winners >> (3 * port)) & 7
            if out != 7 and traverse(clock, network, node, port, out, t):
                network.link_bins[node * k.PORTS + out, time_bin] += 1


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
