"""A chip whose network can deadlock, which no architecture file may describe, and what its run says."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from chips import DIGITS, SPIKEPACK

from accelsim.build.arch import load_arch
from accelsim.engine import fabric
from accelsim.errors import SimulationError
from accelsim.simulation.run import run_engine
from accelsim.workload.load import load_input


def test_the_packets_that_wait_for_each_other_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights on their way round a ring without a second class of VCs: each packet holds what the next one needs."""
    monkeypatch.setattr(fabric, "PATIENCE_CYCLES", 1000)
    ring = ("noc.topology=ring", "noc.columns=20", "noc.rows=1", "noc.virtual_channels=2", "noc.buffer_flits=1")
    arch = load_arch(SPIKEPACK, [*ring, "noc.flit_bits=64", "dram=ideal"])
    one_class = arch.settings.noc.model_copy(update={"virtual_channels": 1})
    arch = replace(arch, settings=arch.settings.model_copy(update={"noc": one_class}))
    with pytest.raises(SimulationError) as error:
        run_engine(arch, load_input(DIGITS))
    lines = str(error.value).splitlines()
    assert re.fullmatch(r"deadlock: nothing moves after cycle \d+", lines[0])
    assert "  host waits for output words of fc, image 0 (10 to come)" in lines
    cycle = lines[lines.index("  a cycle of waiting packets:") + 1 :]
    assert len(cycle) > 3
    form = r"    (packet \d+ from node \d+ to node \d+ in router \d+, input (?:[+-]|local), VC 0)( waits for)?"
    named = [re.fullmatch(form, line) for line in cycle]
    assert all(named)
    packets = [match[1] for match in named if match]
    assert packets[0] == packets[-1] and len(set(packets)) == len(packets) - 1
