"""The router: input-queued virtual channels, one cycle at a time.

It is the field's reference, BookSim 2's input-queued router: credit flow control, a virtual channel allocated per
packet, VC and switch allocation by separable round robin (iSLIP, one iteration), speculation as an option. What is
caused in cycle t is seen at another router in t + 2 at the earliest, so the order in which routers are visited within
a cycle does not matter. Functions are given the router, and the first of its ports and of its VCs.
"""

from accelsim.jit import cell, kernel, row, trailing_zeros
from accelsim.kernels import network_state as n
from accelsim.kernels.allocation import allocate_switch, allocate_vcs, confirm_vcs, want
from accelsim.kernels.multicast import fork, leave_fork
from accelsim.kernels.routes import classes_of, dimension_order, least_loaded, permitted
from accelsim.kernels.wires import offer_place, post_flit


@kernel
def set_output(network, queue, port, lower):
    """The packet at the front of an input VC leaves by one output."""
    state = row(network.vc, queue)
    state[n.OUT_PORT] = port
    state[n.CLASSES] = classes_of(network, port, lower)


@kernel
def start_packet(network, router, requester, queue, flit, earliest):
    """A head is at the front of an idle input VC: route it, from cycle `earliest` on, and let it wait for a VC."""
    shape = network.shape
    masks = row(network.router, router)
    bit = 1 << requester
    target = (flit >> n.TARGET_SHIFT) & n.TARGET_MASK
    if target >= n.TREES:
        tree = network.trees[(target - n.TREES) * shape.routers + router]
        if tree[0] & (tree[0] - 1):
            masks[n.FORKED] |= bit
            fork(network, queue, tree[0], tree[1])
        else:
            set_output(network, queue, trailing_zeros(tree[0]), 1 if tree[1] else 0)
    elif shape.routing >= n.WEST_FIRST:
        outputs = permitted(network, router, flit)
        if outputs & (outputs - 1):
            masks[n.UNDECIDED] |= bit
        else:
            set_output(network, queue, trailing_zeros(outputs), 0)
    else:
        found = dimension_order(network, router, target)
        set_output(network, queue, found >> 1, found & 1)
    cycles = shape.routing_cycles
    if cycles == 0:
        masks[n.WAITING] |= bit
        want_outputs(network, router, requester, queue)
        return
    masks[n.IN_ROUTING] |= bit
    if cycles > 1:
        state = row(network.vc, queue)
        state[n.ROUTED_AT] = next_start(network, router, n.ROUTING_START, earliest, cycles) + cycles - 1


@kernel
def want_outputs(network, router, requester, queue):
    """A packet that waits for a VC asks for one of its output, or of each of its outputs, once these are known."""
    masks = row(network.router, router)
    stages = row(network.stage, router)
    first_port = router * network.shape.ports
    if (masks[n.UNDECIDED] >> requester) & 1:
        return
    if (masks[n.FORKED] >> requester) & 1:
        state = row(network.fork, queue)
        bits = state[n.FORK_OPEN]
        while bits:
            port = trailing_zeros(bits)
            bits &= bits - 1
            classes = classes_of(network, port, (state[n.FORK_LOWER] >> port) & 1)
            want(network, stages, first_port, requester, port, classes)
        return
    state = row(network.vc, queue)
    want(network, stages, first_port, requester, state[n.OUT_PORT], state[n.CLASSES])


@kernel
def next_start(network, router, stage, earliest, cycles):
    """When a stage that is busy for `cycles` a batch takes what is there from cycle `earliest` on."""
    stages = row(network.stage, router)
    start = stages[stage]
    if earliest > start:
        start = max(earliest, start + cycles)
        stages[stage] = start
    return start


@kernel
def decide(network, router, first_vc):
    """Adaptive heads that begin to wait for a VC choose among their outputs."""
    masks = row(network.router, router)
    places = network.shape.places
    bits = masks[n.UNDECIDED] & masks[n.WAITING]
    masks[n.UNDECIDED] &= ~bits
    while bits:
        requester = trailing_zeros(bits)
        bits &= bits - 1
        queue = first_vc + requester
        flit = cell(network.fifo, queue * (places + 1) + row(network.vc, queue)[n.FRONT])[0]
        set_output(network, queue, least_loaded(network, first_vc, permitted(network, router, flit)), 0)
        want_outputs(network, router, requester, queue)


@kernel
def receive(network, router, slot, t):
    """Flits and credits due now enter the router."""
    shape = network.shape
    vcs = shape.vcs
    first_port = router * shape.ports
    first_vc = first_port * vcs
    masks = row(network.router, router)
    events = slot * shape.routers + router
    places = shape.places
    arrived = cell(network.wheel_flits, events)[0]
    cell(network.wheel_flits, events)[0] = 0
    wires = events * shape.ports
    while arrived:
        port = trailing_zeros(arrived)
        arrived &= arrived - 1
        flit = cell(network.wheel_flit, wires + port)[0]
        requester = port * vcs + ((flit >> n.VC_SHIFT) & n.VC_MASK)
        queue = first_vc + requester
        state = row(network.vc, queue)
        cell(network.fifo, queue * (places + 1) + ((state[n.FRONT] + state[n.COUNT]) & places))[0] = flit
        state[n.COUNT] += 1
        bit = 1 << requester
        masks[n.NONEMPTY] |= bit
        if not (masks[n.IN_ROUTING] | masks[n.WAITING] | masks[n.ACTIVE]) & bit:
            start_packet(network, router, requester, queue, flit, t)
    credits = cell(network.wheel_credits, events)[0]
    cell(network.wheel_credits, events)[0] = 0
    while credits:
        resource = trailing_zeros(credits)
        credits &= credits - 1
        port = cell(network.port_of, resource)[0]
        cell(network.occupied, first_vc + resource)[0] -= 1
        row(network.port, first_port + port)[n.CREDIT] |= 1 << (resource - port * vcs)


@kernel
def send_flit(network, router, output, flit, t):
    """A flit that won the switch in cycle t is on its way to the next router or to a sink.

    A traversal of several cycles takes all flits that won before it starts; each output then sends one a cycle.
    """
    shape = network.shape
    cycles = shape.traversal_cycles
    sent = t + 1
    if cycles > 1:
        through = next_start(network, router, n.TRAVERSAL_START, t + 1, cycles) + cycles - 1
        sent = max(through, output[n.SENT_AT] + 1)
        output[n.SENT_AT] = sent
    post_flit(network, output[n.PEER], flit, sent + 1 + shape.link_cycles)


@kernel
def traverse(network, router, port, out, vc, t, time_bin):
    """A flit that won the switch leaves its input VC, unless speculation failed."""
    shape = network.shape
    vcs = shape.vcs
    places = shape.places
    first_port = router * shape.ports
    requester = port * vcs + vc
    queue = first_port * vcs + requester
    bit = 1 << requester
    masks = row(network.router, router)
    state = row(network.vc, queue)
    output = row(network.port, first_port + out)
    forked = masks[n.FORKED] & bit
    out_vc = state[n.OUT_VC]
    place = state[n.FRONT]
    if forked:
        if not row(network.fork, queue)[n.FORK_HELD] & 1 << out:
            return
        branch = row(network.branch, queue * shape.ports + out)
        out_vc = branch[n.BRANCH_VC]
        place = (place + branch[n.BRANCH_SENT] - row(network.fork, queue)[n.FORK_FREED]) & places
    elif not masks[n.ACTIVE] & bit:
        return
    if not (output[n.CREDIT] >> out_vc) & 1:
        return
    flit = cell(network.fifo, queue * (places + 1) + place)[0]
    resource = (first_port + out) * vcs + out_vc
    occupied = cell(network.occupied, resource)[0] + 1
    cell(network.occupied, resource)[0] = occupied
    if occupied == shape.depth:
        output[n.CREDIT] &= ~(1 << out_vc)
    if flit & n.TAIL:
        output[n.FREE] |= 1 << out_vc
    copy = (flit & ~(n.VC_MASK << n.VC_SHIFT) | out_vc << n.VC_SHIFT) + (1 << n.HOP_SHIFT)
    send_flit(network, router, output, copy, t)
    network.link_bins[time_bin, first_port + out] += 1
    if forked and not leave_fork(network, queue, out, flit):
        return
    state[n.FRONT] = (state[n.FRONT] + 1) & places
    state[n.COUNT] -= 1
    offer_place(network, row(network.port, first_port + port)[n.PEER], vc, t)
    if state[n.COUNT] == 0:
        masks[n.NONEMPTY] &= ~bit
    if flit & n.TAIL:
        masks[n.ACTIVE] &= ~bit
        masks[n.FORKED] &= ~bit
        if state[n.COUNT]:
            following = cell(network.fifo, queue * (places + 1) + state[n.FRONT])[0]
            start_packet(network, router, requester, queue, following, t + 1)


@kernel
def finish_routing(network, router, first_vc, t):
    """Heads whose route is known wait for a VC from the next cycle on."""
    masks = row(network.router, router)
    several = network.shape.routing_cycles > 1
    bits = masks[n.IN_ROUTING]
    while bits:
        requester = trailing_zeros(bits)
        bits &= bits - 1
        if several and row(network.vc, first_vc + requester)[n.ROUTED_AT] > t:
            continue
        masks[n.IN_ROUTING] ^= 1 << requester
        masks[n.WAITING] |= 1 << requester
        want_outputs(network, router, requester, first_vc + requester)


@kernel
def switch_router(network, router, t, time_bin):
    """Allocation and traversal of one router in cycle t, on the state after `receive`."""
    shape = network.shape
    first_port = router * shape.ports
    first_vc = first_port * shape.vcs
    masks = row(network.router, router)
    stages = row(network.stage, router)
    if masks[n.UNDECIDED]:
        decide(network, router, first_vc)
    if masks[n.WAITING] and t > stages[n.VC_DONE]:
        allocate_vcs(network, masks, stages[n.WANTED], first_port, first_vc)
        stages[n.VC_DONE] = t + shape.vc_allocation_cycles - 1
    bidders = masks[n.NONEMPTY] & masks[n.ACTIVE]
    guessing = masks[n.WAITING] if shape.speculative else 0
    if (bidders or guessing) and t > stages[n.SWITCH_DONE]:
        allocate_switch(network, masks, bidders, stages[n.WANTED] if guessing else 0, first_port, first_vc)
        stages[n.SWITCH_DONE] = t + shape.switch_allocation_cycles - 1
    if masks[n.IN_ROUTING]:
        finish_routing(network, router, first_vc, t)
    if masks[n.WON] and t == stages[n.VC_DONE]:
        confirm_vcs(network, masks, stages, first_port, first_vc)
    if masks[n.GRANTED] and t == stages[n.SWITCH_DONE]:
        bits = masks[n.GRANTED]
        masks[n.GRANTED] = 0
        while bits:
            port = trailing_zeros(bits)
            bits &= bits - 1
            grant = row(network.entry, first_port + port)[n.GRANT]
            traverse(network, router, port, grant >> 8, grant & 255, t, time_bin)
