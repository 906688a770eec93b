"""DRAM channels: every time between commands to the clock, the scheduler's choices, refreshes, bandwidth."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from fractions import Fraction
from itertools import pairwise

import pytest
from chips import ROOT
from dram_driver import SHAPE, DramDriver, differences, timing
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.engine.dram import DramShape, DramTiming
from accelsim.kernels import dram as kernels
from accelsim.kernels import dram_state as d
from accelsim.parts.dram import DramSettings, presets


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_every_burst_and_counter_is_that_of_the_twin(seed: int) -> None:
    """Any organisation, times, clock ratio and page policy; reads, writes, parts of bursts, gaps and bursts of them."""
    assert differences(seed) == []


def test_plain_python_does_the_same() -> None:
    script = "from dram_driver import differences\nprint([found for seed in range(150) for found in differences(seed)])"
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "support")])
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


@pytest.mark.parametrize(
    "name", [*(f.name for f in fields(DramTiming)), "queue", "high", "low", "hit_cap", "burst_clocks"]
)
def test_a_mistake_of_one_clock_or_place_shows(name: str) -> None:
    assert any(differences(seed, **{name: 1}) for seed in range(200))


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, 20_000, 1000))
def test_many_random_streams_are_those_of_the_twin(first: int) -> None:
    assert [found for seed in range(first, first + 1000) for found in differences(seed)] == []


def reads(*places: tuple[int, int, int]) -> Callable[[DramDriver], None]:
    """Reads of bursts (bank, row, column), all asked for at once."""

    def ask(driver: DramDriver) -> None:
        for token, place in enumerate(places):
            driver.read(driver.burst(*place), token=token)

    return ask


def writes(*places: tuple[int, int, int]) -> Callable[[DramDriver], None]:
    def ask(driver: DramDriver) -> None:
        for place in places:
            driver.write(driver.burst(*place))

    return ask


def write_then_read(written: tuple[int, int, int], read: tuple[int, int, int]) -> Callable[[DramDriver], None]:
    """A read that is asked for when the write's column command has been issued; its row was opened before."""

    def ask(driver: DramDriver) -> None:
        driver.read(driver.burst(*read[:2], 7))
        driver.drain()
        driver.write(driver.burst(*written))
        driver.drain()
        driver.read(driver.burst(*read))

    return ask


def read_then_write(place: tuple[int, int, int]) -> Callable[[DramDriver], None]:
    def ask(driver: DramDriver) -> None:
        driver.read(driver.burst(*place))
        driver.drain()
        driver.write(driver.burst(*place))

    return ask


def commands(ask: Callable[[DramDriver], None], shape: DramShape) -> list[tuple[int, str, int]]:
    driver = DramDriver(shape)
    ask(driver)
    driver.drain()
    return driver.log


SAME_BANK = reads((0, 0, 0), (0, 1, 0))
TWO_BANKS = reads((0, 0, 0), (1, 0, 0))
FIVE_BANKS = reads(*((bank, 0, 0) for bank in range(5)))
GROUPS = replace(SHAPE, groups=2)

PROBES = [
    # (what is asked for, first command, second command, time, values of it, what else counts between the two)
    (SAME_BANK, ("activate", 0), ("read", 0), "rcd", (7, 11), 0, SHAPE),
    (SAME_BANK, ("activate", 0), ("precharge", 0), "ras", (15, 19), 0, SHAPE),
    (SAME_BANK, ("precharge", 0), ("activate", 0), "rp", (6, 9), 0, SHAPE),
    (SAME_BANK, ("activate", 0), ("activate", 0), "rc", (30, 41), 0, SHAPE),
    (SAME_BANK, ("read", 0), ("precharge", 0), "rtp", (20, 23), 0, SHAPE),
    (writes((0, 0, 0), (0, 1, 0)), ("write", 0), ("precharge", 0), "wr", (6, 10), 5 + 2, SHAPE),
    (TWO_BANKS, ("activate", 0), ("activate", 1), "rrd_s", (3, 5), 0, replace(SHAPE, groups=8)),
    (reads((0, 0, 0), (2, 0, 0)), ("activate", 0), ("activate", 2), "rrd_l", (4, 6), 0, GROUPS),
    (FIVE_BANKS, ("activate", 0), ("activate", 4), "faw", (15, 20), 0, SHAPE),
    (reads((0, 0, 0), (0, 0, 1)), ("read", 0), ("read", 0), "ccd_l", (2, 5), 0, SHAPE),
    (writes((0, 0, 0), (0, 0, 1)), ("write", 0), ("write", 0), "ccd_l", (2, 5), 0, SHAPE),
    (reads((0, 0, 0), (1, 0, 0)), ("read", 0), ("read", 1), "ccd_s", (6, 8), 0, replace(SHAPE, groups=8)),
    (read_then_write((0, 0, 0)), ("read", 0), ("write", 0), "rtw", (7, 9), 0, SHAPE),
    (write_then_read((0, 0, 0), (0, 0, 1)), ("write", 0), ("read", 0), "wtr_l", (3, 8), 5 + 2, SHAPE),
    (
        write_then_read((1, 0, 0), (0, 0, 1)),
        ("write", 1),
        ("read", 0),
        "wtr_s",
        (3, 8),
        5 + 2,
        replace(SHAPE, groups=8),
    ),
]


@pytest.mark.parametrize(
    ("ask", "before", "after", "time", "values", "besides", "shape"), PROBES, ids=[f"{p[3]}-{p[1][0]}" for p in PROBES]
)
def test_blocked_at_one_clock_and_ready_at_the_next(
    ask: Callable[[DramDriver], None],
    before: tuple[str, int],
    after: tuple[str, int],
    time: str,
    values: tuple[int, int],
    besides: int,
    shape: DramShape,
) -> None:
    """A command follows another after just the time that JEDEC names: one clock less, and it would be too soon."""
    for value in values:
        longer = {"ccd_s": "ccd_l", "rrd_s": "rrd_l", "wtr_s": "wtr_l"}.get(time, time)
        timed = replace(shape, timing=timing(**{time: value, longer: max(value, getattr(timing(), longer))}))
        log = commands(ask, timed)
        starts = [clock for clock, *command in log if tuple(command) == before]
        ends = [clock for clock, *command in log if tuple(command) == after]
        start = starts[-1] if before != after and time in ("rtw", "wtr_s", "wtr_l") else starts[0]
        ready = next(clock for clock in ends if clock > start)
        assert ready == start + value + besides
        # The same again, stopped before that clock and after it.
        driver = DramDriver(timed)
        ask(driver)
        issued = sum(tuple(command) == after for clock, *command in log if clock < ready)
        while driver.cycle < ready:
            driver.step()
        assert sum(tuple(command) == after for _, *command in driver.log) == issued
        driver.step()
        assert sum(tuple(command) == after for _, *command in driver.log) == issued + 1


def test_a_refresh_blocks_everything_and_closes_all_rows() -> None:
    """Due in 100: the row of bank 0 is closed then, the refresh follows tRPab later, the next activation tRFC later."""
    driver = DramDriver(replace(SHAPE, timing=timing(refi=100)))
    driver.read(driver.burst(0, 0))
    driver.drain()
    while driver.cycle < 100:
        driver.step()
    driver.read(driver.burst(0, 0, 1))
    driver.drain()
    assert driver.log[2:] == [
        (100, "precharge_all", -1),
        (108, "refresh", -1),
        (148, "activate", 0),
        (155, "read", 0),
    ]
    assert driver.counts()["refreshes"] == 1


def test_a_command_goes_before_a_refresh_that_is_not_due() -> None:
    for asked, first in ((98, (98, "read", 0)), (99, (99, "read", 0)), (100, (100, "precharge_all", -1))):
        driver = DramDriver(replace(SHAPE, timing=timing(refi=100)))
        driver.read(driver.burst(0, 0))
        driver.drain()
        while driver.cycle < asked:
            driver.step()
        driver.read(driver.burst(0, 0, 1))
        driver.drain()
        assert driver.log[2] == first


@pytest.mark.parametrize("idle", [0, 99, 100, 101, 107, 108, 150, 10_000, 123_456_789])
def test_refreshes_of_an_idle_channel_cost_nothing_and_are_counted(idle: int) -> None:
    """Nothing is stepped while nothing waits; whoever comes later finds the channel as if it had been."""
    driver = DramDriver(replace(SHAPE, timing=timing(refi=100)))
    driver.read(driver.burst(0, 0))
    driver.drain()
    kernels.settle(driver.dram, idle)
    begun = max(0, (idle - 1) // 100)
    # The first follows its precharge, which is due in 100, by tRPab; the others begin when they are due.
    assert driver.counts()["refreshes"] == (begun if begun > 1 else int(idle > 108))


def test_open_rows_first_and_then_the_oldest() -> None:
    """The second read of the open row passes the one of another row; bank 1 is opened meanwhile."""
    driver = DramDriver()
    reads((0, 0, 0), (0, 1, 0), (1, 5, 0), (0, 0, 1))(driver)
    driver.drain()
    assert [token for _, _, token in driver.finished[0]] == [0, 3, 2, 1]
    assert driver.counts() == {
        "reads": 4,
        "writes": 0,
        "hits": 1,
        "misses": 2,
        "conflicts": 1,
        "activations": 3,
        "refreshes": 0,
        "turns": 0,
        "merged": 0,
        "busy": 8,
    }


@pytest.mark.parametrize("cap", [1, 3, 6])
def test_the_oldest_is_passed_by_so_many_at_most(cap: int) -> None:
    driver = DramDriver(replace(SHAPE, hit_cap=cap))
    driver.read(driver.burst(0, 0))
    driver.drain()
    driver.read(driver.burst(0, 1), token=100)
    for column in range(1, 8):
        driver.read(driver.burst(0, 0, column), token=column)
    driver.drain()
    order = [token for _, _, token in driver.finished[0]]
    assert order.index(100) == 1 + cap


def test_writes_wait_for_a_pause_or_the_high_mark_and_stop_at_the_low_one() -> None:
    shape = replace(SHAPE, queue=8, high=5, low=2)
    driver = DramDriver(shape)
    for column in range(8):
        driver.read(driver.burst(0, 0, column))
    for row in range(4):
        driver.write(driver.burst(1, 0, row))
    driver.drain()
    assert [direction for direction, _, _ in driver.finished[0]] == ["read"] * 8 + ["write"] * 4
    driver = DramDriver(shape)
    for column in range(8):
        driver.read(driver.burst(0, 0, column))
    for row in range(5):
        driver.write(driver.burst(1, 0, row))
    driver.drain()
    assert [direction for direction, _, _ in driver.finished[0]] == ["write"] * 3 + ["read"] * 8 + ["write"] * 2
    assert driver.counts()["turns"] == 2


def test_a_full_write_buffer_makes_writes_go_first() -> None:
    driver = DramDriver()
    driver.read(driver.burst(0, 0))
    driver.write(driver.burst(1, 0))
    driver.urge(True)
    driver.drain()
    assert [direction for direction, _, _ in driver.finished[0]] == ["write", "read"]


def test_writes_to_a_burst_that_waits_join_it() -> None:
    driver = DramDriver()
    for address in range(8):
        driver.write(address)
    driver.drain()
    assert driver.counts() | {"busy": 2} == driver.counts()
    assert (driver.counts()["writes"], driver.counts()["merged"]) == (1, 7)


def test_a_closed_page_is_precharged_as_soon_as_it_may() -> None:
    """The activation for the other row waits for tRAS + tRP, and no command was needed to close the bank."""
    open_page = commands(SAME_BANK, SHAPE)
    closed = commands(SAME_BANK, replace(SHAPE, closed=True))
    assert [command for _, command, _ in open_page] == ["activate", "read", "precharge", "activate", "read"]
    assert [command for _, command, _ in closed] == ["activate", "read", "activate", "read"]
    assert closed[2][0] == closed[0][0] + 15 + 6


def test_a_closed_page_stays_while_it_is_wanted() -> None:
    log = commands(reads(*((0, 0, column) for column in range(8))), replace(SHAPE, closed=True))
    assert [command for _, command, _ in log] == ["activate"] + ["read"] * 8


def preset_shape(name: str, **changed: int | str) -> DramShape:
    """One channel of a preset under a clock of its own."""
    settings = DramSettings.model_validate({"preset": name, "channels": 1, **changed})
    return replace(settings.shape(1, 1.0), clocks_per_cycle=Fraction(1))


def stream(shape: DramShape, addresses: list[int]) -> tuple[DramDriver, int]:
    """Read bursts as fast as the channel takes them; the clock at which the last has left the bus."""
    driver = DramDriver(shape)
    left = iter(addresses)
    address = next(left, None)
    while address is not None or driver.dram.channel[0, d.COUNT]:
        while address is not None and driver.has_room(address):
            driver.read(address)
            address = next(left, None)
        driver.run()
    return driver, driver.finished[0][-1][1]


@pytest.mark.parametrize("name", sorted(presets()))
def test_a_sequential_stream_nearly_fills_the_bus(name: str) -> None:
    """At least 95 % of the peak, less the share of time that refreshes take."""
    shape = preset_shape(name)
    count = 8_000
    driver, clocks = stream(shape, [number * shape.burst_bytes for number in range(count)])
    refreshing = driver.counts()["refreshes"] * shape.timing.rfc
    assert driver.counts()["refreshes"] > 1
    assert count * shape.burst_clocks >= 0.95 * (clocks - refreshing)
    assert driver.counts()["busy"] == count * shape.burst_clocks


@pytest.mark.parametrize("name", sorted(presets()))
def test_a_stream_of_row_misses_in_a_bank_goes_at_the_pace_of_trc(name: str) -> None:
    shape = replace(preset_shape(name, address_mapping="row_bank_column"), timing=preset_shape(name).timing)
    shape = replace(shape, timing=replace(shape.timing, refi=0))
    row_bytes = shape.row_bytes * shape.banks
    driver, clocks = stream(shape, [row * row_bytes for row in range(100)])
    ends = [end for _, end, _ in driver.finished[0]]
    times = shape.timing
    # A row is closed tRTP after its read, but not before tRAS, and opened again tRP later.
    period = max(times.rc, max(times.ras, times.rcd + times.rtp) + times.rp)
    assert period == times.rc
    assert {after - before for before, after in pairwise(ends)} == {times.rc}
    assert clocks == 99 * times.rc + times.rcd + times.cl + shape.burst_clocks
    assert (driver.counts()["misses"], driver.counts()["conflicts"]) == (1, 99)


def test_bank_groups_keep_the_bus_full_only_where_bursts_alternate() -> None:
    """DDR4: tCCD_L is two bursts, so that a row of one bank gives half of the peak."""
    row = [64 * number for number in range(128)]
    one_bank = stream(preset_shape("ddr4_3200", address_mapping="row_bank_column"), row)[1]
    assert one_bank == 22 + 127 * 8 + 22 + 4
    # Four activations are tRRD_S apart each; the row is spread over four banks.
    assert stream(preset_shape("ddr4_3200"), row)[1] <= 22 + 127 * 4 + 22 + 4 + 4 * 4
