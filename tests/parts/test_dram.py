"""`dram`: presets, what overrides them, physical units to clocks, and what is refused in which words."""

from __future__ import annotations

from fractions import Fraction

import pytest
from chips import chip

from accelsim.build.arch import Arch
from accelsim.errors import InputError
from accelsim.parts.dram import ORGANISATION, TimingSettings, presets

PEAK_GB_PER_S = {"lpddr4_3200": 6.4, "ddr4_3200": 25.6, "hbm2": 32.0}
"""Of a channel: 16 bits x 3.2 GT/s (JESD209-4), 64 x 3.2 (JESD79-4), 128 x 2 (JESD235A)."""

CAPACITY_GBIT = {"lpddr4_3200": 4, "ddr4_3200": 64, "hbm2": 8}
"""Of a channel: half of an LPDDR4 die of 8 Gb, eight DDR4 devices of 8 Gb, an eighth of an HBM2 stack of 8 GB."""


def banks(text: str) -> Arch:
    return chip(f"dram={{{text}}}")


@pytest.mark.parametrize("name", sorted(presets()))
def test_a_preset_says_everything_and_gives_the_peak_of_its_standard(name: str) -> None:
    assert set(presets()[name]) == {*ORGANISATION, "timing"}
    assert set(presets()[name]["timing"]) == set(TimingSettings.model_fields)
    arch = banks(f"preset: {name}")
    shape = arch.dram
    assert shape is not None and arch.bytes_per_cycle is not None
    assert float(arch.bytes_per_cycle) * 0.5 == PEAK_GB_PER_S[name]
    assert shape.capacity_bytes * 8 == CAPACITY_GBIT[name] << 30


def test_channels_are_shared_by_the_controllers() -> None:
    arch = banks("preset: hbm2, channels: 8")
    assert arch.dram is not None and arch.dram.channels == 4
    assert arch.bytes_per_cycle == 4 * Fraction(16 * 2 * 1000, 500)


def test_times_are_clocks_or_nanoseconds_rounded_up_to_clocks() -> None:
    arch = banks("preset: lpddr4_3200, timing: {tRCD: 11, tRP: 18 ns, tRAS: 42.5 ns, tWR: 18.75ns}")
    assert arch.dram is not None
    times = arch.dram.timing
    # A clock lasts 0.625 ns: 28.8, 68 and 30 clocks.
    assert (times.rcd, times.rp, times.ras, times.wr, times.cl) == (11, 29, 68, 30, 35)


def test_explicit_keys_replace_those_of_the_preset() -> None:
    arch = banks(
        "preset: ddr4_3200, banks: 8, bank_groups: 2, address_mapping: row_column_bank, data_rate_mt_per_s: 2400"
    )
    assert arch.dram is not None
    assert (arch.dram.banks, arch.dram.groups, arch.dram.mapping) == (8, 2, "row_column_bank")
    assert arch.dram.clocks_per_cycle == Fraction(1200, 500)


def test_a_bandwidth_stands_for_the_data_rate() -> None:
    arch = banks("preset: lpddr4_3200, channels: 2, bandwidth_gb_per_s: 6.4")
    assert arch.dram is not None and arch.dram.clocks_per_cycle == Fraction(800, 500)
    assert arch.bytes_per_cycle == Fraction(6400, 500) / 2


def test_a_memory_without_a_preset_says_everything_itself() -> None:
    times = "{tCL: 3, tCWL: 2, tRCD: 3, tRP: 3, tRPab: 3, tRAS: 8, tRC: 11, tWR: 3, tRTP: 2, tRTW: 4, tWTR_S: 1, "
    times += "tWTR_L: 1, tCCD_S: 2, tCCD_L: 2, tRRD_S: 1, tRRD_L: 1, tFAW: 4, tREFI: 0, tRFC: 20}"
    arch = banks(
        "data_rate_mt_per_s: 1000, bus_bits: 32, burst_length: 4, banks: 4, bank_groups: 1, rows: 1024, "
        f"row_bytes: 1 KiB, address_mapping: row_bank_column, timing: {times}"
    )
    assert arch.dram is not None
    assert (arch.dram.burst_bytes, arch.dram.burst_clocks, arch.dram.clocks_per_cycle) == (16, 2, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("preset: ddr5", "preset: is not one of the choices (got 'ddr5'); allowed: ddr4_3200, lpddr4_3200, hbm2"),
        (
            "preset: hbm2, channels: 3",
            "channels: 2 memory controllers must share the channels evenly (got 3); allowed: a multiple of 2",
        ),
        ("data_rate_mt_per_s: 3200", "bus_bits: is missing, and no preset gives it"),
        (
            "preset: hbm2, timing: {tRCD: fast}",
            "timing.tRCD: must be a whole number of clocks, or a time (got 'fast'); allowed: 29, or 18 ns",
        ),
        ("preset: hbm2, timing: {tRCD: -1}", "timing.tRCD: must be clocks (got -1); allowed: 0 to 1048576"),
        (
            "preset: hbm2, timing: {tRTW: 2}",
            "timing.tRTW: too short: the write's data would meet the read's (got 2); allowed: >= 12 clocks",
        ),
        (
            "preset: lpddr4_3200, timing: {tCCD_S: 4}",
            "timing.tCCD_S: too short: a burst holds the data bus so long (got 4); allowed: >= 8 clocks",
        ),
        (
            "preset: hbm2, timing: {tREFI: 300}",
            "timing.tREFI: no time is left between refreshes (got 300); allowed: 0, or >= 371 clocks",
        ),
        ("preset: hbm2, row_bytes: 100", "row_bytes: must hold whole bursts (got 100); allowed: a multiple of 64"),
        ("preset: hbm2, bank_groups: 3", "bank_groups: must divide the banks (got 3); allowed: a divisor of 16"),
        (
            "preset: hbm2, interleave_bytes: 32",
            "interleave_bytes: must hold whole bursts (got 32); allowed: a multiple of 64",
        ),
        ("preset: hbm2, burst_length: 3", "burst_length: must be even: two transfers a clock (got 3)"),
        ("preset: hbm2, write_low: 24", "write_low: must be below write_high (got 24); allowed: < 24"),
        (
            "preset: hbm2, data_rate_mt_per_s: 3, bandwidth_gb_per_s: 3",
            "bandwidth_gb_per_s: follows from data_rate_mt_per_s, which is given too",
        ),
        (
            "preset: hbm2, bandwidth_gb_per_s: 3",
            "channels: is missing: bandwidth_gb_per_s is that of all channels together",
        ),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        banks(text)
    assert str(caught.value) == f"--set: dram.{message}"


def test_a_clock_of_too_many_digits_is_refused() -> None:
    with pytest.raises(InputError, match=r"dram.data_rate_mt_per_s: over clock_mhz = 333.33333 is a fraction of more"):
        chip("dram={preset: hbm2, data_rate_mt_per_s: 3200.1234567}", "clock_mhz=333.33333")
