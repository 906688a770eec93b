"""`dram`: the memory behind the controllers, a pipe of bandwidth and latency or channels of banks; or ports to it."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from fractions import Fraction
from importlib.resources import files
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator

from accelsim.config import Bytes, Count, Cycles, NonNegative, Positive, Settings, broken
from accelsim.config.keypath import shown
from accelsim.engine.dram import DramShape, DramTiming
from accelsim.units import bytes_per_cycle, ceil_div, cycles_from_ns, exact

MOST_BANKS = 62
LONGEST_CLOCKS = 1 << 20


class PipeDramSettings(Settings):
    """A pipe behind each controller, with its share of `bandwidth_gb_per_s`. No banks, rows or refreshes."""

    bandwidth_gb_per_s: Positive = Field(ge=1e-6, le=1e6)
    latency_ns: NonNegative = Field(le=1e6, description="from a burst's end on the bus to its bytes at the controller")
    energy: str = Field("lpddr4", description="row of the energy table")

    def bytes_per_cycle(self, controllers: int, clock_mhz: float) -> Fraction:
        """Bandwidth behind one controller in bytes a core-clock cycle, exact."""
        return bytes_per_cycle(self.bandwidth_gb_per_s, clock_mhz) / controllers


Rate = Annotated[float, Field(ge=1e-6, le=1e9)] | Literal["ideal"]
"""Bytes a cycle of the core clock, or no limit."""


class PortsDramSettings(Settings):
    """A port of a tile's DMA engine for each kind of traffic, with a rate of its own, and no network between."""

    weight_bytes_per_cycle: Rate = Field(description="weights read")
    spike_bytes_per_cycle: Rate = Field(description="words read")
    store_bytes_per_cycle: Rate = Field(description="words written")
    latency_ns: NonNegative | None = Field(None, le=1e6, description="from a request to the first of its bytes")
    latency_cycles: Cycles | None = Field(None, le=LONGEST_CLOCKS, description="the same, in cycles of the core clock")
    energy: str = Field("lpddr4", description="row of the energy table")

    @model_validator(mode="after")
    def _check(self) -> PortsDramSettings:
        if self.latency_ns is not None and self.latency_cycles is not None:
            raise broken("latency_cycles", "is given as latency_ns too", self.latency_cycles)
        return self

    @property
    def rates(self) -> tuple[Fraction | None, ...]:
        """Bytes a cycle of the ports for weights, words read and words written; None: no limit."""
        rates = (self.weight_bytes_per_cycle, self.spike_bytes_per_cycle, self.store_bytes_per_cycle)
        return tuple(exact(rate) if isinstance(rate, float) else None for rate in rates)

    def request_cycles(self, clock_mhz: float) -> int:
        """Latency of a request in cycles of the core clock."""
        if self.latency_cycles is not None:
            return self.latency_cycles
        return cycles_from_ns(self.latency_ns or 0.0, clock_mhz)


_NANOSECONDS = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?ns")


def _check_time(value: int | str) -> int | str:
    """Clocks, or a time like `18 ns` that becomes the clocks that last at least as long."""
    if isinstance(value, str) and not _NANOSECONDS.fullmatch(value):
        raise broken("", "must be a whole number of clocks, or a time", value, "29, or 18 ns")
    if isinstance(value, int) and not 0 <= value <= LONGEST_CLOCKS:
        raise broken("", "must be clocks", value, f"0 to {LONGEST_CLOCKS}")
    return value


Time = Annotated[int | str, AfterValidator(_check_time)]


class TimingSettings(Settings):
    """Least distances in clocks of half the data rate, or as `18 ns`, under JEDEC's names."""

    tCL: Time | None = Field(None, description="read to the first of its data")
    tCWL: Time | None = Field(None, description="write to the first of its data")
    tRCD: Time | None = Field(None, description="activation to column command")
    tRP: Time | None = Field(None, description="precharge of a bank to its activation")
    tRPab: Time | None = Field(None, description="precharge of all banks to activation or refresh")
    tRAS: Time | None = Field(None, description="activation to precharge")
    tRC: Time | None = Field(None, description="activation to activation of a bank")
    tWR: Time | None = Field(None, description="last of a write's data to precharge")
    tRTP: Time | None = Field(None, description="read to precharge")
    tRTW: Time | None = Field(None, description="read to write command")
    tWTR_S: Time | None = Field(None, description="last of a write's data to a read of another bank group")
    tWTR_L: Time | None = Field(None, description="the same within a bank group")
    tCCD_S: Time | None = Field(None, description="column command to the next, to another bank group")
    tCCD_L: Time | None = Field(None, description="the same within a bank group")
    tRRD_S: Time | None = Field(None, description="activation to activation, in another bank group")
    tRRD_L: Time | None = Field(None, description="the same within a bank group")
    tFAW: Time | None = Field(None, description="activation to the fourth after it")
    tREFI: Time | None = Field(None, description="refresh to refresh; 0: never")
    tRFC: Time | None = Field(None, description="refresh to activation")


ORGANISATION = (
    "data_rate_mt_per_s",
    "bus_bits",
    "burst_length",
    "banks",
    "bank_groups",
    "rows",
    "row_bytes",
    "address_mapping",
)
"""Keys that a preset gives, besides the timing."""

Preset = Literal["ddr4_3200", "lpddr4_3200", "hbm2"]
Mapping = Literal["row_bank_column", "row_column_bank", "row_bank_column_group"]


@functools.cache
def presets() -> dict[str, dict[str, Any]]:
    """Memories by name: the keys of ORGANISATION, and `timing`."""
    text = (files("accelsim.parts") / "tables" / "dram_presets.yaml").read_text(encoding="utf-8")
    found: dict[str, dict[str, Any]] = yaml.safe_load(text)
    return found


class DramSettings(Settings):
    """Channels of banks. What a preset says, other keys override; without one they say everything."""

    preset: Preset | None = None
    channels: Count | None = Field(None, le=1024, description="in all; default: one a memory controller")
    data_rate_mt_per_s: Positive | None = Field(None, le=1e6, description="transfers a second on a pin, in millions")
    bandwidth_gb_per_s: Positive | None = Field(
        None, ge=1e-6, le=1e6, description="peak of all channels together, in place of the data rate"
    )
    bus_bits: Count | None = Field(None, le=4096, description="data pins of a channel")
    burst_length: Count | None = Field(None, le=256, description="transfers a burst")
    banks: Count | None = Field(None, le=MOST_BANKS, description="of a channel, all groups together")
    bank_groups: Count | None = Field(None, le=MOST_BANKS)
    rows: Count | None = Field(None, le=1 << 30, description="of a bank")
    row_bytes: Bytes | None = Field(None, gt=0, description="of a channel: what one activation opens")
    address_mapping: Mapping | None = Field(None, description="digits of a burst's number, from the highest down")
    interleave_bytes: Bytes | None = Field(
        None, gt=0, description="consecutive bytes in one of a controller's channels; default: 256, a burst at least"
    )
    timing: TimingSettings = TimingSettings()
    page_policy: Literal["open", "closed"] = "open"
    queue: Count = Field(32, le=1024, description="reads that a channel takes; the oldest writes that it chooses among")
    write_high: Count = Field(24, le=1 << 20, description="waiting writes at which they go before reads")
    write_low: int = Field(8, ge=0, description="waiting writes at which reads go on")
    row_hit_cap: Count = Field(16, le=1 << 20, description="younger requests that may pass the oldest")
    latency_ns: NonNegative = Field(
        0.0, le=1e6, description="from a burst's end on the bus to its bytes at the controller"
    )
    energy: str = Field("lpddr4", description="row of the energy table")

    @model_validator(mode="after")
    def _check(self) -> DramSettings:
        if self.bandwidth_gb_per_s is not None and self.data_rate_mt_per_s is not None:
            raise broken("bandwidth_gb_per_s", "follows from data_rate_mt_per_s, which is given too")
        if self.bandwidth_gb_per_s is not None and self.channels is None:
            raise broken("channels", "is missing: bandwidth_gb_per_s is that of all channels together")
        for key in ORGANISATION:
            spared = key == "data_rate_mt_per_s" and self.bandwidth_gb_per_s is not None
            if self._organisation(key) is None and not spared:
                raise broken(key, "is missing, and no preset gives it")
        for name in TimingSettings.model_fields:
            if self._time(name) is None:
                raise broken(f"timing.{name}", "is missing, and no preset gives it")
        for key, value, rule, allowed in self._broken():
            raise broken(key, rule, value, allowed)
        return self

    def _broken(self) -> Iterator[tuple[str, Any, str, str]]:
        """(key, value, rule, allowed) of every rule over several keys that does not hold."""
        bits = self._organisation("bus_bits") * self._organisation("burst_length")
        if bits % 16:
            yield (
                "burst_length",
                self._organisation("burst_length"),
                "a burst must be whole bytes, both clock edges",
                "",
            )
            return
        burst, row = bits // 8, self._organisation("row_bytes")
        banks, groups = self._organisation("banks"), self._organisation("bank_groups")
        if self._organisation("burst_length") % 2:
            yield "burst_length", self._organisation("burst_length"), "must be even: two transfers a clock", ""
            return
        if row % burst:
            yield "row_bytes", row, "must hold whole bursts", f"a multiple of {burst}"
        if banks % groups:
            yield "bank_groups", groups, "must divide the banks", f"a divisor of {banks}"
        if self.interleave_bytes is not None and self.interleave_bytes % burst:
            yield "interleave_bytes", self.interleave_bytes, "must hold whole bursts", f"a multiple of {burst}"
        if self.write_low >= self.write_high:
            yield "write_low", self.write_low, "must be below write_high", f"< {self.write_high}"
        times = self._timing()
        clocks = self._organisation("burst_length") // 2
        for name, least, why in (
            ("tCCD_S", clocks, "a burst holds the data bus so long"),
            ("tCCD_L", times.ccd_s, "within a group at least as long as between groups"),
            ("tRRD_L", times.rrd_s, "within a group at least as long as between groups"),
            ("tWTR_L", times.wtr_s, "within a group at least as long as between groups"),
            ("tRTW", max(1, times.cl + clocks - times.cwl), "the write's data would meet the read's"),
            ("tRAS", times.rcd, "a row is open until its column command"),
        ):
            if self._clocks(name) < least:
                yield f"timing.{name}", self._time(name), f"too short: {why}", f">= {least} clocks"
        close = max(times.ras, times.cwl + clocks + times.wr, times.rtp) + times.rp_all
        least = close + times.rfc + times.rc + times.rcd + 1
        if 0 < times.refi < least:
            yield "timing.tREFI", self._time("tREFI"), "no time is left between refreshes", f"0, or >= {least} clocks"

    def _organisation(self, key: str) -> Any:
        given = getattr(self, key)
        return given if given is not None or self.preset is None else presets()[self.preset][key]

    def _time(self, name: str) -> int | str | None:
        given = getattr(self.timing, name)
        if given is None and self.preset is not None:
            given = presets()[self.preset]["timing"][name]
        found: int | str | None = given
        return found

    @property
    def clock_mhz(self) -> Fraction:
        """The DRAM's clock: two transfers each."""
        if self.bandwidth_gb_per_s is None:
            return exact(self._organisation("data_rate_mt_per_s")) / 2
        assert self.channels is not None
        bits: int = self.channels * self._organisation("bus_bits")
        return exact(self.bandwidth_gb_per_s) * 4000 / bits

    def _clocks(self, name: str) -> int:
        time = self._time(name)
        assert time is not None
        match = _NANOSECONDS.fullmatch(time) if isinstance(time, str) else None
        return cycles_from_ns(match[1], self.clock_mhz) if match else int(time)

    def _timing(self) -> DramTiming:
        return DramTiming(
            rcd=self._clocks("tRCD"),
            rp=self._clocks("tRP"),
            rp_all=self._clocks("tRPab"),
            ras=self._clocks("tRAS"),
            rc=self._clocks("tRC"),
            cl=self._clocks("tCL"),
            cwl=self._clocks("tCWL"),
            wr=self._clocks("tWR"),
            rtp=self._clocks("tRTP"),
            rtw=self._clocks("tRTW"),
            wtr_s=self._clocks("tWTR_S"),
            wtr_l=self._clocks("tWTR_L"),
            ccd_s=self._clocks("tCCD_S"),
            ccd_l=self._clocks("tCCD_L"),
            rrd_s=self._clocks("tRRD_S"),
            rrd_l=self._clocks("tRRD_L"),
            faw=self._clocks("tFAW"),
            refi=self._clocks("tREFI"),
            rfc=self._clocks("tRFC"),
        )

    def shape(self, controllers: int, clock_mhz: float) -> DramShape:
        """The channels of one of some controllers, on a chip with that core clock."""
        burst_length = self._organisation("burst_length")
        burst_bytes = self._organisation("bus_bits") * burst_length // 8
        return DramShape(
            channels=(self.channels or controllers) // controllers,
            interleave_bytes=self.interleave_bytes or ceil_div(256, burst_bytes) * burst_bytes,
            burst_bytes=burst_bytes,
            burst_clocks=burst_length // 2,
            row_bytes=self._organisation("row_bytes"),
            banks=self._organisation("banks"),
            groups=self._organisation("bank_groups"),
            rows=self._organisation("rows"),
            mapping=self._organisation("address_mapping"),
            queue=self.queue,
            high=self.write_high,
            low=self.write_low,
            hit_cap=self.row_hit_cap,
            closed=self.page_policy == "closed",
            clocks_per_cycle=self.clock_mhz / exact(clock_mhz),
            timing=self._timing(),
        )


def _check_kind(value: Any) -> Any:
    if value != "ideal" and not isinstance(value, dict):
        raise broken("", "must be ideal or a mapping", shown(value))
    return value


def _kind_of(value: Any) -> str:
    """Which of the settings of `dram` a value is, or stands for."""
    if isinstance(value, Settings):
        return type(value).__name__
    if not isinstance(value, dict):
        return "ideal"
    if not {key for key in PortsDramSettings.model_fields if key.endswith("bytes_per_cycle")}.isdisjoint(value):
        return "PortsDramSettings"
    banks = set(DramSettings.model_fields) - set(PipeDramSettings.model_fields)
    return "PipeDramSettings" if banks.isdisjoint(value) else "DramSettings"


AnyDram = Annotated[
    Annotated[Literal["ideal"], Tag("ideal")]
    | Annotated[PipeDramSettings, Tag("PipeDramSettings")]
    | Annotated[DramSettings, Tag("DramSettings")]
    | Annotated[PortsDramSettings, Tag("PortsDramSettings")],
    Discriminator(_kind_of),
    BeforeValidator(_check_kind),
]
"""What `dram` may be: no latency and unlimited bandwidth, a pipe, channels of banks, or ports."""
