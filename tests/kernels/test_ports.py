"""Ports of a tile that memory is wired to: exact rates, latency, what goes first, and a bounded write buffer."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import pytest
from bare_fabric import bandwidth
from direct_driver import DirectDriver, ports
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.engine.fabric import IDLE
from accelsim.kernels import state as k

RATES = [Fraction(16), Fraction(5, 2), Fraction(1), Fraction(3, 10), Fraction(64, 5)]


def test_bytes_cross_from_the_cycle_of_the_request_on() -> None:
    """40 bytes at 16 a cycle, asked for in cycle 1: 24 are missing in cycle 2, 8 in cycle 3, and none in cycle 4."""
    driver = DirectDriver([(0, 40)], ports(Fraction(16)))
    driver.step()
    driver.request(0)
    assert driver.seen(4) == [[40], [24], [8], [0]]


@pytest.mark.parametrize("latency", [1, 7])
def test_what_is_asked_for_comes_a_latency_later_and_not_a_cycle_earlier(latency: int) -> None:
    driver = DirectDriver([(0, 16), (0, 16)], ports(Fraction(16), latency=latency))
    driver.request(0)
    driver.step()
    driver.request(1)
    # The latency of the second request passes while the first is under way.
    assert driver.seen(latency) == [[16, 16]] * latency
    assert driver.seen(2) == [[0, 16], [0, 0]]


@pytest.mark.parametrize("rate", RATES)
def test_a_stream_of_transfers_loses_no_fraction_of_a_byte(rate: Fraction) -> None:
    """Before cycle n floor(n x rate) bytes have crossed, whatever transfers they belong to."""
    sizes = [7, 1, 30, 2, 2, 5]
    driver = DirectDriver([(0, size) for size in sizes], ports(rate))
    driver.request(*range(len(sizes)))
    for cycle in range(200):
        assert sum(sizes) - sum(driver.step()) == min(sum(sizes), floor(cycle * rate))
    assert driver.fabric.tiles.events[0, k.E_DRAM_READ] == sum(sizes)
    assert driver.fabric.memory.read_bins.sum() == sum(sizes)


def test_an_idle_port_saves_nothing_up() -> None:
    """3 bytes at 2.5 a cycle take two cycles; the half byte of the second is lost to what is asked for later."""
    driver = DirectDriver([(0, 3), (0, 3)], ports(Fraction(5, 2)))
    driver.request(0)
    assert driver.seen(3) == [[3, 3], [1, 3], [0, 3]]
    driver.request(1)
    assert driver.seen(3) == [[0, 3], [0, 1], [0, 0]]


def test_ports_do_not_wait_for_each_other() -> None:
    driver = DirectDriver([(0, 8), (1, 8)], ports(Fraction(4), Fraction(1)))
    driver.request(0, 1)
    assert driver.seen(9) == [[max(0, 8 - 4 * n), 8 - n] for n in range(9)]


def test_without_a_limit_all_is_there_at_once() -> None:
    driver = DirectDriver([(0, 1 << 30), (0, 3)], ports(None))
    driver.request(0, 1)
    assert driver.step() == [0, 0]


def test_what_is_needed_first_goes_first_and_none_is_broken_off() -> None:
    driver = DirectDriver([(0, 2), (0, 2), (0, 2)], ports(Fraction(1)))
    driver.request(2)
    assert driver.step() == [2, 2, 2]
    driver.request(1, 0)
    assert driver.seen(5) == [[2, 2, 1], [2, 2, 0], [1, 2, 0], [0, 2, 0], [0, 1, 0]]


def test_stores_wait_in_the_write_buffer_and_are_refused_when_it_is_full() -> None:
    driver = DirectDriver([], ports(Fraction(2), write_buffer_bytes=10))
    driver.step()
    assert driver.store(0, 6)
    assert not driver.store(0, 5)
    assert driver.store(0, 4)
    # What is stored in a cycle begins to cross in the next.
    driver.step()
    assert driver.waiting(0) == 10 and not driver.store(0, 1)
    driver.step()
    assert driver.waiting(0) == 8 and driver.store(0, 2)
    for left in (8, 6, 4, 2, 0):
        driver.step()
        assert driver.waiting(0) == left
    assert driver.fabric.advance(100) == IDLE
    assert driver.fabric.cycles == 7
    assert driver.fabric.tiles.events[0, k.E_DRAM_WRITE] == driver.fabric.memory.write_bins.sum() == 12


def test_an_empty_write_buffer_takes_any_packet() -> None:
    driver = DirectDriver([], ports(Fraction(2), write_buffer_bytes=10))
    driver.step()
    assert driver.store(0, 50)
    assert not driver.store(0, 1)


def test_through_a_port_without_a_limit_stores_leave_at_once() -> None:
    driver = DirectDriver([], ports(None, write_buffer_bytes=1))
    driver.step()
    assert driver.store(0, 50) and driver.store(0, 50)
    assert driver.waiting(0) == 0
    assert driver.fabric.memory.write_bins.sum() == 100


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([*RATES, None]),
    st.integers(0, 5),
    st.lists(st.tuples(st.integers(0, 12), st.integers(1, 40)), min_size=1, max_size=8),
)
def test_a_port_equals_its_twin(rate: Fraction | None, latency: int, asked: list[tuple[int, int]]) -> None:
    """Transfer n is asked for in cycle asked[n][0]; the twin counts parts of a byte one by one."""
    driver = DirectDriver([(0, size) for _, size in asked], ports(rate, latency=latency))
    left = [size for _, size in asked]
    current, part = -1, Fraction(0)
    for cycle in range(60):
        driver.request(*[number for number, (at, _) in enumerate(asked) if at == cycle])
        if rate is not None:
            assert driver.step() == left
        room = Fraction(10**9) if rate is None else rate + part
        part = Fraction(0)
        ready = [number for number, (at, _) in enumerate(asked) if at + latency <= cycle]
        while any(left[number] for number in ready):
            if current < 0 or not left[current]:
                current = next(number for number in ready if left[number])
            if room < 1:
                part = room
                break
            left[current] -= 1
            room -= 1
        if rate is None:
            assert driver.step() == left


@pytest.mark.parametrize("latency", [0, 4])
def test_a_pipe_without_a_network_gives_its_chunks_whole(latency: int) -> None:
    """A chunk on the bus in cycles t to t + n - 1 is there for cycle t + n plus the latency."""
    memory = bandwidth(8, latency_cycles=latency, chunk_bytes=16)
    driver = DirectDriver([(0, 40)], memory)
    driver.request(0)
    seen = [left for (left,) in driver.seen(7 + latency)]
    assert seen == [40] * (2 + latency) + [24, 24, 8, 0, 0]
