"""Allocation of virtual channels and of the switch: one iteration of iSLIP, round robin in both its steps.

McKeown, "The iSLIP scheduling algorithm for input-queued switches" (1999). Each resource grants the first of its
requesters at or after its grant pointer; each requester accepts the first of the resources that granted it at or
after its accept pointer; pointers move past an accepted pair, and stay otherwise.
"""

from accelsim.jit import kernel, row, trailing_zeros
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
    settings = network.settings
    vcs = settings[n.VCS]
    half = settings[n.HALF]
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
                scratch[trailing_zeros(upper)] |= bits
                granted |= upper
            continue
        while bits:
            vc = trailing_zeros(bits)
            bits &= bits - 1
            requests = upper if vc >= half else lower
            if requests:
                resource = port * vcs + vc
                requester = first_from(requests, row(network.vc, first_vc + resource)[n.VC_GRANT])
                scratch[requester] |= 1 << resource
                granted |= 1 << requester
    return granted


@kernel
def accept_vc(network, masks, first_vc, requester, resources):
    """An input VC accepts one of the output VCs that granted it."""
    width = network.settings[n.PORTS] * network.settings[n.VCS]
    state = row(network.vc, first_vc + requester)
    resource = first_from(resources, state[n.VC_ACCEPT])
    state[n.VC_ACCEPT] = resource + 1 if resource + 1 < width else 0
    row(network.vc, first_vc + resource)[n.VC_GRANT] = requester + 1 if requester + 1 < width else 0
    if (masks[n.FORKED] >> requester) & 1:
        row(network.fork, first_vc + requester)[n.FORK_WON] = resource
    else:
        state[n.OUT_VC] = resource - state[n.OUT_PORT] * network.settings[n.VCS]


@kernel
def allocate_vcs(network, masks, wanted, first_port, first_vc):
    """Waiting input VCs over free output VCs, whether or not these have credits. Winners stand in the mask WON."""
    won = grant_vcs(network, wanted, first_port, first_vc)
    masks[n.WON] = won
    while won:
        requester = trailing_zeros(won)
        won &= won - 1
        accept_vc(network, masks, first_vc, requester, network.scratch[requester])
        network.scratch[requester] = 0


@kernel
def confirm_vcs(network, masks, stages, first_port, first_vc):
    """Winners of the VC allocation own their output VCs and are active."""
    settings = network.settings
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
            port = network.port_of[fork[n.FORK_WON]]
            vc = fork[n.FORK_WON] - port * settings[n.VCS]
            row(network.branch, queue * settings[n.PORTS] + port)[n.BRANCH_VC] = vc
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
    settings = network.settings
    ports = settings[n.PORTS]
    rank = vc - row(network.entry, first_port + port)[n.VC_OFFSET]
    if rank < 0:
        rank += settings[n.VCS]
    rank += speculative
    requests = ports * settings[n.VCS]
    label = requests + 2 * ports + port * ports + out
    seen = (network.scratch[requests + out] >> port) & 1
    if not seen or rank < network.scratch[label] >> 8:
        network.scratch[label] = rank << 8 | vc
    network.scratch[requests + out] |= 1 << port


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
        branch = row(network.branch, queue * network.settings[n.PORTS] + out)
        here = branch[n.BRANCH_SENT] - fork[n.FORK_FREED] < row(network.vc, queue)[n.COUNT]
        if here and (row(network.port, first_port + out)[n.CREDIT] >> branch[n.BRANCH_VC]) & 1:
            bid(network, first_port, port, vc, out, 0)
            outputs |= 1 << out
    return outputs


@kernel
def bid_active(network, masks, bidders, first_port, first_vc):
    """Requests of input VCs that own an output VC and have a credit there. Returns the outputs."""
    vcs = network.settings[n.VCS]
    outputs = 0
    while bidders:
        requester = trailing_zeros(bidders)
        bidders &= bidders - 1
        queue = first_vc + requester
        port = network.port_of[requester]
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
    vcs = network.settings[n.VCS]
    half = network.settings[n.HALF]
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
            port = network.port_of[requester]
            bid(network, first_port, port, requester - port * vcs, out, SPECULATION)
    return outputs


@kernel
def allocate_switch(network, masks, bidders, wanted, first_port, first_vc):
    """Inputs over outputs. Winners stand in the mask GRANTED, and in GRANT of their port."""
    settings = network.settings
    ports = settings[n.PORTS]
    vcs = settings[n.VCS]
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
        bits = scratch[requests + out]
        port = trailing_zeros(bits)
        if bits & (bits - 1):
            port = first_from(bits, row(network.port, first_port + out)[n.SWITCH_GRANT])
        scratch[requests + out] = 0
        scratch[granted + port] |= 1 << out
        inputs |= 1 << port
    masks[n.GRANTED] = inputs
    while inputs:
        port = trailing_zeros(inputs)
        inputs &= inputs - 1
        state = row(network.entry, first_port + port)
        out = first_from(scratch[granted + port], state[n.SWITCH_ACCEPT])
        scratch[granted + port] = 0
        vc = scratch[labels + port * ports + out] & 255
        row(network.port, first_port + out)[n.SWITCH_GRANT] = port + 1 if port + 1 < ports else 0
        state[n.SWITCH_ACCEPT] = out + 1 if out + 1 < ports else 0
        state[n.VC_OFFSET] = vc + 1 if vc + 1 < vcs else 0
        state[n.GRANT] = out << 8 | vc
