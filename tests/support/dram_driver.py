"""The compiled DRAM channels without a memory controller: requests by hand, and what became of them."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction

from dram_twin import READ, WRITE, Twin

from accelsim.engine.dram import MAPPINGS, DramShape, DramTiming, make_dram
from accelsim.kernels import dram as kernels
from accelsim.kernels import dram_address as places
from accelsim.kernels import dram_state as d

TIMING = DramTiming(
    rcd=7,
    rp=6,
    rp_all=8,
    ras=15,
    rc=21,
    cl=9,
    cwl=5,
    wr=6,
    rtp=4,
    rtw=7,
    wtr_s=3,
    wtr_l=3,
    ccd_s=2,
    ccd_l=2,
    rrd_s=3,
    rrd_l=3,
    faw=12,
    refi=0,
    rfc=40,
)
"""No two sums of these are the same where a test tells them apart; nothing is refreshed."""

SHAPE = DramShape(
    channels=1,
    interleave_bytes=64,
    burst_bytes=8,
    burst_clocks=2,
    row_bytes=64,
    banks=8,
    groups=1,
    rows=1 << 20,
    mapping="row_bank_column",
    queue=16,
    high=12,
    low=4,
    hit_cap=8,
    closed=False,
    clocks_per_cycle=Fraction(1),
    timing=TIMING,
)
"""A DRAM clock is a cycle."""

NAMES = {
    d.ACTIVATE: "activate",
    d.PRECHARGE: "precharge",
    d.PRECHARGE_ALL: "precharge_all",
    d.REFRESH: "refresh",
}
COUNTERS = {
    "reads": d.N_READS,
    "writes": d.N_WRITES,
    "hits": d.N_HITS,
    "misses": d.N_MISSES,
    "conflicts": d.N_CONFLICTS,
    "activations": d.N_ACTIVATIONS,
    "refreshes": d.N_REFRESHES,
    "turns": d.N_TURNS,
    "merged": d.N_MERGED,
    "busy": d.N_BUSY,
}


def timing(**changed: int) -> DramTiming:
    """TIMING with some times changed."""
    return replace(TIMING, **changed)


class DramDriver:
    """The channels of one controller, driven as the controller drives them, a cycle at a time."""

    def __init__(self, shape: DramShape = SHAPE) -> None:
        self.shape = shape
        self.dram = make_dram(shape, 1, 4096)
        self.cycle = 0
        self.finished: list[list[tuple[str, int, int]]] = [[] for _ in range(shape.channels)]
        self.log: list[tuple[int, str, int]] = []
        """(clock, command, bank) of the first channel, while there were requests; filled by `step`."""

    def burst(self, bank: int, row: int, column: int = 0) -> int:
        """Address of a burst of the first channel, of plain shapes."""
        assert self.shape.channels == 1 and self.shape.mapping == "row_bank_column"
        number = (row * self.shape.banks + bank) * (self.shape.row_bytes // self.shape.burst_bytes) + column
        return number * self.shape.burst_bytes

    def has_room(self, address: int) -> bool:
        return bool(kernels.has_room(self.dram, int(places.channel_of(self.dram, 0, address))))

    def read(self, address: int, size: int = 1, token: int = 0) -> None:
        channel = int(places.channel_of(self.dram, 0, address))
        burst = int(places.burst_of(self.dram, address))
        kernels.push(self.dram, channel, d.READ, burst, size, token, int(places.first_clock(self.dram, self.cycle)))

    def write(self, address: int, size: int = 1) -> None:
        kernels.write(self.dram, 0, address, size, self.cycle)

    @property
    def is_urgent(self) -> bool:
        return bool(self.dram.channel[0, d.URGENT])

    def urge(self, urgent: bool) -> None:
        """Say whether the controller's write buffer is full."""
        for channel in range(self.shape.channels):
            kernels.urge(self.dram, channel, int(urgent), int(places.first_clock(self.dram, self.cycle)))

    def run(self) -> None:
        """The clocks of a cycle."""
        until = int(places.first_clock(self.dram, self.cycle + 1))
        for channel in range(self.shape.channels):
            for direction, end, token, _ in self.dram.done[: kernels.run(self.dram, channel, until)].tolist():
                self.finished[channel].append((WRITE if direction else READ, end, token))
        self.cycle += 1

    def step(self) -> None:
        """The same where a clock is a cycle, logging its command."""
        state = self.dram.channel[0]
        waits = state[d.COUNT] + state[d.COUNT_OF_WRITES]
        if waits and not state[d.DECIDED]:
            kernels.decide(self.dram, 0)
        if waits and state[d.COMMAND_AT] == self.cycle:
            direction = int(state[d.MODE])
            table = (self.dram.writes if direction else self.dram.reads)[0]
            entry = table[(state[d.HEAD + direction] + state[d.ENTRY]) & (len(table) - 1)]
            command = int(state[d.COMMAND])
            name = NAMES.get(command, WRITE if direction else READ)
            self.log.append((self.cycle, name, -1 if "all" in name or name == "refresh" else int(entry[d.Q_BANK])))
        self.run()

    def drain(self, longest: int = 100_000) -> None:
        """Step until nothing waits."""
        while self.dram.channel[:, d.COUNT : d.COUNT_OF_WRITES + 1].any():
            assert self.cycle < longest, "requests are never served"
            self.step()

    def counts(self, channel: int = 0) -> dict[str, int]:
        return {name: int(self.dram.count[channel, column]) for name, column in COUNTERS.items()}


def draw_shape(draw: random.Random) -> DramShape:
    """Channels of any organisation and of times that are short, so that all of them count."""
    burst = draw.choice([1, 1, 2, 4])
    groups = draw.choice([1, 1, 2, 4])
    cl, cwl = draw.randint(1, 9), draw.randint(1, 9)
    rcd = draw.randint(1, 8)
    ccd, rrd, wtr = burst + draw.choice([0, 0, 2]), draw.randint(1, 5), draw.randint(0, 5)
    times = DramTiming(
        rcd=rcd,
        rp=draw.randint(1, 8),
        rp_all=draw.randint(1, 10),
        ras=rcd + draw.randint(0, 12),
        rc=draw.randint(1, 30),
        cl=cl,
        cwl=cwl,
        wr=draw.randint(0, 8),
        rtp=draw.randint(1, 8),
        rtw=max(1, cl + burst - cwl) + draw.randint(0, 3),
        wtr_s=wtr,
        wtr_l=wtr + draw.choice([0, 3]),
        ccd_s=ccd,
        ccd_l=ccd + draw.choice([0, 2]),
        rrd_s=rrd,
        rrd_l=rrd + draw.choice([0, 3]),
        faw=draw.randint(1, 25),
        refi=0,
        rfc=draw.randint(1, 40),
    )
    close = max(times.ras, cwl + burst + times.wr, times.rtp) + times.rp_all
    least = close + times.rfc + times.rc + rcd + 1
    burst_bytes = draw.choice([1, 4, 8])
    high = draw.randint(1, 10)
    return DramShape(
        channels=draw.choice([1, 1, 2, 3]),
        interleave_bytes=burst_bytes * draw.choice([1, 4]),
        burst_bytes=burst_bytes,
        burst_clocks=burst,
        row_bytes=burst_bytes * draw.choice([1, 2, 4, 5]),
        banks=groups * draw.choice([1, 2, 3]),
        groups=groups,
        rows=1 << 20,
        mapping=draw.choice(MAPPINGS),
        queue=draw.choice([1, 2, 3, 8]),
        high=high,
        low=draw.randint(0, high - 1),
        hit_cap=draw.choice([1, 2, 5, 100]),
        closed=draw.random() < 0.3,
        clocks_per_cycle=Fraction(*draw.choice([(1, 1), (16, 5), (1, 3), (7, 2), (3, 7)])),
        timing=replace(times, refi=draw.choice([0, least + draw.randint(0, 60)])),
    )


def differences(seed: int, **mistaken: int) -> list[str]:
    """Drive the kernels and the twin with the same random requests; what they do differently.

    The twin's times, or its other settings, are longer by what `mistaken` says.
    """
    draw = random.Random(seed)
    shape = draw_shape(draw)
    # Without refreshes there is nothing to be mistaken in.
    times = {name: now + more for name, more in mistaken.items() if (now := getattr(shape.timing, name, 0))}
    others = {name: getattr(shape, name) + more for name, more in mistaken.items() if hasattr(shape, name)}
    driver, twin = DramDriver(shape), Twin(replace(shape, timing=replace(shape.timing, **times), **others))
    pending = []
    spread = draw.choice([4, 30, 400])
    address = 0
    for token in range(draw.randint(1, 50)):
        address = address + shape.burst_bytes if draw.random() < 0.4 else draw.randrange(spread) * shape.burst_bytes
        size = draw.randint(1, 3 * shape.burst_bytes)
        pending.append((draw.random() < 0.4, address + draw.randrange(shape.burst_bytes), size, token))
    found = []
    idle = 0
    while pending or idle < 60:
        assert driver.cycle < 20_000, "requests are never served"
        while pending and (draw.random() < 0.6):
            is_write, address, size, token = pending[0]
            if is_write:
                driver.write(address, size)
                twin.write(address, size)
            else:
                if driver.has_room(address) != twin.has_room(address):
                    return [f"seed {seed}: room for a read in cycle {driver.cycle}"]
                if not twin.has_room(address):
                    break
                driver.read(address, 1, token)
                twin.read(address, 1, token)
            del pending[0]
        if draw.random() < 0.02:
            driver.urge(not driver.is_urgent)
            for channel in twin.channels:
                channel.urgent = driver.is_urgent
        twin.run(driver.cycle)
        driver.run()
        waits = any(requests for channel in twin.channels for requests in channel.waiting.values())
        idle = 0 if waits or pending else idle + 1
    kernels.settle(driver.dram, driver.cycle)
    for number, channel in enumerate(twin.channels):
        if driver.finished[number] != channel.finished:
            found.append(f"seed {seed}: bursts {driver.finished[number]}, not {channel.finished}")
        expected = {name: channel.counts[name] for name in COUNTERS}
        if driver.counts(number) != expected:
            found.append(f"seed {seed}: counters {driver.counts(number)}, not {expected}")
    return found
