"""Addresses in a spike buffer."""

from hypothesis import given
from hypothesis import strategies as st

from accelsim.mapping.allocation import SpikeBufferAllocator


def test_first_fit_reuses_what_is_free() -> None:
    buffer = SpikeBufferAllocator(100)
    assert [buffer.place(*item).offset for item in ((0, 1, 40), (1, 2, 40), (2, 3, 30))] == [0, 40, 0]  # type: ignore[union-attr]
    assert buffer.place(1, 1, 30) is None
    assert buffer.peak_bytes == 80


def test_whom_a_placement_waits_for() -> None:
    buffer = SpikeBufferAllocator(100)
    first = buffer.place(0, 1, 60)
    other = buffer.place(1, 2, 40)
    later = buffer.place(2, 5, 60)
    assert first is not None and other is not None and later is not None
    assert buffer.blocked_by(later) == (0, 1)
    assert buffer.blocked_by(first) == (1, 5)
    assert buffer.blocked_by(other) == (1, 2)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4), st.integers(1, 50)), max_size=25))
def test_no_byte_is_taken_twice_at_a_time(items: list[tuple[int, int, int]]) -> None:
    buffer = SpikeBufferAllocator(120)
    for first, length, size in items:
        buffer.place(first, first + length, size)
    for one in buffer.placements:
        assert one.offset + one.size <= 120
        for two in buffer.placements:
            overlap = one.first <= two.last and two.first <= one.last
            assert one is two or not (overlap and one.shares_bytes_with(two))
