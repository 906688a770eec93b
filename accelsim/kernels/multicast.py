"""Multicast: a packet that leaves an input VC by several outputs, at each at its own pace.

A packet forks only if it fits a VC whole. While it is at the front of its VC, all of its flits can come in, whatever
its branches wait for; so no branch ever waits for another one, and waiting follows the channels of the tree, which
dimension-order routing keeps free of cycles.
"""

from accelsim.jit import kernel, row, trailing_zeros
from accelsim.kernels import network_state as n


@kernel
def fork(network, queue, outputs, lower):
    """The packet at the front of an input VC leaves by several outputs, those in `lower` in the lower class of VCs."""
    state = row(network.fork, queue)
    state[n.FORK_OPEN] = outputs
    state[n.FORK_HELD] = 0
    state[n.FORK_LOWER] = lower
    state[n.FORK_FREED] = 0
    while outputs:
        out = trailing_zeros(outputs)
        outputs &= outputs - 1
        row(network.branch, queue * network.shape.ports + out)[n.BRANCH_SENT] = 0


@kernel
def leave_fork(network, queue, out, flit):
    """A copy of a flit left by a branch. Returns whether it was the last of its copies, so that its place is free."""
    first = queue * network.shape.ports
    state = row(network.fork, queue)
    row(network.branch, first + out)[n.BRANCH_SENT] += 1
    if flit & n.TAIL:
        state[n.FORK_OPEN] &= ~(1 << out)
    fewest = state[n.FORK_FREED] + 1
    bits = state[n.FORK_OPEN]
    while bits:
        other = trailing_zeros(bits)
        bits &= bits - 1
        fewest = min(fewest, row(network.branch, first + other)[n.BRANCH_SENT])
    if fewest == state[n.FORK_FREED]:
        return False
    state[n.FORK_FREED] = fewest
    return True
