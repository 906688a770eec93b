"""The network interface of a tile: flits wait in its sink until they are written, cycle by cycle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from bare_fabric import TILE, fabric, mesh
from tile_driver import TileDriver, sparse

from accelsim.engine.fabric import Fabric
from accelsim.engine.groups import GroupTable
from accelsim.kernels import delivery
from accelsim.kernels import state as k


def send(held: Fabric, flits: int, group: int = -1, kind: int = k.SPIKES, amount: int = 1) -> None:
    """Queue a packet at node 1 for the tile at node 0: over two routers its head is there 8 cycles later."""
    delivery.send(held.clock, held.network, 1, 0, flits, group, 0, amount, kind, 0, 0, held.now)


@pytest.mark.parametrize(("kind", "event"), [(k.SPIKES, k.E_SPIKE_WRITE_FLITS), (k.WEIGHTS, k.E_WEIGHT_WRITE_FLITS)])
def test_a_flit_is_written_in_the_cycle_after_it_was_taken(kind: int, event: int) -> None:
    held = fabric(GroupTable())
    send(held, 3, kind=kind)
    waiting, written = [], []
    for t in range(13):
        held.advance(t + 1)
        waiting.append(int(held.tiles.interface[0, k.I_FLITS]))
        written.append(int(held.tiles.events[0, event]))
    assert waiting == [0] * 8 + [1, 1, 1, 0, 0]
    assert written == [0] * 9 + [1, 2, 3, 3]
    assert held.cycles == 12


@pytest.mark.parametrize(("node", "interval"), [(0, 6), (1, 5)])
def test_a_credit_is_held_until_the_flit_is_written(node: int, interval: int) -> None:
    """With room for a single flit each waits for the credit of the one before: a cycle longer into a tile."""
    held = fabric(GroupTable(), network=mesh(2, 1, buffer_flits=1))
    kind = k.SPIKES if node == 0 else k.CONTROL
    delivery.send(held.clock, held.network, 1 - node, node, 5, -1, 0, 1, kind, 0, 0, 0)
    held.advance(1000)
    assert held.cycles - 1 == 8 + 4 * interval + (node == 0)


def test_a_flit_that_loses_its_bank_holds_up_those_behind_it() -> None:
    """Words of 8 bits in one bank: a flit of 64 bits takes 8 cycles, and its credit comes as late."""
    tile = replace(TILE, spike_banks=1, spike_sram=replace(TILE.spike_sram, width_bits=8))
    held = fabric(GroupTable(), network=mesh(2, 1, buffer_flits=2), tile=tile)
    send(held, 6)
    held.advance(1000)
    assert held.cycles - 1 == 8 + 6 * 8
    assert held.tiles.interface[0, k.I_PEAK] == 2
    assert held.tiles.events[0, k.E_SPIKE_WRITE_CONFLICTS] == 6 * 7


def test_words_are_seen_in_the_cycle_after_their_last_flit_is_written() -> None:
    """Three flits are taken in 18, 19 and 20; the last is written in 21, and the line read in 22."""
    tile = TileDriver(sparse(8, 0), awaits="W_ROW_GROUP")
    while tile.fabric.now < 10:
        tile.step()
    send(tile.fabric, 3, tile.awaited)
    tile.run()
    assert tile.cycles_of("lines") == [22]


def test_packets_of_a_row_lie_behind_each_other() -> None:
    """Flits of two words each from word 5 on: a packet of two flits, and one of three behind it."""
    groups = GroupTable()
    row = groups.add("a row", 2, place=5)
    held = fabric(groups)
    for flits in (2, 3):
        send(held, flits, row)
    places = []
    for t in range(20):
        held.advance(t + 1)
        own = held.tiles.interface[0]
        if own[k.I_FLITS]:
            places.append(int(held.tiles.sink[0, own[k.I_HEAD], k.F_PLACE]))
    assert places == [5, 7, 9, 11, 13]


def test_rows_are_held_from_their_first_packet_until_they_are_freed() -> None:
    groups = GroupTable()
    rows = [groups.add("a row", 30, bits=120), groups.add("another", 30, bits=100)]
    held = fabric(groups)
    marks = []
    for row, amount in zip((*rows, *rows), (10, 10, 20, 20), strict=True):
        send(held, 1, row, amount=amount)
        held.advance(held.now + 20)
        held.skip_to(held.now + 20)
        marks.append(held.tiles.interface[0, [k.I_HELD, k.I_HELD_PEAK]].tolist())
    held.free_spikes(0, 120)
    marks.append(held.tiles.interface[0, [k.I_HELD, k.I_HELD_PEAK]].tolist())
    assert marks == [[120, 120], [220, 220], [220, 220], [220, 220], [100, 220]]


@pytest.mark.parametrize("created", range(8))
def test_an_array_loses_a_word_to_a_flit_of_weights_and_nothing_else(created: int) -> None:
    """One word a pixel, of weight row 0 in bank 0; a flit of two words is written to banks 0 and 1."""
    words = np.zeros((1, 24, 8), np.int64)
    words[:, :, 0] = 1
    tile = TileDriver(words, replace(TILE, results=16))
    delivery.send(tile.fabric.clock, tile.fabric.network, 1, 0, 1, -1, 0, 1, k.WEIGHTS, 0, 0, created)
    tile.run()
    undisturbed = list(range(4, 28))
    written = created + 8 + 1
    assert tile.cycles_of("words") == [t + (t >= written) for t in undisturbed]
    assert tile.cycles_of_state("bank_conflict") == [written]
