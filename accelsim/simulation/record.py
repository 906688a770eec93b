"""A finished run, before anything is added up."""

from __future__ import annotations

from dataclasses import dataclass

from accelsim.build.arch import Arch
from accelsim.build.program import Program
from accelsim.engine.fabric import Fabric
from accelsim.mapping.plan import Plan
from accelsim.workload.layer import Layer
from accelsim.workload.statistics import LayerStatistics
from accelsim.workload.workload import Workload


@dataclass(frozen=True, slots=True)
class Run:
    """A finished simulation, before anything is added up."""

    arch: Arch
    workload: Workload
    layers: tuple[Layer, ...]
    plan: Plan
    program: Program
    fabric: Fabric
    images: int
    finished: tuple[int, ...]
    """Per image, the cycles until the last of its outputs had reached a memory controller."""
    actor_events: int
    statistics: dict[str, LayerStatistics]
    seed: int
    verified: dict[str, int] | None = None
    notes: tuple[str, ...] = ()
    """What verifying found that the reader must know."""
