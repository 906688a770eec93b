from __future__ import annotations

from dataclasses import replace

import pytest
from array_case import SMALL
from chips import ROOT

from accelsim.build import load_arch
from accelsim.errors import InputError
from accelsim.rtl.array.packed_array import PackedArray
from accelsim.rtl.array.shape import ArrayShape

SPIKEPACK = ROOT / "arch_configs" / "spikepack.yaml"


def test_an_array_is_made_from_the_settings_of_an_architecture() -> None:
    settings = load_arch(SPIKEPACK, ["weight_buffer.read_latency_cycles=1", "pe_array.lane_bits=3"]).settings
    shape = ArrayShape.from_settings(settings)
    array = settings.pe_array
    assert (shape.rows, shape.columns, shape.line_words, shape.fifo_words) == (
        array.rows,
        array.columns,
        array.line_words,
        array.fifo_words,
    )
    assert shape.slices == 3, "words of 8 bits"
    assert shape.pipeline_cycles == array.pipeline_cycles + 1
    assert shape.bank_rows * shape.weight_banks * shape.columns * 8 == settings.weight_buffer.bytes * 8


def test_every_setting_that_the_rtl_has_not_is_named() -> None:
    overrides = ["pe_array.spike_mode=bit_serial", "pe_array.lane_bits=1", "neuron_unit.decoding=serial"]
    overrides += ["weight_buffer.interleaving=low_order", "weight_buffer.ports=2rw", "pe_array.pipeline_cycles=0"]
    settings = load_arch(SPIKEPACK, [*overrides, "spike_buffer.read_latency_cycles=0"]).settings
    with pytest.raises(InputError) as raised:
        PackedArray.from_settings(settings)
    assert str(raised.value).splitlines() == [
        "pe_array.spike_mode: the RTL has no other array (got 'bit_serial'); allowed: packed",
        "weight_buffer.interleaving: the RTL has no other array (got 'low_order'); allowed: diagonal",
        "neuron_unit.decoding: the RTL has no other array (got 'serial'); allowed: packed",
        "weight_buffer.ports: a bank of the RTL gives one word a cycle (got '2rw'); allowed: 1rw, 1r1w",
        "spike_buffer.read_latency_cycles: the RTL has a register there (got 0); allowed: >= 1",
        "pe_array.pipeline_cycles: the RTL has a register there (got 0); allowed: >= 1",
    ]


def test_a_shape_has_no_empty_side() -> None:
    with pytest.raises(InputError) as raised:
        replace(SMALL, rows=0, skips=False, lane_bits=-1)
    assert str(raised.value).splitlines() == [
        "rows: must be at least 1 (got 0)",
        "lane_bits: must be at least 1 (got -1)",
    ]
