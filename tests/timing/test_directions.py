"""One parameter at a time: cycles move in the right direction, and so does the stall that is to blame."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import pytest
from chips import chip
from small_workload import SmallWorkload, conv

from accelsim.kernels import state as k
from accelsim.simulation.invariants import check_invariants
from accelsim.simulation.record import Run
from accelsim.simulation.run import run_engine
from accelsim.simulation.timeline import STATE_NAMES
from accelsim.workload.layer import Layer

ONE_TILE = ("tiles={columns: 1, rows: 1}", "noc.columns=2", "noc.rows=1", "memory_controller.nodes=[1]")
NO_BANK_CONFLICTS = "weight_buffer.banks=256"
NO_CONFLICTS = (NO_BANK_CONFLICTS, "weight_buffer.ports=1r1w", "spike_buffer.ports=1r1w")
"""Nor do reads meet what is written."""

HEAVY = (conv("heavy", (16, 8, 8), 32),)
"""Much work a pixel: 144 words of a 3x3 receptive field."""

LIGHT = (conv("light", (2, 8, 8), 32, kernel=1),)
"""Little work a pixel, but 32 outputs."""

_FIRST = conv("first", (8, 12, 12), 32, kernel=1)
CHAIN = (_FIRST, conv("second", _FIRST.out_shape, 32, inputs=("first",)))
"""A layer whose words arrive at the next one while that one reads."""


@dataclass(frozen=True)
class Case:
    """`values` of `key` from poor to rich, and the state whose cycles the key is to blame for."""

    key: str
    values: tuple[object, ...]
    state: str
    layers: tuple[Layer, ...]
    fixed: tuple[str, ...] = ONE_TILE


CASES = [
    Case("weight_buffer.banks", (1, 2, 4, 8, 16, 32), "bank_conflict", HEAVY),
    Case("spike_buffer.banks", (1, 2), "bank_conflict", CHAIN, (NO_BANK_CONFLICTS, "noc.flit_bits=64", "dram=ideal")),
    Case("noc.flit_bits", (32, 64, 128, 256), "weights_missing", HEAVY, (*ONE_TILE, "dram=ideal")),
    Case("dram.bandwidth_gb_per_s", (0.4, 1.6, 6.4, 25.6), "weights_missing", HEAVY),
    Case("dram.latency_ns", (500, 100, 20, 0), "weights_missing", HEAVY),
    Case("pe_array.rows", (1, 2, 4, 8, 16), "busy", HEAVY, (*ONE_TILE, NO_BANK_CONFLICTS)),
    Case("pe_array.columns", (4, 8, 16, 32), "busy", HEAVY, (*ONE_TILE, NO_BANK_CONFLICTS)),
    Case("pe_array.line_words", (8, 16, 64), "busy", HEAVY, (*ONE_TILE, NO_BANK_CONFLICTS)),
    Case(
        "network_interface.queue_flits",
        (33, 66, 132, 300),
        "output_blocked",
        LIGHT,
        (*ONE_TILE, "noc.flit_bits=32", "pe_array.columns=32", "neuron_unit={lanes: 32, results: 8}"),
    ),
    Case("neuron_unit.results", (1, 2, 4), "output_blocked", LIGHT),
    Case(
        "weight_buffer.double",
        ("false", "true"),
        "weights_missing",
        HEAVY,
        (*ONE_TILE, NO_BANK_CONFLICTS, "weight_buffer.bytes=1200", "pe_array.columns=4"),
    ),
]


def run(case: Case, value: object) -> Run:
    done = run_engine(chip(*case.fixed, f"{case.key}={value}"), SmallWorkload(case.layers, images=1))
    check_invariants(done)
    return done


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.key)
def test_more_of_a_resource_takes_no_longer_and_stalls_less(case: Case) -> None:
    state = STATE_NAMES.index(case.state)
    runs = [run(case, value) for value in case.values]
    cycles = [done.fabric.cycles for done in runs]
    stalled = [int(done.fabric.tiles.cycles[:, :, state].sum()) for done in runs]
    assert all(richer <= poorer for poorer, richer in pairwise(cycles)), cycles
    assert all(richer < poorer for poorer, richer in pairwise(stalled)), stalled
    assert cycles[-1] < cycles[0]


def test_a_stall_is_gone_where_its_cause_is() -> None:
    """The other way round: without the cause there is not one cycle of it."""
    free = run(Case("dram", ("ideal",), "", HEAVY, (*ONE_TILE, *NO_CONFLICTS, "neuron_unit.results=16")), "ideal")
    states = dict(zip(STATE_NAMES, free.fabric.tiles.cycles.sum(axis=(0, 1)).tolist(), strict=True))
    assert states["bank_conflict"] == states["output_blocked"] == states["sequencing"] == 0
    assert states["busy"] > 0


def test_writes_take_the_only_bank_of_a_spike_buffer_from_reads() -> None:
    """Lost reads are counted where they happen; more banks lose fewer."""
    fixed = (NO_BANK_CONFLICTS, "noc.flit_bits=64", "dram=ideal")
    lost = [
        int(run(Case("spike_buffer.banks", (), "", CHAIN, fixed), banks).fabric.tiles.events[:, k.E_CONFLICTS].sum())
        for banks in (1, 2, 4, 8)
    ]
    assert all(richer < poorer for poorer, richer in pairwise(lost)), lost


def test_states_of_one_tile_tell_where_the_cycles_went() -> None:
    """With one tile, what a change saves is what its states lose: they add up to the run."""
    poor, rich = (run(CASES[0], banks) for banks in (1, 32))
    for done in (poor, rich):
        assert int(done.fabric.tiles.cycles.sum()) == done.fabric.cycles
    conflicts = [int(done.fabric.tiles.cycles[:, :, k.BANK_CONFLICT].sum()) for done in (poor, rich)]
    saved = poor.fabric.cycles - rich.fabric.cycles
    assert saved == pytest.approx(conflicts[0] - conflicts[1], rel=0.02)
