"""DRAM channels: exact bandwidth, latency, what goes first, and what is held back when buffers are full."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import ceil

import numpy as np
import pytest
from bare_fabric import MEMORY, TILE, bandwidth, mesh
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_driver import MemoryDriver, store

from accelsim.engine.fabric import IDLE
from accelsim.kernels import delivery
from accelsim.kernels import network_state as n
from accelsim.kernels import state as k


@pytest.mark.parametrize("latency", [0, 30])
@pytest.mark.parametrize("rate", [Fraction(64, 5), Fraction(7, 3), Fraction(1), Fraction(1000, 3), Fraction(128, 25)])
def test_chunks_are_ready_at_the_exact_cycle(rate: Fraction, latency: int) -> None:
    """Chunk n has left the bus after the bytes up to its end at the channel's rate, and is there a latency later."""
    chunk, chunks = 100, 10
    total = chunk * chunks - 37
    memory = bandwidth(rate.numerator, rate.denominator, latency_cycles=latency, chunk_bytes=chunk, chunks=16)
    driver = MemoryDriver([total], memory)
    driver.fabric.skip_to(11)
    driver.request(0)
    sent = driver.run()
    ready = [11 + ceil(min(chunk * (n + 1), total) / rate) + latency for n in range(chunks)]
    expected = []
    for cycle in ready:
        # One packet a cycle leaves the controller, which shows where the bus is faster than that.
        expected.append(max([cycle] + [before + 1 for before in expected[-1:]]))
    assert sent == expected
    assert driver.fabric.tiles.events[0, k.E_DRAM_READ] == driver.fabric.memory.read_bins.sum() == total
    assert driver.channel[k.C_BUSY] == total * rate.denominator


def test_a_chunk_is_blocked_in_the_cycle_before_it_is_ready() -> None:
    """100 bytes at 12.8 a cycle need 7.8125 cycles, so 8, and 5 of latency: nothing in cycle 12, a packet in 13."""
    driver = MemoryDriver([100], bandwidth(64, 5, latency_cycles=5, chunk_bytes=100))
    driver.request(0)
    for _ in range(13):
        driver.step()
    assert driver.fabric.now == 13
    assert driver.sent == []
    driver.step()
    assert driver.sent == [(13, 0)]


@pytest.mark.parametrize("routers", [2, 5])
@pytest.mark.parametrize(("rate", "latency"), [(Fraction(64, 5), 30), (Fraction(1, 2), 0)])
@pytest.mark.parametrize("size", [1, 64, 100])
def test_round_trip_of_a_request(routers: int, rate: Fraction, latency: int, size: int) -> None:
    """A request from node 0 to a controller `routers` away, and its answer of 64-bit flits, to the tail's writing."""
    memory = bandwidth(rate.numerator, rate.denominator, nodes=(routers - 1,), latency_cycles=latency, chunk_bytes=128)
    driver = MemoryDriver([size], memory, mesh(routers, 1), tile=TILE)
    held = driver.fabric
    held.skip_to(7)
    held.send_control(0, routers - 1, driver.triggers[0], 0)
    driver.run()
    flits = ceil((32 + 8 * size) / 64)
    one_way = 2 + 3 * routers
    assert held.now - 1 == 7 + 2 * one_way + 1 + ceil(size / rate) + latency + 1 + flits - 1 + 1


def test_an_ideal_memory_answers_in_the_cycle_in_which_it_looks_again() -> None:
    driver = MemoryDriver([64 * 6], replace(MEMORY, chunk_bytes=64, chunks=4))
    driver.request(0)
    # All that fits is read in 0; packets leave from 1 on, one a cycle, and each makes room for the next chunk.
    assert driver.run() == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("slots", [1, 2, 3, 20])
def test_reading_ahead_is_bounded(slots: int) -> None:
    """A slot is taken from the start on the bus until the packet is queued: 5 cycles of bus, 20 of latency."""
    memory = bandwidth(64, 5, latency_cycles=20, chunk_bytes=64, chunks=slots)
    driver = MemoryDriver([64 * 12], memory)
    driver.request(0)
    sent = driver.run()
    assert sent[:slots] == [25 + 5 * n for n in range(min(slots, 12))]
    period = 25 if slots < 5 else 5 * slots
    assert all(after - before == period for before, after in zip(sent, sent[slots:], strict=False))


def test_copies_are_sent_one_a_cycle() -> None:
    """A chunk for several readers is read once and sent to each."""
    driver = MemoryDriver([128], bandwidth(64, 5, chunk_bytes=64, chunks=2), copies=3)
    driver.request(0)
    assert driver.run() == [5, 6, 7, 10, 11, 12]
    assert driver.fabric.tiles.events[0, k.E_DRAM_READ] == 128


def test_transfers_are_read_in_the_order_of_the_program() -> None:
    driver = MemoryDriver([64] * 4, bandwidth(64, 5, chunk_bytes=32, chunks=16))
    driver.request(3, 1, 2)
    for _ in range(4):
        driver.step()
    # Transfer 0 comes later than the others: 1 is under way and is not broken off, 2 and 3 have to wait.
    driver.request(0)
    driver.run()
    assert [transfer for _, transfer in driver.sent] == [1, 1, 0, 0, 2, 2, 3, 3]
    assert [t for t, _ in driver.sent] == [ceil(Fraction(5, 2) * (n + 1)) for n in range(8)]


def test_writes_go_first() -> None:
    """96 bytes wait to be written when a read is asked for: two chunks, 7.5 cycles, are written before it."""
    driver = MemoryDriver([64], bandwidth(64, 5, chunk_bytes=64, chunks=16))
    driver.channel[k.C_WRITES] = 96
    driver.request(0)
    assert driver.run() == [ceil(Fraction(15, 2) + 5)]
    assert driver.fabric.memory.write_bins.sum() == 96
    assert driver.channel[k.C_WRITES] == 0


def test_a_write_goes_before_the_next_chunk_that_is_read() -> None:
    driver = MemoryDriver([64 * 4], bandwidth(64, 5, chunk_bytes=64, chunks=16))
    driver.request(0)
    for _ in range(7):
        driver.step()
    driver.channel[k.C_WRITES] = 64
    # Chunks end in 5 and 10; the write takes the bus from 10 to 15.
    assert driver.run() == [5, 10, 20, 25]


def test_the_last_byte_written_ends_the_run() -> None:
    """An idle channel takes what arrives in the cycle after it arrived: 24 bytes at 64/5 take 1.875 cycles."""
    driver = MemoryDriver([1], bandwidth(64, 5))
    held = driver.fabric
    store(driver, 0, 24)
    while held.clock.scalars[k.RECEIVED_COPIES] == 0:
        driver.step()
    arrived = held.now - 1
    driver.step()
    assert arrived == 8
    assert held.cycles == arrived + 1 + 2


def test_credits_are_held_while_the_write_buffer_is_full() -> None:
    """Packets of 32 bytes come a flit a cycle, DRAM takes 32 bytes in 32 cycles, the buffer is full beyond 64."""
    memory = bandwidth(1, 1, chunk_bytes=32, write_buffer_bytes=64)
    driver = MemoryDriver([1], memory, mesh(2, 1, queue_flits=64, buffer_flits=8))
    held = driver.fabric
    for _ in range(30):
        store(driver, 0, 32)
    waiting = []
    while held.clock.scalars[k.RECEIVED_COPIES] < 30 or driver.channel[k.C_WRITES] > 0:
        before = int(held.memory.held.sum())
        full = driver.channel[k.C_WRITES] > 64
        driver.step()
        after = int(held.memory.held.sum())
        waiting.append(int(driver.channel[k.C_WRITES]))
        # A credit is given back only in a cycle in which the buffer has room, and one at most.
        assert after >= before - 1
        if after < before:
            assert waiting[-1] <= 64 or not full
    # The packet that fills the buffer beyond its limit, and those that the 8 credits of the sink let through.
    assert 64 < max(waiting) <= 64 + 32 * (1 + 8)
    assert held.memory.held.sum() == 0
    assert held.memory.write_bins.sum() == held.tiles.events[0, k.E_DRAM_WRITE] == 30 * 32
    assert driver.channel[k.C_WRITE_PEAK] == max(waiting)
    # Back-pressure loses no bandwidth: from the first byte on the bus was never idle.
    assert held.cycles == 8 + 1 + 30 * 32


def test_with_room_no_credit_is_held() -> None:
    driver = MemoryDriver([1], bandwidth(64, 1, write_buffer_bytes=64))
    for _ in range(10):
        store(driver, 0, 32)
    while driver.fabric.clock.scalars[k.RECEIVED_COPIES] < 10:
        driver.step()
        assert driver.fabric.memory.held.sum() == 0


@settings(max_examples=200, deadline=None)
@given(
    numerator=st.integers(1, 500),
    denominator=st.integers(1, 20),
    latency=st.integers(0, 40),
    chunk=st.integers(1, 128),
    sizes=st.lists(st.integers(1, 300), min_size=1, max_size=5),
)
def test_no_byte_comes_before_its_time(
    numerator: int, denominator: int, latency: int, chunk: int, sizes: list[int]
) -> None:
    """Whatever the chunks, the bytes queued by a cycle never outrun rate and latency, and the bus is used without a gap
    while there is room to read ahead."""
    rate = Fraction(numerator, denominator)
    driver = MemoryDriver(
        sizes, bandwidth(numerator, denominator, latency_cycles=latency, chunk_bytes=chunk, chunks=2000)
    )
    driver.request(*range(len(sizes)))
    sent = driver.run()
    ends = [min(chunk * (n + 1), size) for size in sizes for n in range(ceil(Fraction(size, chunk)))]
    starts = [sum(sizes[:number]) for number, size in enumerate(sizes) for _ in range(ceil(Fraction(size, chunk)))]
    ready = [ceil((start + end) / rate) + latency for start, end in zip(starts, ends, strict=True)]
    last = -1
    expected = []
    for cycle in ready:
        last = max(cycle, last + 1, 1)
        expected.append(last)
    assert sent == expected


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    buffer=st.integers(1, 100),
    rate=st.integers(1, 40),
    vcs=st.integers(1, 4),
    depth=st.integers(1, 5),
)
def test_every_credit_comes_back_whatever_the_write_buffer_does(
    seed: int, buffer: int, rate: int, vcs: int, depth: int
) -> None:
    """Outputs and requests from three nodes to one controller: credits held, given back and returned at once mix."""
    random = np.random.default_rng(seed)
    memory = bandwidth(rate, 3, nodes=(3,), chunk_bytes=16, write_buffer_bytes=buffer)
    driver = MemoryDriver([1], memory, mesh(2, 2, virtual_channels=vcs, buffer_flits=depth, queue_flits=64))
    held = driver.fabric
    payload = random.integers(1, 40, 45)
    kinds = np.where(random.random(45) < 0.7, k.STORE, k.CONTROL)
    created = np.sort(random.integers(0, 60, 45))
    for t, size, kind in zip(created.tolist(), payload.tolist(), kinds.tolist(), strict=True):
        flits = int(random.integers(1, 4))
        node = int(random.integers(3))
        delivery.send(held.clock, held.network, node, 3, flits, -1, 0, 0, kind, size, 0, t)
    while held.advance(held.now + 1000) != IDLE:
        assert held.now < 100_000
    assert held.clock.scalars[k.RECEIVED_COPIES] == 45
    assert held.memory.write_bins.sum() == payload[kinds == k.STORE].sum()
    for rest in (held.memory.held, held.network.source_occupied, held.network.occupied, held.network.vc[:, n.COUNT]):
        assert not rest.any()
