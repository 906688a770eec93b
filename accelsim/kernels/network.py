"""The network on chip: sources and sinks of the nodes around their routers, one cycle at a time.

It moves packets and knows nothing of what they carry. Flits that sinks took stand in `ejected` until the next cycle;
whoever drives the network books them and returns their credits.
"""

from accelsim.jit import cell, kernel, row, trailing_zeros
from accelsim.kernels import network_state as n
from accelsim.kernels.router import receive, switch_router
from accelsim.kernels.wires import post_flit, slot_of


@kernel
def is_direct(network):
    """Whether there are no routers: then tile and memory are wired to each other, and nothing is ever a packet."""
    return network.shape.routers == 0


@kernel
def has_room(network, node, flits):
    """Whether a node's source queue takes another packet; an empty queue takes any."""
    waiting = row(network.node, node)[n.WAITING_FLITS]
    return waiting == 0 or waiting + flits <= network.shape.queue_flits


@kernel
def enqueue(network, packet):
    """Put a packet behind those that wait at its source."""
    entry = row(network.packet, packet)
    node = entry[n.P_SOURCE]
    state = row(network.node, node)
    entry[n.P_NEXT] = -1
    if state[n.QUEUE_FIRST] < 0:
        state[n.QUEUE_FIRST] = packet
    else:
        row(network.packet, state[n.QUEUE_LAST])[n.P_NEXT] = packet
    state[n.QUEUE_LAST] = packet
    state[n.WAITING_FLITS] += entry[n.P_FLITS]
    state[n.PEAK_FLITS] = max(state[n.PEAK_FLITS], state[n.WAITING_FLITS])
    network.active_nodes[node >> 5] |= 1 << (node & 31)


@kernel
def source(network, node, t):
    """Fetch the next packet if none is in progress, then send at most one flit. Returns whether work remains."""
    shape = network.shape
    vcs = shape.vcs
    depth = shape.depth
    state = row(network.node, node)
    packet = state[n.CURRENT]
    if packet < 0:
        packet = state[n.QUEUE_FIRST]
        if packet < 0:
            return False
        if row(network.packet, packet)[n.P_CREATED] > t:
            return True
        state[n.QUEUE_FIRST] = row(network.packet, packet)[n.P_NEXT]
        state[n.CURRENT] = packet
        state[n.SENT] = 0
        row(network.packet, packet)[n.P_NUMBER] = network.scalars[n.FETCHED]
        network.scalars[n.FETCHED] += 1
    entry = row(network.packet, packet)
    vc = state[n.SOURCE_VC]
    flit = packet << n.PACKET_SHIFT | entry[n.P_TARGET] << n.TARGET_SHIFT
    if state[n.SENT] == 0:
        vc = next_vc(network, node, vc)
        if vc < 0:
            return True
        state[n.SOURCE_VC] = vc
        entry[n.P_INJECTED] = t
        flit |= n.HEAD
    elif cell(network.source_occupied, node * vcs + vc)[0] >= depth:
        return True
    cell(network.source_occupied, node * vcs + vc)[0] += 1
    state[n.SENT] += 1
    state[n.WAITING_FLITS] -= 1
    if state[n.SENT] == entry[n.P_FLITS]:
        flit |= n.TAIL
        state[n.CURRENT] = -1
    post_flit(network, state[n.HOME], flit | vc << n.VC_SHIFT, t + 1 + shape.link_cycles)
    return state[n.CURRENT] >= 0 or state[n.QUEUE_FIRST] >= 0


@kernel
def next_vc(network, node, last):
    """The first VC after the last one used that has a credit, or -1; the last one is tried last."""
    vcs = network.shape.vcs
    depth = network.shape.depth
    vc = last
    for _ in range(vcs):
        vc = vc + 1 if vc + 1 < vcs else 0
        if cell(network.source_occupied, node * vcs + vc)[0] < depth:
            return vc
    return -1


@kernel
def nodes_cycle(network, slot, t):
    """Sinks take the flits that are due, sources their credits, and send. Returns whether a source has more."""
    scalars = network.scalars
    scalars[n.EJECTED] = 0
    busy = False
    for word in range(network.active_nodes.shape[0]):
        wake = network.wheel_node_wake[slot, word]
        bits = network.active_nodes[word] | wake
        if bits == 0:
            continue
        if wake:
            scalars[n.LAST_MOVE] = t
        network.wheel_node_wake[slot, word] = 0
        still = 0
        while bits:
            offset = trailing_zeros(bits)
            bits &= bits - 1
            node = word * 32 + offset
            index = slot * network.shape.nodes + node
            flit = cell(network.wheel_sink, index)[0]
            if flit:
                cell(network.wheel_sink, index)[0] = 0
                network.ejected[scalars[n.EJECTED], 0] = node
                network.ejected[scalars[n.EJECTED], 1] = flit
                scalars[n.EJECTED] += 1
            credits = cell(network.wheel_source, index)[0]
            cell(network.wheel_source, index)[0] = 0
            while credits:
                cell(network.source_occupied, node * network.shape.vcs + trailing_zeros(credits))[0] -= 1
                credits &= credits - 1
            if source(network, node, t):
                still |= 1 << offset
        network.active_nodes[word] = still
        busy = busy or still != 0
    return busy


@kernel
def network_cycle(network, t, time_bin):
    """One cycle of every node and router that has something to do. Returns whether any will have in the next cycle."""
    slot = slot_of(network, t)
    busy = nodes_cycle(network, slot, t)
    for word in range(network.active.shape[0]):
        wake = network.wheel_wake[slot, word]
        bits = network.active[word] | wake
        if bits == 0:
            continue
        network.wheel_wake[slot, word] = 0
        if wake:
            network.scalars[n.LAST_MOVE] = t
        still = 0
        while bits:
            offset = trailing_zeros(bits)
            bits &= bits - 1
            router = word * 32 + offset
            if (wake >> offset) & 1:
                receive(network, router, slot, t)
            if row(network.router, router)[n.NONEMPTY]:
                switch_router(network, router, t, time_bin)
                if row(network.router, router)[n.NONEMPTY]:
                    still |= 1 << offset
        network.active[word] = still
        busy = busy or still != 0
    return busy
