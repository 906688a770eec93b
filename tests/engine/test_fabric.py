from __future__ import annotations

import numpy as np
import pytest
from bare_fabric import bandwidth, contents, fabric, mesh

from accelsim.engine import fabric as engine_fabric
from accelsim.engine.fabric import BINS, IDLE, STOPPED, STUCK, Fabric
from accelsim.engine.groups import GroupTable
from accelsim.kernels import fabric as kernels
from accelsim.kernels import network_state as n
from accelsim.kernels import state as k


def groups(*left: int, watched: bool = True) -> GroupTable:
    table = GroupTable()
    for number in left:
        table.add("packet", number, watched=watched)
    return table


def test_an_idle_fabric_says_so_at_once() -> None:
    held = fabric(groups())
    assert held.advance(1000) == IDLE
    assert held.now == 1


def test_advance_stops_at_its_limit_without_stepping_it() -> None:
    held = fabric(groups(1))
    held.send_control(0, 1, 0, 0)
    assert held.advance(5) == STOPPED
    assert held.now == 5
    assert not held.is_complete(0)


def test_advance_stops_after_the_cycle_that_completes_a_watched_group() -> None:
    held = fabric(groups(1, 1))
    held.send_control(0, 1, 0, 0)
    held.send_control(0, 1, 1, 0)
    for group in (0, 1):
        assert held.advance(1000) == STOPPED
        # Zero load over two routers: 8 cycles, and one more for the packet behind.
        assert held.now == 9 + group
        assert held.is_complete(group)
        assert held.take_completed() == [group]
        assert held.take_completed() == []
    assert held.cycles == 10


def test_unwatched_groups_stop_nothing() -> None:
    held = fabric(groups(1, watched=False))
    held.send_control(0, 1, 0, 0)
    assert held.advance(1000) == IDLE
    assert held.is_complete(0)
    assert held.take_completed() == []


def test_completion_counts_down_a_chain() -> None:
    table = GroupTable()
    last = table.add("all", 2, watched=True)
    for _ in range(2):
        table.add("part", 1, chain=last)
    held = fabric(table)
    held.send_control(0, 1, 1, 0)
    held.send_control(1, 0, 2, 0)
    assert held.advance(1000) == STOPPED
    assert held.clock.left.tolist() == [0, 0, 0]
    assert held.take_completed() == [last]


def test_units_that_ask_for_cycles_in_which_nothing_moves_are_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_fabric, "PATIENCE_CYCLES", 20)
    held = fabric(groups(1))
    held.network.source_occupied[:] = held.network.shape.depth
    held.send_control(0, 1, 0, 0)
    assert held.advance(1000) == STUCK
    # The clock begins with a movement in cycle 0; cycles 1 to 21 are one more than patience allows.
    assert held.now == 22


def test_time_is_skipped_forwards_only() -> None:
    held = fabric(groups())
    held.skip_to(50)
    held.skip_to(20)
    assert held.now == 50


def test_the_ring_of_passes_does_not_overflow() -> None:
    held = fabric(groups())
    work = np.zeros(k.PASS_COLUMNS, np.int64)
    for _ in range(k.PASSES - 1):
        held.submit_pass(0, work)
    with pytest.raises(AssertionError, match=r"^the ring of passes is full$"):
        held.submit_pass(0, work)


def run_until_idle(held: Fabric) -> None:
    while held.advance(k.FOREVER) != IDLE:
        held.take_completed()


def test_bins_of_the_timeline_double_and_keep_their_sums() -> None:
    held = fabric(groups(1, 1, 1), network=mesh(2, 1))
    starts = (0, 10, 3 * BINS)
    for group, start in enumerate(starts):
        run_until_idle(held)
        held.skip_to(start)
        held.send_control(0, 1, group, 0)
    run_until_idle(held)
    held.settle()
    shift = int(held.clock.scalars[k.BIN_SHIFT])
    assert shift == 2
    # A flit wins the switch of router 0 two cycles after it was sent.
    expected = np.zeros(BINS, np.int64)
    for start in starts:
        expected[(start + 2) >> shift] += 1
    assert held.network.link_bins[:, 0].tolist() == expected.tolist()
    assert held.tiles.bins.sum() == held.cycles == 3 * BINS + 9
    assert held.tiles.cycles[0, -1, k.IDLE] == held.cycles


def test_settings_reach_the_kernels() -> None:
    held = fabric(groups(), contents(layers=3), network=mesh(3, 2, virtual_channels=4), memory=bandwidth(64, 5))
    assert (held.network.shape.columns, held.network.shape.vcs, held.network.shape.depth) == (3, 4, 8)
    assert held.memory.channel[:, [k.C_RATE, k.C_COST]].tolist() == [[64, 5]]
    assert held.tiles.tile_of.tolist() == [0, -1, -1, -1, -1, -1]
    assert held.memory.channel_of.tolist() == [-1, 0, -1, -1, -1, -1]
    assert held.tiles.cycles.shape == (1, 4, k.STATES)


def test_advance_is_compiled_once_whatever_is_simulated() -> None:
    for held in (fabric(groups()), fabric(groups(1), contents([1, 2], layers=2), mesh(3, 2, virtual_channels=4))):
        held.advance(10)
    assert len(kernels.advance.signatures) == 1


def test_an_ideal_memory_costs_no_time() -> None:
    held = fabric(groups())
    assert held.memory.channel[:, k.C_COST].tolist() == [0]


def test_actors_are_not_held_up_by_a_full_queue() -> None:
    """More requests at once than the table of packets holds at first: all arrive."""
    count = 5000
    held = fabric(groups(*[1] * count, watched=False))
    assert count > len(held.network.packet)
    for group in range(count):
        held.send_control(0, 1, group, 0)
    assert held.advance(k.FOREVER) == IDLE
    assert not held.clock.left.any()
    assert held.clock.scalars[k.RECEIVED_COPIES] == count
    assert held.network.scalars[n.FREE_PACKETS] == len(held.network.packet)
