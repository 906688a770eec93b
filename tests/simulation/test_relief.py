"""What binds, confirmed: the resource that a run names saves most cycles when it is out of the way."""

from __future__ import annotations

import pytest

from accelsim.simulation.bound import DOMINANT
from accelsim.simulation.relief import PART_OF, relieve
from accelsim.simulation.run import simulate
from tests.support.chips import chip
from tests.support.small_workload import SmallWorkload, conv

LAYERS = (conv("a", (64, 8, 8), 64), conv("b", (64, 8, 8), 64, inputs=("a",)), conv("c", (64, 8, 8), 64, inputs=("b",)))

BOUND = {
    "dram": ("dram={bandwidth_gb_per_s: 1, latency_ns: 60}",),
    "memory_controller.link": ("dram=ideal", "noc.flit_bits=16"),
    "pe_array": ("dram=ideal", "pe_array.rows=4", "weight_buffer.banks=16"),
    "weight_buffer.banks": ("dram=ideal", "weight_buffer.banks=4"),
    "neuron_unit": ("dram=ideal", "neuron_unit.lanes=1", "neuron_unit.decoding=serial"),
}


@pytest.mark.parametrize("expected", BOUND)
def test_what_binds_saves_most_when_it_is_out_of_the_way(expected: str) -> None:
    workload = SmallWorkload(LAYERS, images=1)
    arch = chip(*BOUND[expected])
    report = simulate(arch, workload, images=3).report
    assert report["total"]["bound_by"] == expected
    relief = relieve(arch, workload, images=3)
    assert relief.cycles == report["total"]["cycles"]
    assert relief.best == PART_OF.get(expected, expected)
    assert relief.saved(relief.best) > 0.2 * relief.cycles
    if expected in relief.relieved:
        assert relief.saved(expected) > DOMINANT * relief.saved(relief.best)


def test_a_resource_that_is_hardly_occupied_changes_nothing() -> None:
    """What `occupied_cycles` shows far below the longest can be made infinitely fast without gain."""
    workload = SmallWorkload(LAYERS, images=1)
    arch = chip(*BOUND["pe_array"])
    occupied = simulate(arch, workload, images=3).report["total"]["occupied_cycles"]
    relief = relieve(arch, workload, images=3)
    assert occupied["neuron_unit"] < 0.2 * occupied["pe_array"]
    assert abs(relief.saved("neuron_unit")) < 0.01 * relief.cycles
