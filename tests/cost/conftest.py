"""The chip that the tests of energy and area price."""

from __future__ import annotations

import pytest

from accelsim.cost.chip import ChipDescription


@pytest.fixture
def chip() -> ChipDescription:
    """16 tiles of 16 x 16 at 45 nm, so that logic figures are the table's own, unscaled."""
    return ChipDescription(
        node_nm=45,
        clock_mhz=500.0,
        tiles=16,
        pe_rows=16,
        pe_columns=16,
        weight_bits=8,
        lane_bits=4,
        accumulator_bits=24,
        spike_buffer_bytes=64 * 1024,
        weight_buffer_bytes=64 * 1024,
        accumulator_buffer_bytes=16 * 1024,
        line_bits=256,
        fifo_words=128,
        neuron_lanes=16,
        noc_routers=20,
        noc_ports=5,
        flit_bits=64,
        virtual_channels=1,
        buffer_flits=8,
        dram_pj_per_bit=8.0,
    )
