"""The mapping of a workload onto a chip, for those who run it and for those who only want to know that it fits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from accelsim.build.schema import Arch
from accelsim.mapping.plan import Plan
from accelsim.mapping.planner import make_plan
from accelsim.workload.layer import ARRAY_OPS, Layer
from accelsim.workload.workload import Workload


def plan_workload(arch: Arch, workload: Workload, layers: Sequence[Layer]) -> Plan:
    """Map layers onto a chip, with the densities of the first image."""
    density = {}
    for layer in layers:
        if layer.op in ARRAY_OPS:
            words = workload.input_words(layer.name, 0)
            density[layer.name] = float(np.count_nonzero(words) / words.size)
    return make_plan(layers, arch.capacity, density)


def check(arch: Arch, workload: Workload | None) -> list[str]:
    """Validate that a workload fits a chip, without running; notes for people. Raises InputError."""
    if workload is None:
        return []
    return list(plan_workload(arch, workload, workload.layers).notes)
