"""Layout of the network's state: flat int64 arrays, and the names of their columns.

P ports a router, V virtual channels (VCs) a port. Index of a router's port: router * P + port; of an input or output
VC: (router * P + port) * V + vc. Within a router, bit masks of input VCs hold bit port * V + vc, masks of ports hold
bit port, masks of a port's VCs hold bit vc; all fit 62 bits.
"""

from __future__ import annotations

from typing import NamedTuple

from numpy.typing import NDArray

MASK_BITS = 62
"""Bits of a mask that leave an int64 its sign, and room for a shift by one."""
FOREVER = 1 << 60

# Topologies and routes.
MESH, TORUS, RING, CROSSBAR, NONE = range(5)
XY, YX, WEST_FIRST, ODD_EVEN = range(4)


class Shape(NamedTuple):
    """Settings of a network, and what follows from them. Plain integers: kernels keep them in registers."""

    topology: int
    routing: int
    columns: int
    rows: int
    ports: int
    first_local: int
    """Ports below lead to other routers."""
    vcs: int
    depth: int
    routing_cycles: int
    vc_allocation_cycles: int
    switch_allocation_cycles: int
    traversal_cycles: int
    credit_cycles: int
    link_cycles: int
    speculative: int
    queue_flits: int
    places: int
    """Of a VC's FIFO, less one."""
    half: int
    """First VC of the upper class where links wrap, else 0."""
    routers: int
    nodes: int


# Counters of the network.
(
    LAST_MOVE,  # last cycle in which a flit or a credit arrived anywhere
    FREE_PACKETS,  # entries on the stack of free packet numbers
    FETCHED,  # packets that sources have begun to send
    EJECTED,  # flits that sinks took in this cycle
    NETWORK_SCALARS,
) = range(5)

# Columns of the packet table.
(
    P_SOURCE,
    P_TARGET,  # a node, or TREES + the number of a multicast tree
    P_FLITS,
    P_CREATED,  # first cycle in which it may be injected
    P_INJECTED,
    P_NUMBER,  # in order of fetching
    P_NEXT,  # the packet behind it at its source, or -1
    P_COPIES,  # destinations that it has not reached yet
) = range(8)

# Columns of what a packet carries, for whoever drives the network.
CARGO_GROUP, CARGO_OFFSET, CARGO_AMOUNT, CARGO_KIND, CARGO_BYTES, CARGO_LAYER, CARGO_ADDRESS = range(7)

# Columns of the flits of a layer. Unicast hops are those of packets sent to each destination apart.
FLITS_SENT, FLITS_RECEIVED, FLIT_HOPS_DONE, UNICAST_HOPS, LAYER_FLIT_COLUMNS = range(5)

LATENCY_BINS = 65536

# A flit is packet << 33 | target << 20 | hops << 8 | vc << 2 | tail << 1 | head.
HEAD, TAIL = 1, 2
VC_SHIFT, HOP_SHIFT, TARGET_SHIFT, PACKET_SHIFT = 2, 8, 20, 33
VC_MASK, HOP_MASK, TARGET_MASK = 63, 4095, 8191
TREES = 4096
"""Targets from here on are trees; below are nodes."""
MOST_TREES = TARGET_MASK + 1 - TREES
MOST_PACKETS = 1 << 28

# Masks of input VCs in the row of a router.
(
    NONEMPTY,
    IN_ROUTING,
    WAITING,  # for an output VC
    ACTIVE,  # owns an output VC; a VC of a multicast packet may be waiting and active at once
    UNDECIDED,  # waiting or in routing, and more than one output is permitted
    FORKED,  # the packet at the front leaves by more than one output
    WON,  # won a VC in an allocation that ends in VC_DONE
    GRANTED,  # a mask of ports: inputs that won the switch in an allocation that ends in SWITCH_DONE
) = range(8)

# Times of a router's stages, its place, and a mask of the outputs at which input VCs wait for a VC.
ROUTING_START, VC_DONE, SWITCH_DONE, TRAVERSAL_START, COLUMN, ROW, WANTED = range(7)

# Columns of a port as an output.
(
    FREE,  # VCs that no packet owns
    CREDIT,  # VCs with a credit
    WANT_LOWER,  # input VCs of the router that wait for a VC of the lower class
    WANT_UPPER,  # and of the upper one, to which all belong where there are no classes
    SWITCH_GRANT,  # iSLIP's pointer
    SENT_AT,  # cycle in which the last flit was sent on the link
    PEER,  # what is at the other end of the link
) = range(7)

# Columns of a port as an input.
SWITCH_ACCEPT, VC_OFFSET, GRANT = range(3)
# SWITCH_ACCEPT is iSLIP's pointer, VC_OFFSET the VC that goes first, GRANT the output << 8 | vc that won the switch.

# The peer of a port is `port's index << 20 | port << 12 | router`, ~node for a local port, FOREVER for nothing.
PEER_INDEX, PEER_PORT, PEER_PORT_MASK, PEER_ROUTER_MASK = 20, 12, 255, 4095

# Columns of an input VC.
(
    FRONT,  # place of the first flit in the FIFO
    COUNT,  # flits in the FIFO
    OUT_PORT,  # of the packet at the front
    OUT_VC,
    CLASSES,  # of the VCs that its packet may take at its output, LOWER, UPPER or both
    VC_ACCEPT,  # iSLIP's pointer
    ROUTED_AT,  # cycle in which the route of the packet at the front is known
) = range(7)

LOWER, UPPER = 1, 2

# Columns of the packet that forks at the front of an input VC, and of each of its branches.
FORK_OPEN, FORK_HELD, FORK_WON, FORK_LOWER, FORK_FREED = range(5)
BRANCH_VC, BRANCH_SENT = range(2)

# Columns of a node: its source; and of its place.
(
    QUEUE_FIRST,  # packets created and not fetched: a list through P_NEXT
    QUEUE_LAST,
    WAITING_FLITS,
    PEAK_FLITS,
    CURRENT,  # packet being sent, or -1
    SENT,  # flits of it sent
    SOURCE_VC,  # VC of it; before the first packet VCs - 1
    HOME,  # its router's port, as a peer
) = range(8)

NODE_COLUMN, NODE_ROW, LOCAL_PORT = range(3)


class Network(NamedTuple):
    """Routers, and the sources and sinks of the nodes. Tables have rows of eight columns.

    The wheel has a slot for each of the coming cycles, a power of two of them, more than the longest delay.
    """

    shape: Shape
    scalars: NDArray  # [NETWORK_SCALARS]
    router: NDArray  # table [routers] of masks
    stage: NDArray  # table [routers] of times
    port: NDArray  # table [router ports] of outputs
    entry: NDArray  # table [router ports] of inputs
    vc: NDArray  # table [VCs] of inputs
    fifo: NDArray  # [VCs * places] flits; as many places a VC as the power of two from its depth on
    vc_grant: NDArray  # [VCs] iSLIP's pointer of an output VC
    occupied: NDArray  # [VCs] flits sent through an output VC minus credits seen
    fork: NDArray  # table [VCs], or of one row without trees
    branch: NDArray  # table [VCs * ports], or of one row without trees
    node: NDArray  # table [nodes]
    node_place: NDArray  # table [nodes] of the column and row of its router, and its port
    source_occupied: NDArray  # [nodes * VCs] flits sent minus credits seen
    packet: NDArray  # table [packets]
    cargo: NDArray  # table [packets], or of one row
    free: NDArray  # [packets] stack of free packet numbers
    trees: NDArray  # [trees * routers, 2] outputs of a multicast tree, and those that take the lower class of VCs
    tree_hops: NDArray  # [trees] outputs of a tree in all
    tree_copies: NDArray  # [trees] nodes that it reaches
    port_of: NDArray  # [ports * VCs] port of a VC of a router: a division is slow
    scratch: NDArray  # work space of the allocators
    wheel_flit: NDArray  # [slots * router ports] flit that arrives at an input
    wheel_flits: NDArray  # [slots * routers] mask of inputs at which one arrives
    wheel_credits: NDArray  # [slots * routers] mask of output VCs at which a credit arrives
    wheel_wake: NDArray  # [slots, words of 32 routers] routers with any of these
    wheel_sink: NDArray  # [slots * nodes] flit that arrives at a sink, or 0
    wheel_source: NDArray  # [slots * nodes] mask of VCs whose credit arrives at a source
    wheel_node_wake: NDArray  # [slots, words of 32 nodes] nodes with any of these
    active: NDArray  # [words of 32 routers] routers with a flit waiting
    active_nodes: NDArray  # [words of 32 nodes] nodes with something to send
    ejected: NDArray  # [nodes, 2] node and flit of what sinks took in this cycle
    link_bins: NDArray  # [bins, router ports] flits that won an output
    latency: NDArray  # [LATENCY_BINS] copies of packets by creation-to-tail latency; the last bin gathers the rest
    layer_flits: NDArray  # [layers + 1, LAYER_FLIT_COLUMNS]
