"""Allocation of virtual channels and of the switch: one iteration of iSLIP, round robin in both its steps.

McKeown, "The iSLIP scheduling algorithm for input-queued switches" (1999). Each resource grants the first of its
requesters at or after its grant pointer; each requester accepts the first of the resources that granted it at or
after its accept pointer; pointers move past an accepted pair, and stay otherwise.
"""

from accelsim.jit import cell, kernel, row, trailing_zeros
from accelsim.kernels import network_state as n


@kernel
def first_from(mask, pointer):
    """Index of the first set bit at or after `pointer`, wrapping round; `mask` is not empty."""
    high = mask >> pointer
    if high:
        return pointer + trailing_zeros(high)
    return trailing_zeros(mask)


@kernel
def want(network, stages, first_port, requester, port, classes):
    """An input VC begins to ask for a VC of an output, of some classes of VCs."""
    output = row(network.port, first_port + port)
    if classes & n.LOWER:
        output[n.WANT_LOWER] |= 1 << requester
    if classes & n.UPPER:
        output[n.WANT_UPPER] |= 1 << requester
    stages[n.WANTED] |= 1 << port


@kernel
def grant_vcs(network, wanted, first_port, first_vc):
    """Every free VC of the wanted outputs grants an input VC; grants stand in scratch. Returns who got any."""
    shape = network.shape
    vcs = shape.vcs
    half = shape.half
    scratch = network.scratch
    granted = 0
    while wanted:
        port = trailing_zeros(wanted)
        wanted &= wanted - 1
        output = row(network.port, first_port + port)
        lower = output[n.WANT_LOWER]
        upper = output[n.WANT_UPPER]
        bits = output[n.FREE]
        if lower == 0 and upper & (upper - 1) == 0:
            # One requester is granted every free VC of its class.
            bits = (bits >> half) << (half + port * vcs)
            if bits:
                cell(scratch, trailing_zeros(upper))[0] |= bits
                granted |= upper
            continue
        while bits:
            vc = trailing_zeros(bits)
            bits &= bits - 1
            requests = upper if vc >= half else lower
            if requests:
                resource = port * vcs + vc
                requester = first_from(requests, cell(network.vc_grant, first_vc + resource)[0])
                cell(scratch, requester)[0] |= 1 << resource
                granted |= 1 << requester
    return granted


@kernel
def accept_vc(network, masks, first_vc, requester, resources):
    """An input VC accepts one of the output VCs that granted it."""
    width = network.shape.ports * network.shape.vcs
    state = row(network.vc, first_vc + requester)
    resource = first_from(resources, state[n.VC_ACCEPT])
    state[n.VC_ACCEPT] = resource + 1 if resource + 1 < width else 0
    cell(network.vc_grant, first_vc + resource)[0] = requester + 1 if requester + 1 < width else 0
    if (masks[n.FORKED] >> requester) & 1:
        row(network.fork, first_vc + requester)[n.FORK_WON] = resource
    else:
        state[n.OUT_VC] = resource - state[n.OUT_PORT] * network.shape.vcs


@kernel
def allocate_vcs(network, masks, wanted, first_port, first_vc):
    """Waiting input VCs over free output VCs, whether or not these have credits. Winners stand in the mask WON."""
    won = grant_vcs(network, wanted, first_port, first_vc)
    masks[n.WON] = won
    while won:
        requester = trailing_zeros(won)
        won &= won - 1
        accept_vc(network, masks, first_vc, requester, cell(network.scratch, requester)[0])
        cell(network.scratch, requester)[0] = 0


@kernel
def confirm_vcs(network, masks, stages, first_port, first_vc):
    """Winners of the VC allocation own their output VCs and are active."""
    shape = network.shape
    bits = masks[n.WON]
    masks[n.WON] = 0
    masks[n.ACTIVE] |= bits
    while bits:
        requester = trailing_zeros(bits)
        bits &= bits - 1
        queue = first_vc + requester
        bit = 1 << requester
        waits = False
        if masks[n.FORKED] & bit:
            fork = row(network.fork, queue)
            port = cell(network.port_of, fork[n.FORK_WON])[0]
            vc = fork[n.FORK_WON] - port * shape.vcs
            row(network.branch, queue * shape.ports + port)[n.BRANCH_VC] = vc
            fork[n.FORK_HELD] |= 1 << port
            waits = fork[n.FORK_OPEN] & ~fork[n.FORK_HELD] != 0
        else:
            state = row(network.vc, queue)
            port = state[n.OUT_PORT]
            vc = state[n.OUT_VC]
        if not waits:
            masks[n.WAITING] &= ~bit
        output = row(network.port, first_port + port)
        output[n.FREE] &= ~(1 << vc)
        output[n.WANT_LOWER] &= ~bit
        output[n.WANT_UPPER] &= ~bit
        if output[n.WANT_LOWER] | output[n.WANT_UPPER] == 0:
            stages[n.WANTED] &= ~(1 << port)


@kernel
def bid(network, first_port, port, vc, out, speculative):
    """A request of an input for an output, for one of its VCs.

    Of several VCs of an input a normal request beats a speculative one, then the first from the input's offset wins.
    """
    shape = network.shape
    ports = shape.ports
    rank = vc - row(network.entry, first_port + port)[n.VC_OFFSET]
    if rank < 0:
        rank += shape.vcs
    rank += speculative
    requests = ports * shape.vcs
    label = requests + 2 * ports + port * ports + out
    seen = (cell(network.scratch, requests + out)[0] >> port) & 1
    if not seen or rank < cell(network.scratch, label)[0] >> 8:
        cell(network.scratch, label)[0] = rank << 8 | vc
    cell(network.scratch, requests + out)[0] |= 1 << port


SPECULATION = 64
"""Added to the rank of a speculative request: more than any VC's."""


@kernel
def bid_branches(network, first_port, queue, port, vc):
    """Requests of a packet that forks, for its branches that have a VC and a credit. Returns the outputs."""
    fork = row(network.fork, queue)
    outputs = 0
    bits = fork[n.FORK_OPEN] & fork[n.FORK_HELD]
    while bits:
        out = trailing_zeros(bits)
        bits &= bits - 1
        branch = row(network.branch, queue * network.shape.ports + out)
        here = branch[n.BRANCH_SENT] - fork[n.FORK_FREED] < row(network.vc, queue)[n.COUNT]
        if here and (row(network.port, first_port + out)[n.CREDIT] >> branch[n.BRANCH_VC]) & 1:
            bid(network, first_port, port, vc, out, 0)
            outputs |= 1 << out
    return outputs


@kernel
def bid_active(network, masks, bidders, first_port, first_vc):
    """Requests of input VCs that own an output VC and have a credit there. Returns the outputs."""
    vcs = network.shape.vcs
    outputs = 0
    while bidders:
        requester = trailing_zeros(bidders)
        bidders &= bidders - 1
        queue = first_vc + requester
        port = cell(network.port_of, requester)[0]
        vc = requester - port * vcs
        if (masks[n.FORKED] >> requester) & 1:
            outputs |= bid_branches(network, first_port, queue, port, vc)
            continue
        state = row(network.vc, queue)
        out = state[n.OUT_PORT]
        if (row(network.port, first_port + out)[n.CREDIT] >> state[n.OUT_VC]) & 1:
            bid(network, first_port, port, vc, out, 0)
            outputs |= 1 << out
    return outputs


@kernel
def bid_waiting(network, wanted, first_port):
    """Speculative requests of input VCs that wait for a VC, where one is free and has a credit. Returns the outputs."""
    vcs = network.shape.vcs
    half = network.shape.half
    outputs = 0
    while wanted:
        out = trailing_zeros(wanted)
        wanted &= wanted - 1
        output = row(network.port, first_port + out)
        usable = output[n.FREE] & output[n.CREDIT]
        bits = 0
        if usable >> half:
            bits = output[n.WANT_UPPER]
        if usable & ((1 << half) - 1):
            bits |= output[n.WANT_LOWER]
        if bits:
            outputs |= 1 << out
        while bits:
            requester = trailing_zeros(bits)
            bits &= bits - 1
            port = cell(network.port_of, requester)[0]
            bid(network, first_port, port, requester - port * vcs, out, SPECULATION)
    return outputs


@kernel
def accept_output(network, state, first_port, port, out, vc):
    """An input accepts an output that granted it, for one of its VCs."""
    ports = network.shape.ports
    row(network.port, first_port + out)[n.SWITCH_GRANT] = port + 1 if port + 1 < ports else 0
    state[n.SWITCH_ACCEPT] = out + 1 if out + 1 < ports else 0
    state[n.VC_OFFSET] = vc + 1 if vc + 1 < network.shape.vcs else 0
    state[n.GRANT] = out << 8 | vc


@kernel
def accept_alone(network, bidder, first_port, first_vc):
    """The only input VC of a router that bids gets its output if it has a credit there. Returns its port as a mask."""
    request = row(network.vc, first_vc + bidder)
    out = request[n.OUT_PORT]
    if not (row(network.port, first_port + out)[n.CREDIT] >> request[n.OUT_VC]) & 1:
        return 0
    port = cell(network.port_of, bidder)[0]
    state = row(network.entry, first_port + port)
    accept_output(network, state, first_port, port, out, bidder - port * network.shape.vcs)
    return 1 << port


@kernel
def allocate_switch(network, masks, bidders, wanted, first_port, first_vc):
    """Inputs over outputs. Winners stand in the mask GRANTED, and in GRANT of their port."""
    shape = network.shape
    ports = shape.ports
    vcs = shape.vcs
    if wanted == 0 and bidders & (bidders - 1) == 0 and not bidders & masks[n.FORKED]:
        masks[n.GRANTED] = accept_alone(network, trailing_zeros(bidders), first_port, first_vc)
        return
    scratch = network.scratch
    requests = ports * vcs
    granted = requests + ports
    labels = granted + ports
    outputs = bid_active(network, masks, bidders, first_port, first_vc)
    outputs |= bid_waiting(network, wanted, first_port)
    inputs = 0
    while outputs:
        out = trailing_zeros(outputs)
        outputs &= outputs - 1
        bits = cell(scratch, requests + out)[0]
        port = trailing_zeros(bits)
        if bits & (bits - 1):
            port = first_from(bits, row(network.port, first_port + out)[n.SWITCH_GRANT])
        cell(scratch, requests + out)[0] = 0
        cell(scratch, granted + port)[0] |= 1 << out
        inputs |= 1 << port
    masks[n.GRANTED] = inputs
    while inputs:
        port = trailing_zeros(inputs)
        inputs &= inputs - 1
        state = row(network.entry, first_port + port)
        out = first_from(cell(scratch, granted + port)[0], state[n.SWITCH_ACCEPT])
        cell(scratch, granted + port)[0] = 0
        accept_output(network, state, first_port, port, out, cell(scratch, labels + port * ports + out)[0] & 255)
