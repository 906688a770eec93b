"""Allocation of virtual channels and of the switch: one iteration of iSLIP, round robin in both its steps.

McKeown, "The iSLIP scheduling algorithm for input-queued switches" (1999). Each resource grants the first of its
requesters at or after its grant pointer; each requester accepts the first of the resources that granted it at or
after its accept pointer; pointers move past an accepted pair, and stay otherwise.
"""

from accelsim.jit import kernel, row, trailing_zeros
from accelsim.kernels import network_state as n
from accelsim.kernels.routes import allowed_vcs


@kernel
def first_from(mask, pointer):
    """Index of the first set bit at or after `pointer`, wrapping round; `mask` is not empty."""
    high = mask >> pointer
    if high:
        return pointer + trailing_zeros(high)
    return trailing_zeros(mask)


@kernel
def ask(network, requester, port, allowed):
    """An input VC asks for the `allowed` VCs of an output: those of the lower class, of the upper one, or all."""
    settings = network.settings
    half = settings[n.HALF]
    wanted = settings[n.PORTS] * settings[n.VCS] + 2 * port
    if allowed & ((1 << half) - 1):
        network.scratch[wanted] |= 1 << requester
    if allowed >> half:
        network.scratch[wanted + 1] |= 1 << requester


@kernel
def request_vcs(network, masks, first_vc):
    """Requests of all waiting input VCs stand in scratch by output and class of VCs. Returns the outputs."""
    outputs = 0
    bits = masks[n.WAITING]
    while bits:
        requester = trailing_zeros(bits)
        bits &= bits - 1
        if (masks[n.FORKED] >> requester) & 1:
            state = row(network.fork, first_vc + requester)
            missing = state[n.FORK_OPEN] & ~state[n.FORK_HELD]
            outputs |= missing
            while missing:
                port = trailing_zeros(missing)
                missing &= missing - 1
                ask(network, requester, port, allowed_vcs(network, port, (state[n.FORK_LOWER] >> port) & 1))
        else:
            state = row(network.vc, first_vc + requester)
            outputs |= 1 << state[n.OUT_PORT]
            ask(network, requester, state[n.OUT_PORT], state[n.ALLOWED])
    return outputs


@kernel
def grant_vcs(network, first_port, first_vc, outputs):
    """Every free VC of the outputs grants a requester; grants stand in scratch by requester. Returns who got any."""
    settings = network.settings
    vcs = settings[n.VCS]
    half = settings[n.HALF]
    scratch = network.scratch
    granted = 0
    while outputs:
        port = trailing_zeros(outputs)
        outputs &= outputs - 1
        wanted = settings[n.PORTS] * vcs + 2 * port
        lower = scratch[wanted]
        upper = scratch[wanted + 1]
        scratch[wanted] = 0
        scratch[wanted + 1] = 0
        bits = row(network.port, first_port + port)[n.FREE]
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
    vcs = network.settings[n.VCS]
    width = network.settings[n.PORTS] * vcs
    state = row(network.vc, first_vc + requester)
    resource = first_from(resources, state[n.VC_ACCEPT])
    state[n.VC_ACCEPT] = resource + 1 if resource + 1 < width else 0
    row(network.vc, first_vc + resource)[n.VC_GRANT] = requester + 1 if requester + 1 < width else 0
    if (masks[n.FORKED] >> requester) & 1:
        row(network.fork, first_vc + requester)[n.FORK_WON] = resource
    else:
        state[n.OUT_VC] = resource - state[n.OUT_PORT] * vcs


@kernel
def allocate_vcs(network, masks, first_port, first_vc):
    """Waiting input VCs over free output VCs, whether or not these have credits. Winners stand in the mask WON."""
    waiting = masks[n.WAITING]
    if waiting & (waiting - 1) == 0 and not waiting & masks[n.FORKED]:
        requester = trailing_zeros(waiting)
        state = row(network.vc, first_vc + requester)
        port = state[n.OUT_PORT]
        resources = row(network.port, first_port + port)[n.FREE] & state[n.ALLOWED]
        if resources:
            accept_vc(network, masks, first_vc, requester, resources << (port * network.settings[n.VCS]))
            masks[n.WON] = waiting
        return
    outputs = request_vcs(network, masks, first_vc)
    won = grant_vcs(network, first_port, first_vc, outputs)
    masks[n.WON] = won
    while won:
        requester = trailing_zeros(won)
        won &= won - 1
        accept_vc(network, masks, first_vc, requester, network.scratch[requester])
        network.scratch[requester] = 0


@kernel
def confirm_vcs(network, masks, first_port, first_vc):
    """Winners of the VC allocation own their output VCs and are active."""
    settings = network.settings
    bits = masks[n.WON]
    masks[n.WON] = 0
    masks[n.ACTIVE] |= bits
    while bits:
        requester = trailing_zeros(bits)
        bits &= bits - 1
        queue = first_vc + requester
        if (masks[n.FORKED] >> requester) & 1:
            fork = row(network.fork, queue)
            port = fork[n.FORK_WON] // settings[n.VCS]
            vc = fork[n.FORK_WON] - port * settings[n.VCS]
            row(network.branch, queue * settings[n.PORTS] + port)[n.BRANCH_VC] = vc
            fork[n.FORK_HELD] |= 1 << port
            if not fork[n.FORK_OPEN] & ~fork[n.FORK_HELD]:
                masks[n.WAITING] &= ~(1 << requester)
        else:
            state = row(network.vc, queue)
            port = state[n.OUT_PORT]
            vc = state[n.OUT_VC]
            masks[n.WAITING] &= ~(1 << requester)
        row(network.port, first_port + port)[n.FREE] &= ~(1 << vc)


@kernel
def bid(network, first_port, port, vc, out, speculative):
    """A request of an input for an output, for one of its VCs; returns the output as a mask.

    Of several VCs of an input a normal request beats a speculative one, then the first from the input's offset wins.
    """
    settings = network.settings
    ports = settings[n.PORTS]
    vcs = settings[n.VCS]
    requests = ports * vcs + 2 * ports
    rank = vc - row(network.port, first_port + port)[n.VC_OFFSET]
    if rank < 0:
        rank += vcs
    rank += speculative
    label = requests + 2 * ports + port * ports + out
    seen = (network.scratch[requests + out] >> port) & 1
    if not seen or rank < network.scratch[label] >> 8:
        network.scratch[label] = rank << 8 | vc
    network.scratch[requests + out] |= 1 << port
    return 1 << out


SPECULATION = 64
"""Added to the rank of a speculative request: more than any VC's."""


@kernel
def bid_branches(network, first_port, queue, port, vc):
    """Requests of a packet that forks: a branch with a VC for its next flit, others speculatively."""
    settings = network.settings
    fork = row(network.fork, queue)
    outputs = 0
    bits = fork[n.FORK_OPEN]
    while bits:
        out = trailing_zeros(bits)
        bits &= bits - 1
        output = row(network.port, first_port + out)
        if (fork[n.FORK_HELD] >> out) & 1:
            branch = row(network.branch, queue * settings[n.PORTS] + out)
            here = branch[n.BRANCH_SENT] - fork[n.FORK_FREED] < row(network.vc, queue)[n.COUNT]
            if here and (output[n.CREDIT] >> branch[n.BRANCH_VC]) & 1:
                outputs |= bid(network, first_port, port, vc, out, 0)
        elif settings[n.SPECULATIVE]:
            allowed = allowed_vcs(network, out, (fork[n.FORK_LOWER] >> out) & 1)
            if output[n.FREE] & output[n.CREDIT] & allowed:
                outputs |= bid(network, first_port, port, vc, out, SPECULATION)
    return outputs


@kernel
def may_bid(output, state, active):
    """Whether a VC asks for its output: with a credit, or speculatively with a VC there that is free and has one."""
    if active:
        return (output[n.CREDIT] >> state[n.OUT_VC]) & 1 != 0
    return output[n.FREE] & output[n.CREDIT] & state[n.ALLOWED] != 0


@kernel
def request_switch(network, masks, first_port, first_vc, bidders):
    """Requests of all bidding input VCs stand in scratch by output. Returns the outputs."""
    vcs = network.settings[n.VCS]
    outputs = 0
    while bidders:
        requester = trailing_zeros(bidders)
        bidders &= bidders - 1
        port = requester // vcs
        vc = requester - port * vcs
        queue = first_vc + requester
        if (masks[n.FORKED] >> requester) & 1:
            outputs |= bid_branches(network, first_port, queue, port, vc)
            continue
        state = row(network.vc, queue)
        out = state[n.OUT_PORT]
        active = (masks[n.ACTIVE] >> requester) & 1
        if may_bid(row(network.port, first_port + out), state, active):
            outputs |= bid(network, first_port, port, vc, out, 0 if active else SPECULATION)
    return outputs


@kernel
def accept_output(network, first_port, port, out, vc):
    """An input accepts one of the outputs that granted it, for one of its VCs."""
    ports = network.settings[n.PORTS]
    state = row(network.port, first_port + port)
    row(network.port, first_port + out)[n.SWITCH_GRANT] = port + 1 if port + 1 < ports else 0
    state[n.SWITCH_ACCEPT] = out + 1 if out + 1 < ports else 0
    state[n.VC_OFFSET] = vc + 1 if vc + 1 < network.settings[n.VCS] else 0
    state[n.GRANT] = out << 8 | vc


@kernel
def allocate_switch(network, masks, first_port, first_vc, bidders):
    """Inputs over outputs. Winners stand in the mask GRANTED, and in GRANT of their port."""
    settings = network.settings
    ports = settings[n.PORTS]
    vcs = settings[n.VCS]
    if bidders & (bidders - 1) == 0 and not bidders & masks[n.FORKED]:
        requester = trailing_zeros(bidders)
        state = row(network.vc, first_vc + requester)
        out = state[n.OUT_PORT]
        masks[n.GRANTED] = 0
        if may_bid(row(network.port, first_port + out), state, bidders & masks[n.ACTIVE]):
            port = requester // vcs
            accept_output(network, first_port, port, out, requester - port * vcs)
            masks[n.GRANTED] = 1 << port
        return
    scratch = network.scratch
    requests = ports * vcs + 2 * ports
    granted = requests + ports
    labels = granted + ports
    outputs = request_switch(network, masks, first_port, first_vc, bidders)
    inputs = 0
    while outputs:
        out = trailing_zeros(outputs)
        outputs &= outputs - 1
        port = first_from(scratch[requests + out], row(network.port, first_port + out)[n.SWITCH_GRANT])
        scratch[requests + out] = 0
        scratch[granted + port] |= 1 << out
        inputs |= 1 << port
    masks[n.GRANTED] = inputs
    while inputs:
        port = trailing_zeros(inputs)
        inputs &= inputs - 1
        out = first_from(scratch[granted + port], row(network.port, first_port + port)[n.SWITCH_ACCEPT])
        scratch[granted + port] = 0
        accept_output(network, first_port, port, out, scratch[labels + port * ports + out] & 255)
