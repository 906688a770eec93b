"""Routes: the outputs that lead to a packet's destination, and the virtual channels that it may take there."""

from accelsim.jit import cell, kernel, row, trailing_zeros
from accelsim.kernels import network_state as n


@kernel
def towards(here, there, size, wraps):
    """The direction along a dimension: 0 for none, 1 up, -1 down; on a ring the shorter way, up in a tie."""
    if here == there:
        return 0
    if not wraps:
        return 1 if there > here else -1
    up = there - here
    if up < 0:
        up += size
    return 1 if 2 * up <= size else -1


@kernel
def dimension_order(network, router, destination):
    """Output of the route that is fixed beforehand, as `port << 1 | lower`: whether it takes the lower class of VCs.

    One dimension after the other. Where links wrap, packets that still have to cross the link between the last and
    the first router of the dimension take the lower class of VCs, the others the upper one (Dally and Seitz 1987).
    """
    shape = network.shape
    place = row(network.stage, router)
    target = row(network.node_place, destination)
    topology = shape.topology
    if topology == n.CROSSBAR:
        return target[n.LOCAL_PORT] << 1
    wraps = topology != n.MESH
    dimension = 1 if shape.routing == n.YX else 0
    for _ in range(2):
        here = place[n.ROW] if dimension else place[n.COLUMN]
        there = target[n.NODE_ROW] if dimension else target[n.NODE_COLUMN]
        if here != there:
            size = shape.rows if dimension else shape.columns
            way = towards(here, there, size, wraps)
            port = 2 * dimension + (0 if way > 0 else 1)
            lower = 0
            if wraps and (here > there if way > 0 else here < there):
                lower = 1
            return port << 1 | lower
        dimension = 1 - dimension
    return target[n.LOCAL_PORT] << 1


@kernel
def classes_of(network, port, lower):
    """The classes of VCs that a packet may take at an output: one of two where links wrap."""
    shape = network.shape
    if shape.half == 0:
        return n.UPPER
    if port >= shape.first_local:
        return n.LOWER | n.UPPER
    return n.LOWER if lower else n.UPPER


@kernel
def permitted(network, router, flit):
    """Mask of the outputs that an adaptive route permits in a mesh: one, or one of each dimension.

    West first: Glass and Ni, "The turn model for adaptive routing" (1992). Odd-even: Chiu, "The odd-even turn model
    for adaptive routing" (2000), its minimal ROUTE function.
    """
    place = row(network.stage, router)
    target = row(network.node_place, (flit >> n.TARGET_SHIFT) & n.TARGET_MASK)
    column = place[n.COLUMN]
    dx = target[n.NODE_COLUMN] - column
    dy = target[n.NODE_ROW] - place[n.ROW]
    if dx == 0 and dy == 0:
        return 1 << target[n.LOCAL_PORT]
    vertical = 0
    if dy != 0:
        vertical = 1 << (2 if dy > 0 else 3)
    if dx == 0:
        return vertical
    if network.shape.routing == n.WEST_FIRST:
        return 2 if dx < 0 else 1 | vertical
    if dx < 0:
        return 2 | vertical if column % 2 == 0 else 2
    outputs = 0
    if dy == 0 or target[n.NODE_COLUMN] % 2 == 1 or dx != 1:
        outputs = 1
    source = network.packet[flit >> n.PACKET_SHIFT, n.P_SOURCE]
    if column % 2 == 1 or column == network.node_place[source, n.NODE_COLUMN]:
        outputs |= vertical
    return outputs


@kernel
def least_loaded(network, first_vc, outputs):
    """Of several outputs the one with the most credits; a tie goes to the lowest, which is in the row."""
    vcs = network.shape.vcs
    best = -1
    fewest = n.FOREVER
    while outputs:
        port = trailing_zeros(outputs)
        outputs &= outputs - 1
        occupied = 0
        for vc in range(vcs):
            occupied += cell(network.occupied, first_vc + port * vcs + vc)[0]
        if occupied < fewest:
            fewest = occupied
            best = port
    return best


@kernel
def grow_trees(network, members):
    """Fill the trees of multicast packets: the union of the routes from a source to each destination of its set.

    `members` has a row a destination: tree, source, destination. Routes of a fixed order of dimensions that have
    parted never meet again, so that the union is a tree.
    """
    shape = network.shape
    for index in range(members.shape[0]):
        there = network.node[members[index, 1], n.HOME]
        while there >= 0:
            router = there & n.PEER_ROUTER_MASK
            found = dimension_order(network, router, members[index, 2])
            port = found >> 1
            outputs = network.trees[members[index, 0] * shape.routers + router]
            outputs[0] |= 1 << port
            outputs[1] |= (found & 1) << port
            there = network.port[router * shape.ports + port, n.PEER]
