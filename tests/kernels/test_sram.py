"""Banks, ports and arbitration of a tile's SRAMs: patterns with known answers, bounds, and a plain-Python twin."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from bare_fabric import NETWORK, TILE, contents
from chips import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from sram_twin import TileTwin, Turn

from accelsim.engine.fabric import make_tiles
from accelsim.engine.sram import SramShape
from accelsim.kernels import sram
from accelsim.kernels import state as k

PORTS = {"1rw": k.ONE_RW, "1r1w": k.ONE_R_ONE_W, "2rw": k.TWO_RW, "ideal": k.UNLIMITED}
ARBITRATIONS = {"writes_first": k.WRITES_FIRST, "reads_first": k.READS_FIRST, "round_robin": k.ROUND_ROBIN}
ROOMY = replace(NETWORK, buffer_flits=512)
"""A queue for as many flits as a test sends."""


class Buffers:
    """The SRAMs of one tile under the compiled arbiter. Life cycle: flits arrive, `step` after `step`."""

    def __init__(self, shapes: tuple[SramShape, SramShape], banks: tuple[int, int], flit_bits: int) -> None:
        shape = replace(
            TILE,
            spike_sram=shapes[0],
            weight_sram=shapes[1],
            spike_banks=banks[0],
            weight_banks=banks[1],
            flit_bits=flit_bits,
        )
        self.tiles = make_tiles(shape, (0,), ROOMY, contents())
        self.now = 0

    def arrive(self, number: int, buffer: int, place: int) -> None:
        sram.queue_flit(self.tiles, 0, number, buffer, place, 0)

    def step(self, line: tuple[int, int] | None, banks: list[int]) -> Turn:
        tiles, t = self.tiles, self.now
        self.now += 1
        waits = bool(tiles.sinking[0])
        after = waits and sram.ask_to_write(tiles, 0, line is not None or bool(banks), t)
        done = line is not None and bool(
            sram.reads_freely(tiles, 0, line[1], t) or sram.read_spikes(tiles, 0, *line, t)
        )
        contended = bool(sram.is_written(tiles, 0, k.WEIGHT_BUFFER, t))
        given = tuple(bank for bank in banks if not contended or sram.read_weights(tiles, 0, bank, t))
        if after:
            sram.write_flit(tiles, 0, t)
        return Turn(int(sram.take_leaving(tiles, 0)) if waits else -1, done, given)


def buffers(
    ports: str = "1rw", arbitration: str = "writes_first", banks: int = 4, interleaving: int = k.LOW_ORDER
) -> Buffers:
    """Two SRAMs of words of 32 bits, 8 a bank, and flits of one word."""
    shape = SramShape(32, 8, PORTS[ports], interleaving, ARBITRATIONS[arbitration])
    return Buffers((shape, replace(shape, interleaving=k.DIAGONAL)), (banks, banks), 32)


@pytest.mark.parametrize(
    ("ports", "arbitration", "flit", "line"),
    [
        ("1rw", "writes_first", 0, 1),
        ("1rw", "reads_first", 1, 0),
        ("1rw", "round_robin", 0, 1),
        *(("1r1w", arbitration, 0, 0) for arbitration in ARBITRATIONS),
        *(("2rw", arbitration, 0, 0) for arbitration in ARBITRATIONS),
    ],
)
def test_a_flit_and_a_line_want_one_bank(ports: str, arbitration: str, flit: int, line: int) -> None:
    """`flit` and `line` are the cycles in which each is done."""
    tile = buffers(ports, arbitration)
    tile.arrive(7, k.SPIKE_BUFFER, 4)
    turns = [tile.step((0, 32), [])]
    turns.append(tile.step(None if turns[0].line else (0, 32), []))
    assert [turn.left for turn in turns] == [7 if t == flit else -1 for t in range(2)]
    assert [turn.line for turn in turns] == [t == line for t in range(2)]


@pytest.mark.parametrize(("ports", "arbitration"), list(product(PORTS, ARBITRATIONS)))
def test_other_banks_are_not_disturbed(ports: str, arbitration: str) -> None:
    tile = buffers(ports, arbitration)
    tile.arrive(7, k.SPIKE_BUFFER, 1)
    assert tile.step((0, 32), []) == Turn(7, True, ())


@pytest.mark.parametrize(
    ("interleaving", "banks", "ports", "cycles"),
    [
        (k.LOW_ORDER, 4, "1rw", 1),
        (k.LOW_ORDER, 2, "1rw", 2),
        (k.LOW_ORDER, 2, "2rw", 1),
        (k.LOW_ORDER, 1, "1rw", 3),
        (k.LOW_ORDER, 1, "2rw", 2),
        (k.BLOCK, 4, "1rw", 3),
        (k.BLOCK, 4, "1r1w", 3),
        (k.BLOCK, 4, "2rw", 2),
    ],
)
def test_a_line_over_three_words_takes_the_cycles_that_its_banks_need(
    interleaving: int, banks: int, ports: str, cycles: int
) -> None:
    """64 bits from bit 31 on begin in word 0 and end in word 2."""
    tile = buffers(ports, banks=banks, interleaving=interleaving)
    turns = [tile.step((31, 64), []).line for _ in range(cycles)]
    assert turns == [False] * (cycles - 1) + [True]


def test_a_block_keeps_what_is_written_apart_from_what_is_read() -> None:
    """Eight words a bank: a flit for word 8 lies in bank 1, and never meets words 0 to 7; in turn it would."""
    for interleaving, lost in ((k.BLOCK, 0), (k.LOW_ORDER, 1)):
        tile = buffers(interleaving=interleaving)
        tile.arrive(0, k.SPIKE_BUFFER, 8)
        assert tile.step((0, 32), []).line == (not lost)


def test_the_array_loses_only_the_banks_that_a_flit_takes() -> None:
    tile = buffers()
    tile.arrive(3, k.WEIGHT_BUFFER, 2)
    assert tile.step(None, [0, 1, 2, 3]) == Turn(3, False, (0, 1, 3))
    tile.arrive(4, k.WEIGHT_BUFFER, 2)
    tile.tiles.sram[k.WEIGHT_BUFFER, k.B_ARBITRATION] = k.READS_FIRST
    assert tile.step(None, [0, 1, 2, 3]) == Turn(-1, False, (0, 1, 2, 3))
    assert tile.step(None, [0, 1, 3]) == Turn(4, False, (0, 1, 3))


def test_flits_for_one_buffer_do_not_disturb_the_other() -> None:
    tile = buffers()
    tile.arrive(0, k.WEIGHT_BUFFER, 0)
    assert tile.step((0, 32), []) == Turn(0, True, ())
    tile.arrive(1, k.SPIKE_BUFFER, 0)
    assert tile.step(None, [0]) == Turn(1, False, (0,))


def test_reads_first_let_a_flit_go_first_when_it_has_lost_sixteen_times() -> None:
    tile = buffers(arbitration="reads_first")
    for number in range(2):
        tile.arrive(number, k.SPIKE_BUFFER, 0)
    turns = [tile.step((0, 32), []) for _ in range(40)]
    assert [t for t, turn in enumerate(turns) if not turn.line] == [16, 33]
    assert [t for t, turn in enumerate(turns) if turn.left >= 0] == [16, 33]


def test_ideal_ports_take_every_access_of_a_cycle() -> None:
    """A flit of four words and a line of four in one bank: both at once, cycle after cycle."""
    shape = SramShape(32, 64, k.UNLIMITED, k.BLOCK)
    tile = Buffers((shape, shape), (1, 1), 128)
    for number in range(3):
        tile.arrive(number, k.SPIKE_BUFFER, 0)
    assert [tile.step((0, 128), []) for _ in range(3)] == [Turn(number, True, ()) for number in range(3)]


def test_round_robin_alternates_while_both_want_one_bank() -> None:
    tile = buffers(arbitration="round_robin")
    for number in range(3):
        tile.arrive(number, k.SPIKE_BUFFER, 4 * number)
    turns = [tile.step((0, 32), []) for _ in range(7)]
    assert [turn.left for turn in turns] == [0, -1, 1, -1, 2, -1, -1]
    assert [turn.line for turn in turns] == [False, True, False, True, False, True, True]


def test_a_packet_without_data_leaves_in_its_turn() -> None:
    tile = buffers()
    tile.arrive(0, k.SPIKE_BUFFER, 0)
    tile.arrive(1, -1, 0)
    tile.arrive(2, k.SPIKE_BUFFER, 0)
    assert [tile.step(None, []).left for _ in range(4)] == [0, 1, 2, -1]


@st.composite
def shapes(draw: st.DrawFn, interleavings: tuple[int, ...]) -> SramShape:
    return SramShape(
        width_bits=draw(st.integers(1, 40)),
        depth_words=draw(st.integers(1, 9)),
        ports=draw(st.sampled_from(sorted(PORTS.values()))),
        interleaving=draw(st.sampled_from(interleavings)),
        arbitration=draw(st.sampled_from(sorted(ARBITRATIONS.values()))),
    )


@st.composite
def tiles(draw: st.DrawFn) -> tuple[tuple[SramShape, SramShape], tuple[int, int], int, int]:
    """Rules of two SRAMs, their banks, the bits of a flit, and a seed for the requests."""
    both = draw(shapes((k.LOW_ORDER, k.BLOCK))), draw(shapes((k.LOW_ORDER, k.DIAGONAL)))
    banks = draw(st.integers(1, 8)), draw(st.integers(1, 8))
    return both, banks, draw(st.integers(1, 80)), draw(st.integers(0, 2**32 - 1))


def play(case: tuple[tuple[SramShape, SramShape], tuple[int, int], int, int], cycles: int = 60) -> int:
    """Random flits and reads through kernel and twin, every turn compared; the longest that a flit stood in front."""
    both, banks, flit_bits, seed = case
    random = np.random.default_rng(seed)
    kernel, twin = Buffers(both, banks, flit_bits), TileTwin(both, banks, flit_bits)
    load, hot = random.random(3), int(random.integers(1, 12))
    line: tuple[int, int] | None = None
    longest = waited = 0
    for number in range(cycles):
        if random.random() < load[0]:
            buffer, place = int(random.integers(-1, 2)), int(random.integers(0, hot))
            kernel.arrive(number, buffer, place)
            twin.arrive(number, buffer, place)
        if line is None and random.random() < load[1]:
            line = int(random.integers(0, 32 * hot)), int(random.integers(1, 200))
        wanted = [bank for bank in range(banks[1]) for _ in range(both[1].reads) if random.random() < load[2]]
        before = {flit[0] for flit in list(twin.queue)[:1]}
        found, expected = kernel.step(line, wanted), twin.step(line, wanted)
        assert found == expected, number
        for buffer, memory in enumerate(twin.srams):
            used = kernel.tiles.use[buffer, 0]
            mine = {
                bank: (int(used[bank]) & 3, (int(used[bank]) >> 2) & 3)
                for bank in range(banks[buffer])
                if used[bank] >> 4 == number and used[bank] & 15
            }
            theirs = {bank: (done.count("r"), done.count("w")) for bank, done in memory.taken.items()}
            # What meets nothing is not noted: reads of weights without a flit for them, flits without reads.
            assert all(mine[bank][0] <= theirs[bank][0] and mine[bank][1] <= theirs[bank][1] for bank in mine)
            if memory.shape.ports == k.UNLIMITED:
                continue
            most = {k.ONE_RW: (1, 1, 1), k.ONE_R_ONE_W: (1, 1, 2), k.TWO_RW: (2, 2, 2)}[memory.shape.ports]
            for reads, writes in theirs.values():
                assert reads <= most[0] and writes <= most[1] and reads + writes <= most[2]
        if found.line:
            line = None
        waited = waited + 1 if before and found.left < 0 else 0
        longest = max(longest, waited)
    return longest


@settings(max_examples=300, deadline=None)
@given(case=tiles())
def test_every_access_is_granted_when_the_twin_says(case: object) -> None:
    play(case)  # type: ignore[arg-type]


@settings(max_examples=200, deadline=None)
@given(case=tiles())
def test_no_flit_waits_for_ever(case: tuple[tuple[SramShape, SramShape], tuple[int, int], int, int]) -> None:
    """A flit that asks first writes a word at least: one cycle a word, two in turn, and patience before reads."""
    both, _, flit_bits, _ = case
    words = max(-(-flit_bits // shape.width_bits) for shape in both)
    arbitrations = {shape.arbitration for shape in both}
    longest = play(case, 200)
    if arbitrations == {k.WRITES_FIRST}:
        assert longest < words
    elif k.READS_FIRST not in arbitrations:
        assert longest < 2 * words
    else:
        assert longest < max(2 * words, sram.PATIENCE + words)


PLAIN = """
from hypothesis import given, settings
from test_sram import play, tiles

@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(case=tiles())
def check(case):
    play(case)

check()
print("same")
"""


def test_the_twin_says_the_same_of_kernels_that_are_not_compiled() -> None:
    path = os.pathsep.join(str(ROOT / below) for below in (".", "tests/support", "tests/kernels"))
    done = subprocess.run(
        [sys.executable, "-c", PLAIN],
        env=os.environ | {"PYTHONPATH": path, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "same\n"), done.stderr
