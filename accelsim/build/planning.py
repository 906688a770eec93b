"""The mapping of a workload onto a chip, for those who run it and for those who only want to know that it fits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from accelsim.build.routes import branches, readers
from accelsim.build.schema import Arch
from accelsim.errors import InputError
from accelsim.mapping.plan import Plan
from accelsim.mapping.planner import make_plan
from accelsim.units import ceil_div
from accelsim.workload.layer import ARRAY_OPS, Layer
from accelsim.workload.payload import encode
from accelsim.workload.workload import Workload


def plan_workload(arch: Arch, workload: Workload, layers: Sequence[Layer]) -> Plan:
    """Map layers onto a chip, with the densities of the first image. Raises InputError where they do not fit."""
    density = {}
    for layer in layers:
        if layer.op in ARRAY_OPS:
            words = workload.input_words(layer.name, 0)
            density[layer.name] = float(np.count_nonzero(words) / words.size)
    plan = make_plan(layers, arch.capacity, density)
    if arch.settings.noc.multicast == "tree":
        _check_branches(arch, plan)
    return plan


def _check_branches(arch: Arch, plan: Plan) -> None:
    """Encoded packets, too, must fit a virtual channel whole to branch; an encoding can lengthen them."""
    settings = arch.settings
    problems = []
    for layer_plan in plan.layers:
        branching = [
            group[1] - group[0]
            for part in layer_plan.parts
            for group in part.groups
            if branches(list(readers(plan, layer_plan, part, group)))
        ]
        bits = max((_longest_payload(arch, layer_plan.layer, channels) for channels in set(branching)), default=0)
        flits = ceil_div(bits + settings.network_interface.header_bits, settings.noc.flit_bits)
        if branching and flits > settings.noc.buffer_flits:
            rule = f"could deadlock: packets of {layer_plan.layer.name} that branch may have {flits} flits in "
            rule += "this encoding"
            allowed = f">= {flits}, or noc.multicast: none"
            key = ("noc", "buffer_flits")
            problems.append(arch.document.problem(key, rule, settings.noc.buffer_flits, allowed))
    if problems:
        raise InputError(problems)


def _longest_payload(arch: Arch, layer: Layer, channels: int) -> int:
    """Bits of the longest payload of spikes from a group of channels: of as many words as fit, none silent."""
    interface = arch.settings.network_interface
    bits = arch.capacity.stored_bits(layer.out_word_bits)
    words = channels * min(layer.out_shape[2], max(1, interface.packet_payload_bits // (channels * bits)))
    return len(encode(np.ones(words, np.int64), bits, interface.payload))


def check(arch: Arch, workload: Workload | None) -> list[str]:
    """Validate that a workload fits a chip, without running; notes for people. Raises InputError."""
    if workload is None:
        return []
    return list(plan_workload(arch, workload, workload.layers).notes)
