"""Which resource binds: the one that is occupied longest, as nothing can end before its busiest resource is done.

An estimate from counters of the run, not a rerun: what waits for what is not followed.
"""

from __future__ import annotations

import numpy as np

from accelsim.engine.topology import home_of
from accelsim.kernels import state as k
from accelsim.simulation.counters import LayerCounters
from accelsim.simulation.record import Run
from accelsim.workload.layer import ARRAY_OPS


def layer_bound(run: Run, counters: LayerCounters) -> str:
    """What binds a layer: its busiest array, bank conflicts there, or a way of its data.

    The ways are the layer's bytes on the DRAM bus and its flits on the links of the memory controllers, both spread
    evenly, and the cycles in which results found no room.
    """
    layer = counters.layer
    states = counters.states
    events = counters.events
    channels = len(run.arch.controller_nodes)
    rate = run.arch.bytes_per_cycle
    moved = int(events[k.E_DRAM_READ] + events[k.E_DRAM_WRITE])
    return _longest(
        {
            "pe_array" if layer.op in ARRAY_OPS else "neuron_unit": states["busy"] + states["fill_drain"],
            "weight_buffer.banks": states["bank_conflict"],
            "dram": 0.0 if rate is None else moved / float(rate) / channels,
            "memory_controller.link": int(events[k.E_MEMORY_FLITS]) / channels,
            "noc": states["output_blocked"],
        }
    )


def run_bound(run: Run) -> str:
    """What binds a run: the busiest tile, the busiest DRAM channel or the busiest link."""
    fabric = run.fabric
    working = fabric.tiles.cycles[:, :, [k.BUSY, k.FILL_DRAIN, k.BANK_CONFLICT]].sum(axis=(1, 2))
    shape = run.arch.network
    flits = fabric.network.link_bins.sum(axis=0).reshape(shape.routers, shape.ports)
    controllers = [home_of(shape, node)[0] for node in run.arch.controller_nodes]
    at_controller = np.isin(np.arange(shape.routers), controllers)
    return _longest(
        {
            "pe_array": float(working.max()),
            "dram": float(fabric.memory.channel[:, k.C_BUSY].max() / fabric.memory.settings[k.M_RATE]),
            "memory_controller.link": float(flits[at_controller].max()),
            "noc": float(flits[~at_controller].max(initial=0)),
        }
    )


def _longest(occupied: dict[str, float]) -> str:
    return max(occupied, key=lambda name: occupied[name])
