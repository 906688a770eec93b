"""A memory controller before channels of banks: bursts cut, chunks put together, writes, what comes when."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import ceil

import numpy as np
import pytest
from bare_fabric import MEMORY, mesh
from dram_driver import SHAPE, timing
from hypothesis import given, settings
from hypothesis import strategies as st
from memory_driver import MemoryDriver, store

from accelsim.engine.dram import DramShape
from accelsim.engine.fabric import IDLE, MemoryShape
from accelsim.kernels import dram as dram_kernels
from accelsim.kernels import dram_state as d
from accelsim.kernels import network_state as n
from accelsim.kernels import state as k

FIRST = 7 + 9 + 2
"""tRCD, tCL and a burst of SHAPE: a read of a closed row."""


def banks(shape: DramShape = SHAPE, **changed: int) -> MemoryShape:
    """A controller of node 1 with channels of that shape."""
    return replace(MEMORY, dram=shape, bytes_per_cycle=shape.bytes_per_cycle, **changed)  # type: ignore[arg-type]


def counts(driver: MemoryDriver, column: int) -> int:
    return int(driver.fabric.memory.dram.count[:, column].sum())


@pytest.mark.parametrize("latency", [0, 5])
@pytest.mark.parametrize(("ratio", "asked"), [((1, 1), 0), ((1, 1), 4), ((16, 5), 3), ((2, 7), 3), ((1000, 333), 10)])
def test_a_burst_is_there_when_its_last_clock_has_passed(ratio: tuple[int, int], asked: int, latency: int) -> None:
    """The first clock in or after the cycle of the request opens the row."""
    shape = replace(SHAPE, clocks_per_cycle=Fraction(*ratio))
    driver = MemoryDriver([8], banks(shape, latency_cycles=latency))
    driver.fabric.skip_to(asked)
    driver.request(0)
    clocks = ceil(asked * shape.clocks_per_cycle) + FIRST
    assert driver.run() == [ceil(clocks / shape.clocks_per_cycle) + latency]


def test_bytes_are_read_in_whole_bursts() -> None:
    """24 bytes from address 4 on lie in 4 bursts, which follow each other."""
    driver = MemoryDriver([24], banks(), addresses=[4])
    driver.request(0)
    assert driver.run() == [FIRST + 3 * 2]
    events = driver.fabric.tiles.events[0]
    assert (events[k.E_DRAM_READ], events[k.E_BUS_READ]) == (24, 32)
    assert driver.fabric.memory.read_bins.sum() == 24
    assert driver.channel[k.C_BUSY] == 4 * 2


def test_a_burst_that_two_chunks_share_is_read_once() -> None:
    driver = MemoryDriver([24], banks(chunk_bytes=12))
    driver.request(0)
    assert driver.run() == [FIRST + 2, FIRST + 4]
    assert counts(driver, d.N_READS) == 3


def test_chunks_within_a_burst_follow_it() -> None:
    driver = MemoryDriver([8], banks(chunk_bytes=2))
    driver.request(0)
    assert driver.run() == [FIRST, FIRST + 1, FIRST + 2, FIRST + 3]
    assert counts(driver, d.N_READS) == 1


def test_no_more_is_asked_for_than_can_wait_for_the_network() -> None:
    """One place: the next chunk is asked for in the cycle in which the one before leaves; its row is open."""
    driver = MemoryDriver([24], banks(chunk_bytes=8, chunks=1))
    driver.request(0)
    assert driver.run() == [FIRST, FIRST + 11, FIRST + 22]


def test_the_channels_of_a_controller_share_a_transfer() -> None:
    """Four bursts of one channel, or two each of two."""
    for channels, last in ((1, 3), (2, 1)):
        driver = MemoryDriver([32], banks(replace(SHAPE, channels=channels, interleave_bytes=8)))
        driver.request(0)
        assert driver.run() == [FIRST + 2 * last]


def test_chunks_leave_in_their_order_though_later_ones_come_first() -> None:
    """The first chunk's row has to be opened, the second's is open."""
    driver = MemoryDriver([8, 8, 8], banks(chunk_bytes=8), addresses=[0, 512, 8])
    driver.request(0)
    while driver.fabric.clock.left[driver.arrivals[0]]:
        driver.step()
    driver.request(1, 2)
    driver.run()
    assert [transfer for _, transfer in driver.sent] == [0, 1, 2]
    # The row of the third transfer is open and would be there sooner; both leave when the second is there.
    assert driver.sent[2][0] == driver.sent[1][0] + 1


def test_what_waits_to_be_written_is_read_from_there() -> None:
    driver = MemoryDriver([8], banks(latency_cycles=3))
    memory = driver.fabric.memory
    dram_kernels.write(memory.dram, 0, 0, 8, 0)
    memory.channel[0, k.C_WRITES] = 8
    driver.request(0)
    assert driver.run() == [3]
    assert (counts(driver, d.N_FORWARDED), counts(driver, d.N_READS)) == (1, 0)


def test_a_store_is_written_from_the_cycle_after_it_arrived() -> None:
    """It arrives in 8. Its row is opened in 9, it is written in 9 + 7, and its burst ends 5 + 2 later."""
    driver = MemoryDriver([8], banks())
    held = driver.fabric
    store(driver, 0, 8, 64)
    while held.clock.scalars[k.RECEIVED_COPIES] == 0 or driver.channel[k.C_WRITES] > 0:
        driver.step()
    assert held.cycles == 9 + 7 + 5 + 2
    assert (counts(driver, d.N_WRITES), held.memory.write_bins.sum()) == (1, 8)
    assert held.tiles.events[0, [k.E_DRAM_WRITE, k.E_BUS_WRITE]].tolist() == [8, 8]


def test_an_idle_channel_with_refreshes_asks_for_no_cycle() -> None:
    driver = MemoryDriver([8], banks(replace(SHAPE, timing=timing(refi=100))))
    driver.request(0)
    driver.run()
    while driver.fabric.advance(10**9) != IDLE:
        pass
    assert driver.fabric.now < 100
    driver.fabric.clock.scalars[k.LAST_WORK] = 999_999
    driver.fabric.settle()
    assert counts(driver, d.N_REFRESHES) == 9999


def test_a_stream_keeps_the_bus_full() -> None:
    """512 bytes at 4 a cycle: rows are opened ahead of time, so that only the first costs."""
    driver = MemoryDriver([512], banks(chunks=16))
    driver.request(0)
    assert driver.run()[-1] == 7 + 9 + 512 // 4
    assert counts(driver, d.N_HITS) == 64 - 8


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_all_bytes_come_in_order_and_every_credit_comes_back(seed: int) -> None:
    """Transfers and stores at any address, alike or apart, through little room."""
    random = np.random.default_rng(seed)
    count = int(random.integers(1, 6))
    sizes = random.integers(1, 200, count).tolist()
    addresses = random.integers(0, 600, count).tolist()
    shape = replace(
        SHAPE,
        channels=int(random.integers(1, 4)),
        interleave_bytes=int(random.choice([8, 16, 64])),
        queue=int(random.choice([1, 2, 16])),
        clocks_per_cycle=Fraction(*random.choice([(1, 1), (16, 5), (1, 3)]).tolist()),
        timing=timing(refi=int(random.choice([0, 150]))),
        closed=bool(random.random() < 0.3),
    )
    chunk = int(random.choice([1, 7, 64]))
    memory = banks(
        shape,
        chunk_bytes=chunk,
        chunks=int(random.integers(1, 5)),
        write_buffer_bytes=int(random.choice([1, 50, 500])),
        write_packet_bytes=64,
    )
    network = mesh(2, 1, virtual_channels=int(random.integers(1, 3)), buffer_flits=2, queue_flits=64)
    driver = MemoryDriver(sizes, memory, network, addresses=addresses)
    held = driver.fabric
    stores = random.integers(1, 64, 20).tolist()
    for payload in stores:
        store(driver, int(random.integers(0, 40)), payload, int(random.integers(0, 600)))
    driver.request(*random.permutation(count).tolist())
    driver.run()
    while held.advance(held.now + 1000) != IDLE:
        assert held.now < 100_000
    assert [transfer for _, transfer in driver.sent] == [
        number for number, size in enumerate(sizes) for _ in range(ceil(size / chunk))
    ]
    bursts = sum((at + size - 1) // 8 - at // 8 + 1 for at, size in zip(addresses, sizes, strict=True))
    assert counts(driver, d.N_READS) + counts(driver, d.N_FORWARDED) == bursts
    assert held.memory.write_bins.sum() == held.tiles.events[0, k.E_DRAM_WRITE] == sum(stores)
    assert held.tiles.events[0, k.E_BUS_WRITE] == 8 * counts(driver, d.N_WRITES)
    for rest in (held.memory.held, held.network.occupied, held.network.vc[:, n.COUNT], driver.channel[[k.C_WRITES]]):
        assert not rest.any()
