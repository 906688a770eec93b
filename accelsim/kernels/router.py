"""The router: input-queued virtual channels, one cycle at a time.

It is the field's reference, BookSim 2's input-queued router: credit flow control, a virtual channel allocated per
packet, VC and switch allocation by separable round robin (iSLIP, one iteration), speculation as an option. What is
caused in cycle t is seen at another node in t + 2 (credits) or t + 3 (flits) at the earliest, so the order in which
routers are visited within a cycle does not matter.
"""

from accelsim.jit import kernel, trailing_zeros
from accelsim.kernels import state as k

NONEMPTY, ROUTING, WAITING, ACTIVE = range(4)


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
