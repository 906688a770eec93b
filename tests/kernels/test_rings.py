"""Places in a ring, against the remainder."""

from __future__ import annotations

from accelsim.kernels.rings import ring


def test_a_place_is_a_remainder_up_to_twice_the_size() -> None:
    for size in range(1, 10):
        assert [ring(place, size) for place in range(2 * size)] == [place % size for place in range(2 * size)]
