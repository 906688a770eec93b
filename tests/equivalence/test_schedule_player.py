"""The fabric plays a schedule as a plain player does: same end, same states of every cycle."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from chips import ROOT
from firefly import convolution, run
from firefly_preset import run_preset
from step_player import Memory, rate

from accelsim.build import load_arch

LAYERS = [((5, 6), 20, 40, 2), ((7, 9), 33, 17, 4), ((4, 4), 70, 50, 3)]
PORTS = [(16, None, 0), (5, None, 3), (8, 1, 0), (100, Fraction(1, 2), 7), (7, 3, 90)]
"""Bytes a cycle of the weight port and of the spike port, and the latency of a request."""


@pytest.mark.parametrize("ports", PORTS, ids=[f"{weights}-{spikes}" for weights, spikes, _ in PORTS])
@pytest.mark.parametrize("shape", LAYERS, ids=[f"{channels}-{outs}" for _, channels, outs, _ in LAYERS])
@pytest.mark.parametrize("preset", ["firefly_v1_p16", "firefly_v2"])
def test_same_states_of_every_cycle(preset: str, shape: Any, ports: Any, tmp_path: Path) -> None:
    weights, spikes, latency = ports
    array = load_arch(ROOT / "arch_configs" / f"{preset}.yaml").settings.pe_array
    streams = array.stream_input
    layer = convolution(*shape)
    memory = (
        f"dram={{weight_bytes_per_cycle: {weights}, spike_bytes_per_cycle: "
        f"{float(spikes) if spikes and streams else 'ideal'}, store_bytes_per_cycle: ideal, latency_cycles: {latency}}}"
    )
    found = run_preset(preset, layer, tmp_path, "neuron_unit=ideal", "pe_array.pipeline_cycles=0", memory)
    played = run(
        array,
        layer,
        Memory(weights=rate(weights, latency), stream_rate=spikes if streams else None, stream_latency=latency),
    )
    assert found["cycles"] == played.cycles
    assert found["compute_cycles"] == played.states["busy"] + played.states["fill/drain"]
    waits = {reason: cycles for reason, cycles in found["stall_cycles"].items() if cycles}
    assert waits == {state.replace(" ", "_"): cycles for state, cycles in played.states.items() if "missing" in state}
