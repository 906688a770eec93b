"""A network without a chip: packets of a list are sent when they are created, and their arrivals are recorded."""

from accelsim.jit import borrowed, kernel
from accelsim.kernels import network_state as n
from accelsim.kernels.network import enqueue, network_cycle
from accelsim.kernels.wires import next_arrival, return_credit

# Scalars of a replay.
NOW, CREATED, ARRIVED, REPLAY_SCALARS = range(4)

# What ends a call of `replay`.
DONE, PAUSED, STUCK = range(3)

# Columns of an arrival.
A_PACKET, A_NODE, A_HEAD, A_TAIL, A_HOPS, ARRIVAL_COLUMNS = range(6)


@kernel
def take(network, scalars, heads, arrivals, t):
    """Book the flits that sinks took in cycle t, and return their credits."""
    for index in range(network.scalars[n.EJECTED]):
        node = network.ejected[index, 0]
        flit = network.ejected[index, 1]
        vc = (flit >> n.VC_SHIFT) & n.VC_MASK
        return_credit(network, node, vc, t)
        if flit & n.HEAD:
            heads[node, vc] = t
        if flit & n.TAIL:
            row = arrivals[scalars[ARRIVED]]
            row[A_PACKET] = flit >> n.PACKET_SHIFT
            row[A_NODE] = node
            row[A_HEAD] = heads[node, vc]
            row[A_TAIL] = t
            row[A_HOPS] = (flit >> n.HOP_SHIFT) & n.HOP_MASK
            scalars[ARRIVED] += 1


@kernel
def replay(network, scalars, order, heads, arrivals, until, patience, steps):
    """Step at most `steps` cycles below `until`, or until nothing moves and no packet is to come.

    `order` lists packets by the cycle of their creation. Returns PAUSED where steps ran out, STUCK where nothing has
    moved for `patience` of these steps although flits wait, which is a deadlock, else DONE.
    """
    network = borrowed(network)
    still = 0
    while scalars[NOW] < until:
        if steps == 0:
            return PAUSED
        steps -= 1
        t = scalars[NOW]
        while scalars[CREATED] < order.shape[0] and network.packet[order[scalars[CREATED]], n.P_CREATED] <= t:
            enqueue(network, order[scalars[CREATED]])
            scalars[CREATED] += 1
        busy = network_cycle(network, t, 0)
        take(network, scalars, heads, arrivals, t)
        scalars[NOW] = t + 1
        still = 0 if network.scalars[n.LAST_MOVE] == t else still + 1
        if still > patience:
            return STUCK
        if not busy:
            wake = next_arrival(network, t + 1)
            if scalars[CREATED] < order.shape[0]:
                wake = min(wake, network.packet[order[scalars[CREATED]], n.P_CREATED])
            if wake == n.FOREVER and until == n.FOREVER:
                return DONE
            scalars[NOW] = min(wake, until)
    return DONE
