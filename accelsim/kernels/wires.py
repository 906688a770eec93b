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
    shape = network.shape
    slot = slot_of(network, due)
    if peer < 0:
        node = ~peer
        cell(network.wheel_sink, slot * shape.nodes + node)[0] = flit
        network.wheel_node_wake[slot, node >> 5] |= 1 << (node & 31)
        return
    router = peer & n.PEER_ROUTER_MASK
    routers = slot * shape.routers
    cell(network.wheel_flit, routers * shape.ports + (peer >> n.PEER_INDEX))[0] = flit
    cell(network.wheel_flits, routers + router)[0] |= 1 << ((peer >> n.PEER_PORT) & n.PEER_PORT_MASK)
    network.wheel_wake[slot, router >> 5] |= 1 << (router & 31)


@kernel
def post_credit(network, peer, vc, due):
    """A credit for a VC reaches a router's output in cycle `due`."""
    shape = network.shape
    slot = slot_of(network, due)
    router = peer & n.PEER_ROUTER_MASK
    port = (peer >> n.PEER_PORT) & n.PEER_PORT_MASK
    cell(network.wheel_credits, slot * shape.routers + router)[0] |= 1 << (port * shape.vcs + vc)
    network.wheel_wake[slot, router >> 5] |= 1 << (router & 31)


@kernel
def offer_place(network, peer, vc, t):
    """The place of a flit that left a router's input VC in cycle t is offered upstream, to a router or a source."""
    shape = network.shape
    due = t + 1 + shape.link_cycles
    if peer >= 0:
        post_credit(network, peer, vc, due + shape.credit_cycles)
        return
    node = ~peer
    slot = slot_of(network, due)
    cell(network.wheel_source, slot * shape.nodes + node)[0] |= 1 << vc
    network.wheel_node_wake[slot, node >> 5] |= 1 << (node & 31)


@kernel
def return_credit(network, node, vc, t):
    """The sink offers a place again of a VC of its router's output, after it took a flit in cycle t or before.

    Returns whether it did: the wire carries one credit a cycle, and one that was held back and is given now is on it.
    """
    shape = network.shape
    due = t + 1 + shape.link_cycles + shape.credit_cycles
    home = row(network.node, node)[n.HOME]
    port = (home >> n.PEER_PORT) & n.PEER_PORT_MASK
    on_wire = cell(network.wheel_credits, slot_of(network, due) * shape.routers + (home & n.PEER_ROUTER_MASK))[0]
    if (on_wire >> (port * shape.vcs)) & ((1 << shape.vcs) - 1):
        return False
    post_credit(network, home, vc, due)
    return True


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
