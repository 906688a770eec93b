"""A tile's stages, cycle by cycle: hand-worked cases, bounds on random words, and a plain-Python twin."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
from bare_fabric import TILE, mesh
from hypothesis import given, settings
from hypothesis import strategies as st
from tile_driver import TileDriver, make_pass, sparse

from accelsim.engine.fabric import TileShape
from accelsim.engine.layout import weight_banks
from accelsim.kernels import delivery
from accelsim.kernels import network_state as n
from accelsim.kernels import state as k
from accelsim.kernels.sram import queue_flit

BANK_0 = (0, 7, 10, 13)
"""Weight rows below 16 that lie in bank 0 of 4: row + row // 4 is a multiple of 4."""

ONE_PIXEL_PACKETS = replace(TILE, payload_bits=16)
"""A packet holds one pixel of 4 words of 4 bits, so that the neuron unit's pace shows in the packets."""


LONG_LINES = replace(TILE, line_words=64, spike_sram=replace(TILE.spike_sram, width_bits=256))
"""A word of the spike buffer is a line, whatever its length."""


def rows_in_bank_0(rows: int, banks: int) -> list[int]:
    """Weight rows below `rows` that lie in the first of so many banks."""
    return [row for row in range(rows) if weight_banks(banks, rows)[row] == 0]


def test_one_word_cycle_by_cycle() -> None:
    tile = TileDriver(sparse(8, 3))
    tile.run()
    # 0 the pass opens, 2 the line is read, 3 its word goes to the FIFO, 4 the array takes it, 7 (two cycles of
    # pipeline later) its sums are at the neuron unit, 8 they are served, 9 the packet is queued.
    assert tile.cycles_of("lines") == [2]
    assert [cycle.fifo for cycle in tile.history[:5]] == [0, 0, 0, 1, 0]
    assert tile.cycles_of("words") == [4]
    assert tile.cycles_of("pixels") == [4]
    assert [cycle.results for cycle in tile.history[3:10]] == [0, 1, 1, 1, 1, 0, 0]
    assert tile.cycles_of("packets") == [9]
    assert [cycle.state for cycle in tile.history[:6]] == ["fill_drain"] * 4 + ["busy", "idle"]
    assert tile.fabric.network.packet[:, n.P_CREATED].max() == 10
    # Injected in 10, over two routers to the other node: 2 + 2 * 3 cycles.
    assert len(tile.history) == 19


def test_latencies_of_buffer_and_pipeline_are_added() -> None:
    tile = TileDriver(sparse(8, 3), replace(TILE, spike_latency_cycles=7, pipeline_cycles=5))
    tile.run()
    assert tile.cycles_of("lines") == [7]
    assert tile.cycles_of("words") == [9]
    assert tile.cycles_of("packets") == [9 + 1 + 5 + 1 + 1]


def test_the_detector_reads_a_line_a_cycle() -> None:
    tile = TileDriver(sparse(40))
    tile.run()
    assert tile.cycles_of("lines") == [2, 3, 4, 5, 6]
    # The last line is found empty in 7, and the array sees in 8 that the pixel is closed.
    assert tile.cycles_of("pixels") == [8]
    assert tile.cycles_of("words") == []


def test_a_line_stays_until_its_words_are_passed_on() -> None:
    """Eight words at four a cycle: a line every other cycle, its successor read in the cycle that empties it."""
    tile = TileDriver(sparse(32, *range(32)))
    tile.run()
    assert tile.cycles_of("lines") == [2, 4, 6, 8]
    assert tile.cycles_of("words") == [t for t in range(4, 12) for _ in range(4)]
    assert tile.cycles_of("pixels") == [11]


def test_bank_of_a_weight_row_is_diagonal() -> None:
    assert weight_banks(4, 8)[:16].tolist() == [0, 1, 2, 3, 1, 2, 3, 0, 2, 3, 0, 1, 3, 0, 1, 2]
    assert rows_in_bank_0(16, 4) == list(BANK_0)


@pytest.mark.parametrize(
    ("rows", "words", "conflicts"),
    [
        (BANK_0, [4, 5, 6, 7], 3),
        ((0, 7, 1, 2), [4, 4, 4, 5], 1),
        ((0, 7, 1, 4), [4, 4, 5, 5], 1),
        ((0, 1, 2, 3), [4, 4, 4, 4], 0),
        ((0, 4, 8, 12), [4, 4, 4, 4], 0),
    ],
)
def test_the_array_takes_one_word_a_bank(rows: tuple[int, ...], words: list[int], conflicts: int) -> None:
    tile = TileDriver(sparse(16, *rows), replace(TILE, line_words=16))
    tile.run()
    assert tile.cycles_of("words") == words
    assert tile.cycles_of("pixels") == [words[-1]]
    states = [cycle.state for cycle in tile.history]
    assert states[4 : words[-1] + 1] == ["busy"] + ["bank_conflict"] * conflicts


def test_the_array_takes_at_most_a_word_a_lane() -> None:
    """Sixteen banks, two lanes: no conflicts, but two words a cycle."""
    tile = TileDriver(sparse(8, *range(8)), replace(TILE, rows=2, weight_banks=16))
    tile.run()
    assert tile.cycles_of("words") == [4, 4, 5, 5, 6, 6, 7, 7]


def test_a_bank_of_two_ports_gives_two_words() -> None:
    """Five words in bank 0 and one in bank 1, all in the FIFO in 4: two of bank 0 a cycle, and that of bank 1."""
    rows = [*rows_in_bank_0(64, 4)[:5], 1]
    shape = replace(LONG_LINES, rows=8, weight_sram=replace(TILE.weight_sram, ports=k.TWO_RW))
    for lanes, cycles in ((8, [4, 4, 4, 5, 5, 6]), (2, [4, 4, 5, 5, 6, 6])):
        tile = TileDriver(sparse(64, *rows), replace(shape, rows=lanes, fifo_words=16))
        tile.run()
        assert tile.cycles_of("words") == cycles


def test_ideal_ports_of_the_weight_buffer_give_a_word_to_every_lane() -> None:
    """Six words of which five lie in one bank: as many a cycle as there are lanes."""
    rows = [*rows_in_bank_0(64, 4)[:5], 1]
    shape = replace(LONG_LINES, fifo_words=16, weight_sram=replace(TILE.weight_sram, ports=k.UNLIMITED))
    for lanes, cycles in ((8, [4] * 6), (4, [4, 4, 4, 4, 5, 5])):
        tile = TileDriver(sparse(64, *rows), replace(shape, rows=lanes))
        tile.run()
        assert tile.cycles_of("words") == cycles
        assert tile.cycles_of_state("bank_conflict") == []


def test_words_that_gathered_are_taken_a_lane_each_too() -> None:
    """Four words in one of sixteen banks hold the array up, while six of the next pixel, in six banks, gather."""
    words = np.zeros((1, 2, 64), np.int64)
    same_bank = rows_in_bank_0(64, 16)
    words[0, 0, same_bank] = words[0, 1, :6] = 1
    tile = TileDriver(words, replace(LONG_LINES, rows=2, weight_banks=16))
    tile.run()
    assert len(same_bank) == 4
    assert tile.cycles_of("words") == [4, 5, 6, 7, 8, 8, 9, 9, 10, 10]


def test_the_array_does_not_mix_pixels() -> None:
    """Two pixels of one word each in different banks still take a cycle each."""
    words = np.zeros((1, 2, 8), np.int64)
    words[0, 0, 0] = words[0, 1, 1] = 1
    tile = TileDriver(words)
    tile.run()
    assert tile.cycles_of("words") == tile.cycles_of("pixels") == [4, 5]


def test_the_fifo_is_bounded() -> None:
    rows = rows_in_bank_0(64, 4)
    tile = TileDriver(sparse(64, *rows), replace(LONG_LINES, fifo_words=6))
    tile.run()
    fifo = [cycle.fifo for cycle in tile.history]
    # Four words come in 3. From 4 on the array takes one a cycle; room is judged at the beginning of the cycle, so
    # that a full FIFO (6 words, in 5) lets nothing in while it gives one away.
    assert fifo[2:12] == [0, 4, 5, 5, 5, 5, 5, 5, 5, 5]
    assert tile.scalars[k.S_FIFO_PEAK] <= 6
    assert tile.cycles_of("words") == list(range(4, 4 + len(rows)))


def test_pixels_in_flight_and_results_are_bounded() -> None:
    """A slow neuron unit: two results, then four pixels wait, then the detector does."""
    words = np.ones((1, 12, 8), np.int64)
    tile = TileDriver(words, ONE_PIXEL_PACKETS, W_SERVICE=100)
    tile.run()
    assert max(cycle.results for cycle in tile.history) == 2
    assert max(cycle.in_flight for cycle in tile.history) == 4
    packets = tile.cycles_of("packets")
    assert np.diff(packets).tolist() == [100] * 11
    # The third pixel is complete and waits for the first to be served.
    assert {cycle.state for cycle in tile.history[10 : packets[0]]} == {"output_blocked"}


@pytest.mark.parametrize("service", [1, 2, 6])
def test_the_neuron_unit_serves_a_pixel_in_its_service_time(service: int) -> None:
    words = np.zeros((1, 5, 8), np.int64)
    words[:, :, 0] = 1
    tile = TileDriver(words, replace(ONE_PIXEL_PACKETS, results=8), W_SERVICE=service)
    tile.run()
    assert tile.cycles_of("packets") == [8 + service + n * service for n in range(5)]


@pytest.mark.parametrize(("results", "pipeline", "service"), [(1, 2, 1), (2, 2, 1), (2, 2, 2), (2, 0, 1), (3, 4, 1)])
def test_a_result_holds_its_place_from_the_array_to_the_end_of_its_service(
    results: int, pipeline: int, service: int
) -> None:
    """Each place serves a pixel in pipeline + service + 2 cycles: one to enter, one until its end is seen."""
    words = np.zeros((1, 24, 8), np.int64)
    words[:, :, 0] = 1
    tile = TileDriver(words, replace(ONE_PIXEL_PACKETS, results=results, pipeline_cycles=pipeline), W_SERVICE=service)
    tile.run()
    left = np.array(tile.cycles_of("pixels"))[8:]
    assert (left[results:] - left[:-results]).tolist() == [pipeline + service + 2] * (16 - results)


def test_a_packet_holds_as_many_pixels_of_a_row_as_its_payload() -> None:
    """Three pixels of 16 bits fit 50 bits; a row of seven gives packets of 3, 3 and 1 pixels."""
    words = np.zeros((2, 7, 8), np.int64)
    tile = TileDriver(words, replace(TILE, payload_bits=50))
    tile.run()
    # Flits of 64 bits: a header of 32 and 48, 48, 16 bits.
    packets = tile.fabric.network.latency.sum()
    assert packets == 6
    assert tile.fabric.clock.scalars[k.SENT_FLITS] == 2 * (2 + 2 + 1)


def test_a_full_queue_of_the_network_interface_blocks_the_outputs() -> None:
    words = np.zeros((1, 9, 8), np.int64)
    words[:, :, 0] = 1
    tile = TileDriver(words, ONE_PIXEL_PACKETS, mesh(2, 1, queue_flits=1))
    tile.fabric.network.source_occupied[:] = tile.fabric.network.shape.depth
    for _ in range(40):
        tile.step()
    # A packet is queued, one is held by the emitter, a pixel is served, one waits; in 11 the array takes the fifth.
    assert tile.cycles_of("packets") == [9]
    assert tile.history[-1].results == 2
    assert tile.cycles_of("pixels") == [4, 5, 9, 10]
    assert {cycle.state for cycle in tile.history[12:]} == {"output_blocked"}
    tile.fabric.network.source_occupied[:] = 0
    tile.step()
    tile.step()
    # Cycle 40: the first flit is sent; 41: there is room again.
    assert tile.cycles_of("packets") == [9, 41]
    tile.run()
    assert len(tile.cycles_of("packets")) == 9


def test_outputs_wait_for_their_grant() -> None:
    tile = TileDriver(sparse(8, 0), awaits="W_GRANT_GROUP")
    while len(tile.history) < 20:
        tile.step()
    assert tile.cycles_of("pixels") == [4]
    assert tile.cycles_of("packets") == []
    tile.let_go()
    tile.run()
    # The grant arrives in 28; the emitter sees it a cycle later.
    assert tile.cycles_of("packets") == [29]


@pytest.mark.parametrize(
    ("column", "state", "first_line"),
    [("W_WEIGHTS_GROUP", "weights_missing", 31), ("W_ROW_GROUP", "spikes_missing", 29)],
)
def test_a_pass_waits_for_weights_and_rows(column: str, state: str, first_line: int) -> None:
    """Weights open the pass, so that the buffer's latency follows; a row that is missing stops the pass later."""
    tile = TileDriver(sparse(8, 0), awaits=column)
    while len(tile.history) < 20:
        tile.step()
    assert {cycle.state for cycle in tile.history[2:]} == {state}
    tile.let_go()
    tile.run()
    assert {cycle.state for cycle in tile.history[2:29]} == {state}
    assert tile.cycles_of("lines") == [first_line]


def test_the_next_pass_pays_the_latency_of_the_spike_buffer_again() -> None:
    tile = TileDriver(sparse(8, 0), passes=3)
    tile.run()
    # The next pass opens the cycle after the last line of the one before, and reads two cycles later.
    assert tile.cycles_of("lines") == [2, 5, 8]
    assert tile.cycles_of("words") == [4, 7, 10]


def test_every_cycle_has_one_state() -> None:
    tile = TileDriver(np.ones((2, 3, 20), np.int64), passes=2, W_SERVICE=9)
    history = tile.run()
    tile.fabric.settle()
    counted = {name: [cycle.state for cycle in history].count(name) for name in {cycle.state for cycle in history}}
    assert tile.states() == counted
    assert sum(counted.values()) == tile.fabric.cycles == len(history)


@pytest.mark.parametrize("created", range(8))
def test_a_line_loses_its_bank_to_a_write_in_that_very_cycle(created: int) -> None:
    """Line n lies in bank n mod 4 and is read in 2 + n; a flit of two words is written to banks 0 and 1."""
    undisturbed = list(range(2, 34))
    tile = TileDriver(sparse(8 * len(undisturbed)))
    arguments = (0, 1, -1, 0, 0, k.SPIKES, 8, 0, created)
    delivery.send(tile.fabric.clock, tile.fabric.network, 1, *arguments)
    tile.run()
    written = created + 8 + 1
    lost = (written - 2) % 4 in (0, 1)
    assert tile.cycles_of("conflicts") == ([written] if lost else [])
    assert tile.cycles_of("lines") == [t + (lost and t >= written) for t in undisturbed]


def test_a_pool_loses_its_bank_too() -> None:
    tile = TileDriver(np.ones((1, 8, 4), np.int64), replace(TILE, results=8), W_OP=k.MAX_POOL)
    while tile.fabric.now < 3:
        tile.step()
    queue_flit(tile.fabric.tiles, 0, n.HEAD, k.SPIKE_BUFFER, 0, 0)
    tile.run()
    # Position 1 lies in the first word of the buffer, of 32 bits, in bank 0.
    assert tile.cycles_of("conflicts") == [3]
    assert tile.cycles_of("lines") == [2, 4, 5, 6, 7, 8, 9, 10]
    assert tile.history[3].state == "bank_conflict"


def test_wide_words_are_scanned_once_a_slice() -> None:
    """Words of 8 bits in lanes of 4: both halves are scanned, and only halves with a one cost the array anything."""
    words = np.zeros((1, 1, 16), np.int64)
    words[0, 0, [0, 1, 9]] = 0x03, 0x40, 0xFF
    tile = TileDriver(words, W_SLICES=2)
    tile.run()
    assert tile.cycles_of("lines") == [2, 3, 4, 5]
    # Low halves of words 0 and 9, then high halves of 1 and 9.
    assert tile.cycles_of("words") == [4, 5, 6, 7]
    events = tile.fabric.tiles.events[0]
    assert events[k.E_SYNOPS] == (2 + 1 + 8) * 4
    assert events[k.E_MACS] == 4 * 4


def test_a_plane_of_a_serial_pass_takes_the_words_that_have_the_bit() -> None:
    words = np.arange(16).reshape(1, 1, 16)
    tile = TileDriver(words, W_SHIFT=2, W_SLICE_BITS=1)
    tile.run()
    assert len(tile.cycles_of("words")) == 8
    assert tile.fabric.tiles.events[0, k.E_SYNOPS] == 8 * 4


def test_without_skipping_every_word_is_taken() -> None:
    tile = TileDriver(sparse(24, 3), replace(TILE, skips=False))
    tile.run()
    assert len(tile.cycles_of("words")) == 24
    assert tile.fabric.tiles.events[0, k.E_SYNOPS] == 4


def test_padding_is_never_read() -> None:
    """A 3x3 kernel over 2x2 positions of 4 words: each output reads two runs of two positions, a line of 8 words."""
    words = np.ones((2, 2, 4), np.int64)
    tile = TileDriver(words, W_KERNEL_ROWS=3, W_KERNEL_COLUMNS=3, W_PADDING_ROWS=1, W_PADDING_COLUMNS=1)
    tile.run()
    assert len(tile.cycles_of("lines")) == 4 * 2
    assert len(tile.cycles_of("words")) == 4 * 16


def test_a_pool_reads_a_line_of_a_position_a_cycle() -> None:
    """Four positions of ten words in lines of eight; the result is there in the cycle after the last line."""
    tile = TileDriver(
        np.ones((2, 2, 10), np.int64),
        W_OP=k.MAX_POOL,
        W_KERNEL_ROWS=2,
        W_KERNEL_COLUMNS=2,
        W_STRIDE_ROWS=2,
        W_STRIDE_COLUMNS=2,
        W_LAST_ROW=1,
        W_OUT_COLUMNS=1,
        W_OUTS=10,
    )
    tile.run()
    assert tile.cycles_of("lines") == tile.cycles_of_state("busy") == list(range(2, 10))
    assert tile.cycles_of("pixels") == [9]
    # Ready in 10, served in 11, queued in 12.
    assert tile.cycles_of("packets") == [12]


def test_an_addition_reads_a_line_of_each_operand() -> None:
    tile = TileDriver(np.ones((1, 3, 4), np.int64), W_OP=k.ADD, W_KERNEL_ROWS=2)
    tile.run()
    assert tile.cycles_of("lines") == [2, 3, 4, 5, 6, 7]
    assert tile.cycles_of("pixels") == [3, 5, 7]


def twin(pixels: list[list[list[int]]], tile: TileShape, service: int) -> tuple[list[int], list[int]]:
    """Cycles in which each pixel leaves the array and the neuron unit, by a slow model with queues of Python.

    `pixels` holds the lines of each pixel, a line the weight rows of its nonzero words. Within a cycle the neuron
    unit comes first, then the array, then the detector; room in queues is that at the beginning of the cycle.
    """
    todo = deque((deque(map(deque, lines)), n == len(pixels) - 1) for n, lines in enumerate(pixels))
    in_flight: deque[dict[str, object]] = deque()
    results: deque[int] = deque()
    line: deque[int] | None = None
    closes = opened = False
    finished: list[int] = []
    served: list[int] = []
    serving: int | None = None
    for t in count():
        if len(served) == len(pixels):
            return finished, served
        fifo_room = tile.fifo_words - sum(sum(pixel["banks"]) for pixel in in_flight)  # type: ignore[arg-type]
        pixel_room = tile.pixels - len(in_flight)
        result_room = tile.results - len(results)
        if serving is not None and t >= serving:
            results.popleft()
            served.append(t)
            serving = None
        if serving is None and results and results[0] <= t:
            serving = t + service
        if in_flight:
            banks = in_flight[0]["banks"]
            assert isinstance(banks, list)
            for bank in [bank for bank in range(tile.weight_banks) if banks[bank]][: tile.rows]:
                banks[bank] -= 1
            if in_flight[0]["closed"] and not any(banks) and result_room > 0:
                results.append(t + 1 + tile.pipeline_cycles)
                finished.append(t)
                in_flight.popleft()
        if line is not None:
            for _ in range(min(tile.rows, len(line), fifo_room)):
                row = line.popleft()
                in_flight[-1]["banks"][(row + row // tile.weight_banks) % tile.weight_banks] += 1  # type: ignore[index]
            if line:
                continue
            line = None
            if closes:
                in_flight[-1]["closed"] = True
        if t < tile.spike_latency_cycles or not todo or (not opened and pixel_room <= 0):
            continue
        if not opened:
            in_flight.append({"banks": [0] * tile.weight_banks, "closed": False})
        line = todo[0][0].popleft()
        closes = not todo[0][0]
        opened = not closes
        if closes:
            todo.popleft()
    raise AssertionError


@st.composite
def passes(draw: st.DrawFn) -> tuple[np.ndarray, TileShape, int]:
    """Random words [1, columns, channels] of a 1x1 convolution, a tile, and the service time."""
    columns, channels = draw(st.integers(1, 6)), draw(st.integers(1, 40))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    words = random.integers(1, 16, (1, columns, channels))
    words[random.random(words.shape) > draw(st.floats(0, 1))] = 0
    lanes = draw(st.integers(1, 6))
    tile = replace(
        TILE,
        rows=lanes,
        line_words=draw(st.integers(1, 16)),
        fifo_words=lanes + draw(st.integers(0, 10)),
        weight_banks=draw(st.integers(1, 8)),
        pixels=draw(st.integers(1, 4)),
        results=draw(st.integers(1, 3)),
        spike_latency_cycles=draw(st.integers(0, 3)),
        pipeline_cycles=draw(st.integers(0, 3)),
    )
    return words, tile, draw(st.integers(1, 6))


@settings(max_examples=300, deadline=None)
@given(case=passes())
def test_every_pixel_leaves_when_the_twin_says(case: tuple[np.ndarray, TileShape, int]) -> None:
    words, tile, service = case
    driver = TileDriver(words, replace(tile, payload_bits=16), W_SERVICE=service)
    driver.run()
    lines = [
        [
            [first + n for n, word in enumerate(pixel[first : first + tile.line_words]) if word]
            for first in range(0, len(pixel), tile.line_words)
        ]
        for pixel in words[0].tolist()
    ]
    finished, served = twin(lines, tile, service)
    assert driver.cycles_of("pixels") == finished
    assert driver.cycles_of("packets") == [t + 1 for t in served]


@settings(max_examples=200, deadline=None)
@given(case=passes())
def test_no_pass_beats_its_lower_bounds(case: tuple[np.ndarray, TileShape, int]) -> None:
    """Lines take a cycle each, words a lane each, and queues never hold more than they have room for."""
    words, tile, service = case
    driver = TileDriver(words, replace(tile, payload_bits=16), W_SERVICE=service)
    history = driver.run()
    nonzero = int(np.count_nonzero(words))
    per_pixel = -(-words.shape[2] // tile.line_words)
    lines = words.shape[1] * per_pixel
    word_cycles = sum(-(-int(np.count_nonzero(pixel)) // tile.rows) for pixel in words[0])
    started, ended = driver.cycles_of("lines")[0], driver.cycles_of("pixels")[-1]
    assert len(driver.cycles_of("lines")) == lines
    assert len(driver.cycles_of("words")) == nonzero
    assert ended - started + 1 >= max(lines, word_cycles, words.shape[1])
    assert max(cycle.lines for cycle in history) == 1
    assert max(cycle.words for cycle in history) <= min(tile.rows, tile.weight_banks)
    assert max(cycle.fifo for cycle in history) <= tile.fifo_words
    assert max(cycle.in_flight for cycle in history) <= tile.pixels
    assert max(cycle.results for cycle in history) <= tile.results
    assert driver.scalars[k.S_FIFO] == driver.scalars[k.S_PIXELS] == driver.scalars[k.S_RESULTS] == 0


@settings(max_examples=100, deadline=None)
@given(case=passes())
def test_closed_form_without_contention(case: tuple[np.ndarray, TileShape, int]) -> None:
    """With room everywhere and a bank for every weight row, lines alone decide when a pixel leaves."""
    words, tile, _ = case
    free = replace(tile, weight_banks=64, pixels=64, results=64, fifo_words=4096)
    driver = TileDriver(words, free)
    driver.run()
    line_cycles = [
        [
            max(1, -(-int(np.count_nonzero(pixel[first : first + tile.line_words])) // tile.rows))
            for first in range(0, len(pixel), tile.line_words)
        ]
        for pixel in words[0]
    ]
    left = np.cumsum([sum(cycles) for cycles in line_cycles]) + tile.spike_latency_cycles + 1
    assert driver.cycles_of("pixels") == left.tolist()


def test_a_packet_that_waits_survives_any_number_of_passes_without_outputs() -> None:
    """Its pass has long been drained when the grant comes, and its place in the ring of passes been used again."""
    words = np.ones((1, 1, 4), np.int64)
    tile = TileDriver(words, awaits="W_GRANT_GROUP")
    silent = make_pass(words.shape, W_CARRY=k.CARRY_STORE, W_DONE_GROUP=-1)
    for _ in range(2 * k.PASSES):
        tile.fabric.submit_pass(0, silent)
        for _ in range(20):
            tile.step()
    assert tile.scalars[k.S_DRAINED] == 2 * k.PASSES + 1
    assert tile.fabric.clock.scalars[k.SENT_PACKETS] == 0
    tile.let_go()
    for _ in range(20):
        tile.step()
    # The grant itself, and the packet that waited for it.
    assert tile.fabric.clock.scalars[k.SENT_PACKETS] == 2
    assert not tile.fabric.clock.left.any()
