"""Which resource binds: the one that is occupied longest, as nothing can end before its busiest resource is done.

Made infinitely fast, it saves most cycles. The run names it from its counters; `accelsim.simulation.relief` confirms it
by running again with one resource at a time out of the way.
"""

from __future__ import annotations

import numpy as np

from accelsim.engine.topology import home_of
from accelsim.kernels import state as k
from accelsim.simulation.counters import LayerCounters
from accelsim.simulation.record import Run
from accelsim.workload.layer import ARRAY_OPS

DOMINANT = 0.5
"""Share of an array's time from which conflicts in its buffers bind rather than the array; an estimate."""


def layer_bound(run: Run, counters: LayerCounters) -> str:
    """What binds a layer: its busiest array, bank conflicts there, or a way of its data.

    The ways are the layer's bytes on the DRAM bus and its flits on the links of the memory controllers, both spread
    evenly, and the cycles in which results found no room.
    """
    layer = counters.layer
    states = counters.states
    events = counters.events
    unit, banks = ("pe_array", "weight_buffer") if layer.op in ARRAY_OPS else ("neuron_unit", "spike_buffer")
    ways: dict[str, float] = {
        unit: states["busy"] + states["fill_drain"],
        f"{banks}.banks": states["bank_conflict"],
        "dram": _dram_cycles(run, counters),
        "memory_controller.link": int(events[k.E_MEMORY_FLITS]) / run.arch.controllers,
    }
    taker = _taker(run)
    ways[taker] = max(ways.get(taker, 0), states["output_blocked"])
    return _longest(ways)


def _taker(run: Run) -> str:
    """Who has no room for results: the network, or where there is none the neuron unit, unless that takes no time."""
    if run.arch.noc is not None:
        return "noc"
    return "dram" if run.arch.settings.neuron_unit == "ideal" else "neuron_unit"


def _dram_cycles(run: Run, counters: LayerCounters) -> float:
    """Cycles in which the bytes of a layer cross the DRAM bus, or the busiest of the ports."""
    events = counters.events
    read, written = int(events[k.E_DRAM_READ]), int(events[k.E_DRAM_WRITE])
    if run.arch.ports:
        index, layers = run.layers.index(counters.layer), len(run.layers)
        weights = sum(run.program.weight_bytes[index::layers])
        crossed = zip((weights, read - weights, written), run.arch.ports, strict=True)
        return max(0.0 if rate is None else size / float(rate) for size, rate in crossed)
    rate = run.arch.bytes_per_cycle
    return 0.0 if rate is None else (read + written) / float(rate) / run.arch.controllers


def occupied_cycles(run: Run) -> dict[str, int]:
    """Cycles that each resource is occupied at least: the busiest array, neuron unit, DRAM channel and link.

    An array is occupied while it works, fills or drains, or loses a bank; a neuron unit while it encodes, pools or
    adds. What of the array's time are conflicts in the weight and in the spike buffer stands beside it.
    """
    tiles = run.fabric.tiles
    layers = [*run.layers] * run.images
    on_array = np.array([layer.op in ARRAY_OPS for layer in layers])
    working = tiles.cycles[:, :-1, [k.BUSY, k.FILL_DRAIN, k.BANK_CONFLICT]].sum(axis=2)
    array = working[:, on_array].sum(axis=1)
    vector = working[:, ~on_array].sum(axis=1)
    busiest = int(array.argmax())
    conflicts = int(tiles.cycles[busiest, :-1, k.BANK_CONFLICT][on_array].sum())
    lost = tiles.events[:, [k.E_WEIGHT_CONFLICTS, k.E_CONFLICTS]].sum(axis=0)
    of_weights = conflicts * int(lost[0]) // max(1, int(lost.sum()))
    shape = run.arch.network
    flits = run.fabric.network.link_bins.sum(axis=0).reshape(shape.routers, shape.ports)
    controllers = [home_of(shape, node)[0] for node in run.arch.controller_nodes if shape.routers]
    at_controller = np.isin(np.arange(shape.routers), controllers)
    memory = run.fabric.memory
    return {
        "pe_array": int(array[busiest]),
        "weight_buffer.banks": of_weights,
        "spike_buffer.banks": conflicts - of_weights,
        "neuron_unit": int((vector + _service_cycles(run)).max()),
        "dram": int((memory.channel[:, k.C_BUSY] // memory.channel[:, k.C_RATE]).max()),
        "memory_controller.link": int(flits[at_controller].max(initial=0)),
        "noc": int(flits[~at_controller].max(initial=0)),
    }


def run_bound(run: Run) -> str:
    """What binds a run; conflicts stand for the array whose time they are the larger part of."""
    occupied = occupied_cycles(run)
    longest = _longest(occupied)
    if longest == "pe_array":
        for name in ("weight_buffer.banks", "spike_buffer.banks"):
            if occupied[name] > DOMINANT * occupied["pe_array"]:
                return name
    return longest


def _service_cycles(run: Run) -> np.ndarray:
    """Cycles in which the neuron unit of each tile is occupied with the array's pixels."""
    cycles = [
        sum(
            int(work[k.W_SERVICE] * (work[k.W_LAST_ROW] - work[k.W_FIRST_ROW]) * work[k.W_OUT_COLUMNS])
            for command in script.commands
            if (work := command.work)[k.W_OP] == k.ARRAY
        )
        for script in run.program.scripts
    ]
    return np.array(cycles, np.int64)


def _longest(occupied: dict[str, int] | dict[str, float]) -> str:
    return max(occupied, key=lambda name: occupied[name])
