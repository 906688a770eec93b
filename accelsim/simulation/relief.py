"""What a run would take if one resource of the chip were as fast as its settings allow: the test of `bound_by`."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.build.arch import Arch, arch_of
from accelsim.build.planning import plan_workload
from accelsim.config import Document, override
from accelsim.simulation.run import choose_layers, run_engine
from accelsim.workload.workload import Workload

RELIEFS: dict[str, tuple[str, ...]] = {
    "pe_array": (
        "pe_array.rows=1024",
        "pe_array.line_words=1024",
        "pe_array.fifo_words=4096",
        "pe_array.pixels_in_flight=64",
        "weight_buffer.banks=256",
    ),
    "weight_buffer.banks": ("weight_buffer.banks=256",),
    "spike_buffer.banks": ("spike_buffer.banks=64",),
    "neuron_unit": ("neuron_unit=ideal",),
    "dram": ("dram=ideal",),
    "noc": ("noc.flit_bits=4096",),
}
"""Overrides that make a resource as fast as settings allow. Faster links also relieve those of memory controllers.

Where a dataflow schedules the work of the arrays, their steps take no cycles instead, and no bank conflicts arise.
"""

OF_LANES = ("pe_array", "weight_buffer.banks", "spike_buffer.banks")
"""Reliefs of an array that the fabric steps."""

PART_OF = {"weight_buffer.banks": "pe_array", "spike_buffer.banks": "pe_array", "memory_controller.link": "noc"}
"""Resources that are out of the way whenever a larger one is."""


@dataclass(frozen=True, slots=True)
class Relief:
    """Cycles of a run as the chip is, and with each resource out of the way, the mapping being the same."""

    cycles: int
    relieved: dict[str, int]

    def saved(self, resource: str) -> int:
        """Cycles that an unlimited resource saves."""
        return self.cycles - self.relieved[resource]

    @property
    def best(self) -> str:
        """The resource that saves most; one that is part of another counts as that one."""
        return max((name for name in self.relieved if name not in PART_OF), key=self.saved)


def relieve(arch: Arch, workload: Workload, images: int = 1) -> Relief:
    """Run a workload as it is, and once more for each resource that the chip has with that resource out of the way."""
    plan = plan_workload(arch, workload, choose_layers(workload, None), images)

    def cycles(chip: Arch, instant_arrays: bool = False) -> int:
        return run_engine(chip, workload, images=images, plan=plan, instant_arrays=instant_arrays).fabric.cycles

    absent = {"noc"} if arch.noc is None else set()
    absent |= {"neuron_unit"} if arch.settings.neuron_unit == "ideal" else set()
    absent |= set(OF_LANES) if arch.dataflow is not None else set()
    relieved = {name: cycles(_with(arch.document, change)) for name, change in RELIEFS.items() if name not in absent}
    if arch.dataflow is not None:
        relieved["pe_array"] = cycles(arch, instant_arrays=True)
    return Relief(cycles(arch), relieved)


def _with(document: Document, change: tuple[str, ...]) -> Arch:
    changed = override(document, change)
    return arch_of(changed)
