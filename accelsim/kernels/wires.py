"""Wires: flits and credits under way between routers and nodes, in a wheel of the coming cycles."""

from accelsim.jit import cell, kernel, row
from accelsim.kernels import network_state as n


@kernel
def slot_of(network, t):
    """The slot of the wheel for cycle t."""
    return t & (network.wheel_wake.shape[0] - 1)


@kernel
def post_flit(network, peer, flit, due):
    """A flit reaches a router's input, or a node's sink, in cycle `due`."""
    settings = network.settings
    slot = slot_of(network, due)
    if peer < 0:
        node = ~peer
        cell(network.wheel_sink, slot * settings[n.NODES] + node)[0] = flit
        network.wheel_node_wake[slot, node >> 5] |= 1 << (node & 31)
        return
    router = peer & n.PEER_ROUTER_MASK
    routers = slot * settings[n.ROUTERS]
    cell(network.wheel_flit, routers * settings[n.PORTS] + (peer >> n.PEER_INDEX))[0] = flit
    cell(network.wheel_flits, routers + router)[0] |= 1 << ((peer >> n.PEER_PORT) & n.PEER_PORT_MASK)
    network.wheel_wake[slot, router >> 5] |= 1 << (router & 31)


@kernel
def post_credit(network, peer, vc, due):
    """A credit for a VC reaches a router's output in cycle `due`.

    Returns whether it does: the wire carries one credit a cycle.
    """
    settings = network.settings
    vcs = settings[n.VCS]
    slot = slot_of(network, due)
    router = peer & n.PEER_ROUTER_MASK
    first = ((peer >> n.PEER_PORT) & n.PEER_PORT_MASK) * vcs
    index = slot * settings[n.ROUTERS] + router
    credits = cell(network.wheel_credits, index)[0]
    if (credits >> first) & ((1 << vcs) - 1):
        return False
    cell(network.wheel_credits, index)[0] = credits | 1 << (first + vc)
    network.wheel_wake[slot, router >> 5] |= 1 << (router & 31)
    return True


@kernel
def offer_place(network, peer, vc, t):
    """The place of a flit that left a router's input VC in cycle t is offered upstream, to a router or a source."""
    settings = network.settings
    due = t + 1 + settings[n.LINK_CYCLES]
    if peer >= 0:
        post_credit(network, peer, vc, due + settings[n.CREDIT_CYCLES])
        return
    node = ~peer
    slot = slot_of(network, due)
    cell(network.wheel_source, slot * settings[n.NODES] + node)[0] |= 1 << vc
    network.wheel_node_wake[slot, node >> 5] |= 1 << (node & 31)


@kernel
def return_credit(network, node, vc, t):
    """The sink offers a place again of a VC of its router's output, after it took a flit in cycle t or before.

    Returns whether it did: one that it held back and gives now occupies the wire.
    """
    settings = network.settings
    due = t + 1 + settings[n.LINK_CYCLES] + settings[n.CREDIT_CYCLES]
    return post_credit(network, row(network.node, node)[n.HOME], vc, due)


@kernel
def next_arrival(network, t):
    """The first cycle from t on in which something reaches a node or a router, or n.FOREVER."""
    slots = network.wheel_wake.shape[0]
    for ahead in range(slots):
        slot = slot_of(network, t + ahead)
        for word in range(network.wheel_wake.shape[1]):
            if network.wheel_wake[slot, word]:
                return t + ahead
        for word in range(network.wheel_node_wake.shape[1]):
            if network.wheel_node_wake[slot, word]:
                return t + ahead
    return n.FOREVER
