"""DRAM channels in plain Python, clock by clock, from the rules alone: a command is checked against all before it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import ceil

from accelsim.engine.dram import DramShape

READ, WRITE = "read", "write"


@dataclass(slots=True)
class Request:
    """A burst to be read or written; `path` says what its bank needed."""

    burst: int
    bank: int
    row: int
    size: int
    token: int
    path: str = "hits"


@dataclass(slots=True)
class TwinChannel:
    """One channel: requests by age, commands by clock, and what the counters must say."""

    shape: DramShape
    waiting: dict[str, list[Request]] = field(default_factory=lambda: {READ: [], WRITE: []})
    bypassed: dict[str, int] = field(default_factory=lambda: {READ: 0, WRITE: 0})
    mode: str = READ
    open: dict[int, int] = field(default_factory=dict)
    history: list[tuple[int, str, int]] = field(default_factory=list)
    """(clock, command, bank): of activate, precharge, precharge_all, refresh, read, write."""
    log: list[tuple[int, str, int]] = field(default_factory=list)
    """The same, without the precharges that column commands bring."""
    finished: list[tuple[str, int, int]] = field(default_factory=list)
    """(direction, clock at which the burst has left the bus, token) in the order of the commands."""
    counts: Counter[str] = field(default_factory=Counter)
    refreshes_due: int = 1
    last: str = ""
    urgent: bool = False

    def place(self, burst: int) -> tuple[int, int]:
        shape = self.shape
        columns = shape.row_bytes // shape.burst_bytes
        if shape.mapping == "row_bank_column":
            rest, _ = divmod(burst, columns)
            row, bank = divmod(rest, shape.banks)
        elif shape.mapping == "row_column_bank":
            rest, bank = divmod(burst, shape.banks)
            row = rest // columns
        else:
            rest, group = divmod(burst, shape.groups)
            row, in_group = divmod(rest // columns, shape.banks // shape.groups)
            bank = in_group * shape.groups + group
        return bank, row

    def add(self, direction: str, burst: int, size: int, token: int) -> None:
        for other in self.waiting[WRITE]:
            if direction == WRITE and other.burst == burst:
                other.size += size
                self.counts["merged"] += 1
                return
        self.waiting[direction].append(Request(burst, *self.place(burst), size, token))

    def step(self, clock: int) -> None:
        """The command of a clock, if there is one."""
        times = self.shape.timing
        self._choose_mode()
        if times.refi and clock >= times.refi * self.refreshes_due:
            self._refresh(clock)
            return
        seen = self.waiting[self.mode][: self.shape.queue]
        capped = self.bypassed[self.mode] >= self.shape.hit_cap
        for age, request in enumerate(seen):
            hit = self.open.get(request.bank) == request.row
            if hit and not (capped and age) and self._may(clock, self.mode, request.bank):
                self._column(clock, request, age)
                return
        wanted = {request.bank for request in seen if self.open.get(request.bank) == request.row}
        looked_at = set()
        for age, request in enumerate(seen):
            if self.open.get(request.bank) == request.row or request.bank in looked_at:
                continue
            looked_at.add(request.bank)
            if request.bank not in self.open:
                if self._may(clock, "activate", request.bank):
                    self._issue(clock, "activate", request.bank)
                    self.open[request.bank] = request.row
                    request.path = "conflicts" if request.path == "conflicts" else "misses"
                    self.counts["activations"] += 1
                    return
            elif (request.bank not in wanted or (capped and age == 0)) and self._may(clock, "precharge", request.bank):
                self._issue(clock, "precharge", request.bank)
                del self.open[request.bank]
                request.path = "conflicts"
                return

    def _choose_mode(self) -> None:
        reads, writes = len(self.waiting[READ]), len(self.waiting[WRITE])
        if self.mode == READ and writes and (not reads or writes >= self.shape.high or self.urgent):
            self.mode = WRITE
        elif self.mode == WRITE and reads and (not writes or (writes <= self.shape.low and not self.urgent)):
            self.mode = READ

    def _refresh(self, clock: int) -> None:
        if self.open:
            if all(self._may(clock, "precharge", bank) for bank in self.open):
                self._issue(clock, "precharge_all", -1)
                self.open.clear()
        elif all(self._bank_rested(clock, bank) for bank in range(self.shape.banks)):
            self._issue(clock, "refresh", -1)
            self.refreshes_due += 1
            self.counts["refreshes"] += 1

    def _column(self, clock: int, request: Request, age: int) -> None:
        times = self.shape.timing
        direction = self.mode
        self._issue(clock, direction, request.bank)
        end = clock + (times.cl if direction == READ else times.cwl) + self.shape.burst_clocks
        self.finished.append((direction, end, request.token))
        self.counts[direction + "s"] += 1
        self.counts[request.path] += 1
        self.counts["busy"] += self.shape.burst_clocks
        self.counts["turns"] += self.last not in ("", direction)
        self.last = direction
        self.waiting[direction].remove(request)
        self.bypassed[direction] = self.bypassed[direction] + 1 if age else 0
        if self.shape.closed and not any(
            (other.bank, other.row) == (request.bank, request.row)
            for other in self.waiting[direction][: self.shape.queue]
        ):
            del self.open[request.bank]
            soonest = clock + 1
            while not self._may(soonest, "precharge", request.bank):
                soonest += 1
            self.history.append((soonest, "precharge", request.bank))

    def _issue(self, clock: int, command: str, bank: int) -> None:
        self.history.append((clock, command, bank))
        self.log.append((clock, command, bank))

    def _after(
        self, clock: int, command: str, distance: int, bank: int | None = None, group: int | None = None
    ) -> bool:
        """Whether every such command, of a bank or a bank group if one is named, is so many clocks ago."""
        return all(
            clock - before >= distance
            for before, issued, where in self.history
            if issued == command
            and (bank is None or where == bank)
            and (group is None or where % self.shape.groups == group)
        )

    def _bank_rested(self, clock: int, bank: int) -> bool:
        """Whether the bank's own times allow an activation."""
        times = self.shape.timing
        return (
            self._after(clock, "activate", times.rc, bank)
            and self._after(clock, "precharge", times.rp, bank)
            and self._after(clock, "precharge_all", times.rp_all)
            and self._after(clock, "refresh", times.rfc)
        )

    def _may(self, clock: int, command: str, bank: int) -> bool:
        times = self.shape.timing
        data = times.cwl + self.shape.burst_clocks
        group = bank % self.shape.groups
        if command == "precharge":
            return (
                self._after(clock, "activate", times.ras, bank)
                and self._after(clock, READ, times.rtp, bank)
                and self._after(clock, WRITE, data + times.wr, bank)
            )
        if command == "activate":
            activations = [before for before, issued, _ in self.history if issued == "activate"]
            return (
                self._bank_rested(clock, bank)
                and self._after(clock, "activate", times.rrd_s)
                and self._after(clock, "activate", times.rrd_l, group=group)
                and (len(activations) < 4 or clock - activations[-4] >= times.faw)
            )
        allowed = (
            self._after(clock, "activate", times.rcd, bank)
            and self._after(clock, command, times.ccd_s)
            and self._after(clock, command, times.ccd_l, group=group)
        )
        if command == WRITE:
            return allowed and self._after(clock, READ, times.rtw)
        return (
            allowed
            and self._after(clock, WRITE, data + times.wtr_s)
            and self._after(clock, WRITE, data + times.wtr_l, group=group)
        )


class Twin:
    """The channels of one controller under a core clock."""

    def __init__(self, shape: DramShape) -> None:
        self.shape = shape
        self.channels = [TwinChannel(shape) for _ in range(shape.channels)]
        self.clock = 0

    def first_clock(self, cycle: int) -> int:
        return ceil(cycle * self.shape.clocks_per_cycle)

    def home(self, address: int) -> tuple[int, int]:
        """(channel, burst in it) of a byte."""
        stripe, offset = divmod(address, self.shape.interleave_bytes)
        turn, channel = divmod(stripe, self.shape.channels)
        return channel, (turn * self.shape.interleave_bytes + offset) // self.shape.burst_bytes

    def has_room(self, address: int) -> bool:
        return len(self.channels[self.home(address)[0]].waiting[READ]) < self.shape.queue

    def read(self, address: int, size: int, token: int) -> None:
        channel, burst = self.home(address)
        self.channels[channel].add(READ, burst, size, token)

    def write(self, address: int, size: int) -> None:
        bursts = Counter(byte // self.shape.burst_bytes for byte in range(address, address + size))
        for number, count in sorted(bursts.items()):
            channel, burst = self.home(number * self.shape.burst_bytes)
            self.channels[channel].add(WRITE, burst, count, 0)

    def run(self, cycle: int) -> None:
        """The clocks of a cycle."""
        last = self.first_clock(cycle + 1)
        while self.clock < last:
            for channel in self.channels:
                channel.step(self.clock)
            self.clock += 1
