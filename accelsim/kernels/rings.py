"""Places in a ring."""

from accelsim.jit import kernel


@kernel
def ring(place, size):
    """The place in a ring of `size` of one that is less than `size` behind its end: a remainder without a division."""
    return place if place < size else place - size
