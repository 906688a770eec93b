"""Which resource bounds a layer: where the bottleneck tile spent its cycles, and who kept it waiting.

An estimate from counters of the run, not a rerun: the resource named is the one whose cycles are most.
"""

from __future__ import annotations

from collections.abc import Mapping

BY_STATE = {
    "bank_conflict": "weight_buffer.banks",
    "output_blocked": "noc",
    "sequencing": "sequencer",
}


def cycles_by_resource(
    states: Mapping[str, int], array: str, supply_cycles: Mapping[str, float], from_memory: bool
) -> dict[str, int]:
    """Attribute the cycles of a tile's states to resources.

    `array` names what computes (`pe_array` or `neuron_unit`). Cycles in which weights are missing go to the slower of
    the ways from memory in `supply_cycles` (cycles that the layer's bytes need on the DRAM bus, and on the busiest
    memory controller's link); so do missing spikes if they come from memory, else they go to the layers before.
    """
    supplier = max(supply_cycles, key=lambda name: supply_cycles[name])
    found = {array: states["busy"] + states["fill_drain"], "idle": states["idle"]}
    waiting = {"weights_missing": supplier, "spikes_missing": supplier if from_memory else "producers"}
    for state, resource in (BY_STATE | waiting).items():
        found[resource] = found.get(resource, 0) + states[state]
    return found


def binding(cycles: Mapping[str, int]) -> str:
    """The resource with most cycles; waiting for other layers or tiles is named only when nothing else is left."""
    resources = {name: count for name, count in cycles.items() if name not in ("idle", "producers")}
    chosen = max(resources, key=lambda name: resources[name])
    return chosen if resources[chosen] > 0 else max(cycles, key=lambda name: cycles[name])
